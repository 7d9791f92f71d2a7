"""What an entrant is shown of their messages, and what they may choose: next, why, which kinds, what was sent.

It reads; what a press changes is `optout`'s. Nothing here may show a surname, a number or an address.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import QueryDict

from campaigns import clock, ledger, optout, rendering, view_link
from campaigns.models import Delivery, Entrant, InboundText
from campaigns.models.receipts import InboundKind
from campaigns.models.words import Channel, Purpose
from campaigns.receipts import notes

BY = {Channel.EMAIL: "by email", Channel.SMS: "by text"}

WORDING = {
    (Channel.EMAIL, Purpose.TIPS): "Health tips by email",
    (Channel.EMAIL, Purpose.SPONSOR): "Sponsor messages by email",
    (Channel.SMS, Purpose.SERVICE): "Texts about your race",
    (Channel.SMS, Purpose.TIPS): "Health tips by text",
    (Channel.SMS, Purpose.SPONSOR): "Sponsor messages by text",
}
"""What stands beside each tick; it is kept in the consent story as the wording that was agreed to."""

ABOUT = {
    Purpose.SERVICE: "Race morning, your start, and changes to your race.",
    Purpose.TIPS: "How to get to the start well, and well over the finish.",
    Purpose.SPONSOR: "Offers from those who support the race.",
}

MOST_SENT = 30


@dataclass(frozen=True, slots=True)
class Choice:
    """One kind of message on one channel, with a box to tick; `fixed` is why it cannot be ticked, or empty."""

    purpose: Purpose
    name: str
    words: str
    about: str
    on: bool
    fixed: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, to come or sent, in words for its reader."""

    topic: str
    how: str
    day: str
    clock: str
    ahead: str = ""
    link: str = ""


def shown(entrant: Entrant, now: datetime) -> dict[str, object]:
    """All that the page shows but the event: `next` is None when nothing is planned."""
    email, text = (optout.standing(entrant, channel) for channel in (Channel.EMAIL, Channel.SMS))
    coming = messages_to_come(entrant, now)
    return {
        "next": coming[0] if coming else None,
        "coming": coming[1:],
        "sent": sent(entrant),
        "wrote": wrote(entrant),
        "longest_note": notes.LONGEST,
        "email": email,
        "text": text,
        "tips": email.tips or text.tips or email.sponsor or text.sponsor,
        "undoable": email.undoable(optout.TIPS_BY_EMAIL) or text.undoable(optout.TIPS_BY_TEXT),
        "choices": [
            *_choices(email, bool(entrant.email)),
            *_choices(text, bool(entrant.mobile) and entrant.mobile_ok),
        ],
    }


def choose(entrant: Entrant, form: QueryDict) -> None:
    """Sets what was ticked. A box that nobody can tick is not sent along by a browser: its kind stays as it is."""
    ticked, at = set(form.getlist("on")), clock.now()
    for channel, has in ((Channel.EMAIL, entrant.email), (Channel.SMS, entrant.mobile_ok and entrant.mobile)):
        boxes = _choices(optout.standing(entrant, channel), bool(has))
        offered = [box.purpose for box in boxes if not box.fixed]
        if offered:
            wanted = [purpose for purpose in offered if f"{channel}-{purpose}" in ticked]
            wording = "; ".join(WORDING[channel, purpose] for purpose in wanted)
            optout.choose(entrant, channel, wanted, wording, offered, at)


def messages_to_come(entrant: Entrant, now: datetime, by: Channel | None = None) -> list[Message]:
    """What is planned for this entrant, next first: on one channel, or on all."""
    zone = entrant.event.zone
    return [
        _message(coming.version_id, Channel(coming.channel), coming.due_at, zone, now)
        for coming in ledger.coming(entrant, now)
        if by in (None, coming.channel)
    ]


def sent(entrant: Entrant) -> list[Message]:
    """What went out to this entrant, newest first; an email has a link that shows it."""
    zone, rows = entrant.event.zone, _sent_rows(entrant)
    return [
        _message(
            row.version_id, Channel(row.channel), row.sent_at, zone,
            link=f"/m/{view_link.code_of(row.token)}" if row.channel == Channel.EMAIL else "",
        )
        for row in rows if row.version_id and row.sent_at
    ]  # fmt: skip


def wrote(entrant: Entrant) -> list[Message]:
    """When this entrant wrote to the organiser, and by which way: not what, for a link may be passed on."""
    rows = InboundText.objects.filter(entrant=entrant, kind=InboundKind.TEXT).order_by("-received_at")[:10]
    return [
        Message(
            topic="Passed on to the organiser" if row.forwarded_at else "Kept for the organiser",
            how="written here" if row.by_page else "by text",
            **_when(row.received_at, entrant.event.zone),
        )
        for row in rows
    ]


def _when(at: datetime, zone: ZoneInfo) -> dict[str, str]:
    local = at.astimezone(zone)
    return {"day": f"{local:%a} {local.day} {local:%b}", "clock": f"{local:%H:%M}"}


def _sent_rows(entrant: Entrant) -> QuerySet[Delivery]:
    # Served by deliveries_by_entrant.
    rows = Delivery.objects.filter(entrant=entrant, sent_at__isnull=False, version__isnull=False)
    return rows.order_by("-sent_at", "-id")[:MOST_SENT]


def _message(
    version_id: int,
    channel: Channel,
    at: datetime,
    zone: ZoneInfo,
    now: datetime | None = None,
    link: str = "",
) -> Message:
    days = (at.astimezone(zone).date() - now.astimezone(zone).date()).days if now else None
    return Message(
        topic=rendering.topic(version_id),
        how=BY[channel],
        **_when(at, zone),
        ahead="" if days is None else _ahead(days),
        link=link,
    )


def _ahead(days: int) -> str:
    return {0: "today", 1: "tomorrow"}.get(days, f"in {days} days" if days > 0 else "now")


def _choices(standing: optout.Standing, has_address: bool) -> list[Choice]:
    """The boxes of a channel; none without an address."""
    channel = standing.channel
    if not has_address:
        return []
    is_on = {
        Purpose.SERVICE: standing.service,
        Purpose.TIPS: standing.tips,
        Purpose.SPONSOR: standing.sponsor,
    }
    stop = optout.TIPS_BY_EMAIL if channel == Channel.EMAIL else optout.TIPS_BY_TEXT
    return [
        Choice(
            purpose, f"{channel}-{purpose}", WORDING[channel, purpose], ABOUT[purpose], is_on[purpose],
            _why_fixed(standing, stop, purpose),
        )
        for purpose in optout.CHOICES[channel]
    ]  # fmt: skip


def _why_fixed(standing: optout.Standing, stop: optout.Stop, purpose: Purpose) -> str:
    """Why a tick would change nothing: somebody else than the reader of this page closed the address."""
    own = (stop, optout.ALL_TEXTS) if standing.channel == Channel.SMS else (stop,)
    closing = [scope for scope in standing.closed if purpose != Purpose.SERVICE or scope != stop.scope]
    if all(any(o.scope == scope and standing.undoable(o) for o in own) for scope in closing):
        return ""
    if standing.closed.get("all") == "stop":
        return "You replied STOP: text START to the same number to have texts again."
    return "Messages could not reach you here, or the organiser stopped them: write to the organiser."
