"""Asking Twilio: for texts whose answer was lost, and for those that no report has told the end of.

Questions take time and may hang, so they are asked by the worker of texts and never by the clock's.
"""

import time
from datetime import datetime, timedelta
from typing import Protocol

from campaigns import addresses, clock, ledger
from campaigns.channels import twilio_reports
from campaigns.channels.twilio_look_ups import Found, LookUpFailed
from campaigns.ledger import Asked, AtNumber, Doubt
from campaigns.models import Enquiry
from campaigns.receipts.evidence import matched
from campaigns.receipts.storing import store
from campaigns.receipts.twilio_status import read_report

SLICE = 2.0
"""Seconds after which asking makes room for others."""

LOOKS = 2
"""How often a doubt is looked for, a minute apart, before its text is sent once more."""

LONGEST_VALIDITY = timedelta(hours=10, minutes=10)
"""After this Twilio has delivered a text or given it up: the second and last time that its status is asked for."""


class LookUps(Protocol):
    """What is asked of Twilio; both raise LookUpFailed."""

    def text(self, sid: str) -> Found | None:
        """One text by its sid."""
        ...

    def texts_to(self, number: str) -> list[Found]:
        """All texts to a number."""
        ...


def is_due(now: datetime) -> bool:
    """Whether a question is to be asked. Served by enquiries_by_time."""
    return Enquiry.objects.filter(look_at__lte=now).exists()


def ask(twilio: LookUps, seconds: float = SLICE) -> bool:
    """Asks what is due for at most about `seconds`; True when there is more. One without an answer waits a minute."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        asked = ledger.next_enquiry(clock.now())
        if asked is None:
            return False
        try:
            _ask(asked, twilio)
        except LookUpFailed:
            return False
    return True


def _ask(asked: Asked, twilio: LookUps) -> None:
    if asked.ref:
        _ask_for_status(asked, twilio)
    else:
        _ask_for_doubt(asked, twilio)


def _ask_for_status(asked: Asked, twilio: LookUps) -> None:
    found = twilio.text(asked.ref)
    if found is not None:
        _store(asked.delivery, asked.attempt, found, asked.token)
    last = asked.since + LONGEST_VALIDITY
    if found is None or twilio_reports.is_final(found.status) or clock.now() >= last:
        ledger.done_asking(asked.delivery)
    else:
        ledger.looked([asked.delivery], last)


def _ask_for_doubt(asked: Asked, twilio: LookUps) -> None:
    """Settles all doubts on one number together, since they may have the same words."""
    now = clock.now()
    ledger.fold([asked.delivery], now)
    known = ledger.at_number_of(asked.delivery)
    if known.in_hand or all(doubt.delivery != asked.delivery for doubt in known.doubts):
        return  # a text under way would pass for the lost one: look again in a minute; or a receipt has told
    found = matched(known.doubts, _texts(known, twilio), known.refs, addresses.words_hash)
    for doubt in known.doubts:
        if doubt.delivery in found:
            _store(doubt.delivery, doubt.attempt, found[doubt.delivery], doubt.delivery)
            ledger.fold([doubt.delivery], now)
    _not_found([doubt for doubt in known.doubts if doubt.delivery not in found], asked, now)


def _texts(known: AtNumber, twilio: LookUps) -> list[Found]:
    return twilio.texts_to(known.number) if known.number else []


def _not_found(doubts: list[Doubt], asked: Asked, now: datetime) -> None:
    """Only the doubt that was due has had its time; the others on its number are asked for when theirs has come."""
    for doubt in doubts:
        if doubt.delivery != asked.delivery:
            continue
        if asked.looks + 1 < LOOKS:
            ledger.looked([doubt.delivery], now + ledger.ASK_AGAIN)
        else:
            ledger.resend_or_end(doubt.delivery, now)


def _store(delivery: int, attempt: int, found: Found, spread: int) -> None:
    report = read_report(
        sid=found.sid,
        status=found.status,
        code=found.code,
        attempt=attempt,
        spread=spread,
        raw={"from": "list"},
    )
    store(delivery, report)
