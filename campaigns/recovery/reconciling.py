"""Reconciling: after a restore, what the providers know tells what had gone out; the rest waits for a person.

Emails are known by their Message-IDs in a log that a person gives; texts by Twilio's own list, which is complete, so
that it proves what was not sent as well.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from campaigns import addresses, clock, content, ledger, rendering
from campaigns.ledger import Claimed, Doubt
from campaigns.models import Restoration, Step
from campaigns.models.words import Channel
from campaigns.receipts.asking import LookUps
from campaigns.receipts.evidence import matched
from campaigns.recovery import mail_logs

CLOCKS_DIFFER = timedelta(minutes=2)
"""How far Twilio's clock and Postgres's may be apart."""


def open_what_was_due(now: datetime) -> None:
    """Makes the deliveries that became due between backup and restore, all held, so that they can be judged."""
    for step in ledger.openings(now).due:
        opened = ledger.open_chunk(step, now)
        while opened is not None and not opened.complete:
            opened = ledger.open_chunk(step, now)


def emails(restoration: Restoration, logs: Iterable[Path]) -> int:
    """Notes as sent every held email that these logs name, with the family that shared it. Raises BackupError."""
    named = {
        pair
        for pair in mail_logs.named(logs, settings.MESSAGE_ID_DOMAIN)
        if pair[1] <= restoration.last_entrant
    }
    held = ledger.held_back(Channel.EMAIL)
    families = {(row.step, row.family) for row in held if (row.step, row.entrant) in named and row.family}
    proven = [
        row.delivery
        for row in held
        if (row.step, row.entrant) in named or (row.family and (row.step, row.family) in families)
    ]
    return ledger.went_out(proven, clock.now())


@dataclass(frozen=True)
class Text:
    """One text that may have gone out: to which number, for whom, and a hash of its words ('' if none can be made)."""

    number: str
    deliveries: list[int]
    body_hash: str


def texts(restoration: Restoration, twilio: LookUps) -> tuple[int, int]:
    """Asks Twilio for each held text's number: the same words since the backup are it, no text at all is none.

    A number that got other words since (of a message that was edited meanwhile, or an alert) waits for a person.
    Returns how many deliveries were sent and how many are given back. Raises LookUpFailed.
    """
    by_number: dict[str, list[Text]] = defaultdict(list)
    for text in _held_texts():
        by_number[text.number].append(text)
    judged = [
        _judged(number, waiting, restoration.backup_at - CLOCKS_DIFFER, twilio)
        for number, waiting in by_number.items()
    ]
    return sum(sent for sent, _ in judged), sum(back for _, back in judged)


def summary() -> dict[tuple[str, str, str], int]:
    """What is still held, by event, step and channel."""
    left: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in ledger.held_back():
        left[(row.event, row.step_name, row.channel)] += 1
    return dict(left)


def _judged(number: str, waiting: list[Text], since: datetime, twilio: LookUps) -> tuple[int, int]:
    refs = ledger.at_number_of(waiting[0].deliveries[0]).refs
    there = [
        text
        for text in (twilio.texts_to(number) if number else [])
        if text.sid not in refs and (text.created_at is None or text.created_at >= since)
    ]
    doubts = [Doubt(text.deliveries[0], 0, text.body_hash, since, 0) for text in waiting if text.body_hash]
    found = matched(doubts, there, refs, addresses.words_hash)
    sent = back = 0
    for text in waiting:
        if proof := found.get(text.deliveries[0]):
            refs_of = [proof.sid, *[""] * (len(text.deliveries) - 1)]
            sent += ledger.went_out(text.deliveries, clock.now(), refs_of)
        elif len(there) == len(found) and text.body_hash:
            back += ledger.let_go(text.deliveries)
    return sent, back


def _held_texts() -> list[Text]:
    steps: dict[int, dict[int, int]] = defaultdict(dict)
    for row in ledger.held_back(Channel.SMS):
        steps[row.step][row.entrant] = row.delivery
    return [text for step, deliveries in steps.items() for text in _texts_of(step, deliveries)]


def _texts_of(step_id: int, deliveries: dict[int, int]) -> list[Text]:
    """The texts of one step, as they would be made now for those who are held; a family on one number shares one."""
    step = Step.objects.select_related(
        "campaign__event__organiser", "version", "fallback_version", "release"
    ).get(id=step_id)
    now = clock.now()
    groups: dict[bytes, list[Claimed]] = defaultdict(list)
    for seen in ledger.foresee(step, now, channel=Channel.SMS, only=list(deliveries)):
        groups[seen.family or str(seen.facts.entrant).encode()].append(seen.facts)
    message = rendering.message_of(step, Channel.SMS)
    return [
        Text(group[0].address, [deliveries[facts.entrant] for facts in group], _hash(message, group, now))
        for group in groups.values()
    ]


def _hash(message: rendering.Message, group: list[Claimed], now: datetime) -> str:
    try:
        return addresses.words_hash(message.finished_sms(group, now).body)
    except content.ContentError:
        return ""
