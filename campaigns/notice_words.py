"""The words of notices: plain, short, with what to do and where. Pure but for our own address."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.conf import settings

from campaigns.approval import Unapproved
from campaigns.live import Line
from campaigns.models import Alert, Event, Notice, Step
from campaigns.models.words import Channel
from campaigns.said import CHANNELS, REASONS, WAITS_FOR_SECOND, count, moment, reason, topic

Said = tuple[str, str]
"""Subject and words."""

FOOT = "You get this because you are among the people behind {event}.\n"


def bundled(notices: Sequence[Notice]) -> Said:
    """One mail of all that one person is to know of one event at this moment."""
    first, more = notices[0], len(notices) - 1
    subject = f"{first.event.name}: {first.subject}" + (f", and {more} more" if more else "")
    pieces = [notice.words for notice in notices]
    return subject, "\n\n".join([*pieces, "--\n" + FOOT.format(event=first.event.name)])


def unapproved(one: Unapproved, event: Event, now: datetime) -> Said:
    hours = round((one.moment - now).total_seconds() / 3600)
    name = topic(one.step.name)
    return (
        f"“{name}” waits for approval",
        f"“{name}” is due on {moment(one.moment, event.zone)}, in {count(hours, 'hour')}, and nobody has approved it.\n"
        f"Without approval nothing of it is sent. Look at it and approve it:\n{_page(event, 'approve')}",
    )


def tomorrow(event: Event, step: Step, at: datetime, people: int, price: Decimal | None) -> Said:
    by = CHANNELS[Channel(step.channel)]
    cost = ""
    if step.channel == Channel.SMS and price is not None:
        cost = f"\nIt costs at least {price * people:,.2f}, at one segment each."
    return (
        f"“{topic(step.name)}” goes out on {moment(at, event.zone)}",
        f"“{topic(step.name)}” goes by {by} to {count(people, 'entrant')}, from {moment(at, event.zone)} on.{cost}\n"
        f"To look at it, or to stop it: {_page(event)}",
    )


def half_armed(event: Event, alert: Alert) -> Said:
    name = topic(alert.name)
    return (
        f"“{name}” {WAITS_FOR_SECOND}",
        f"The alert “{name}” was armed by one person and {WAITS_FOR_SECOND}. Until then it cannot be sent.\n"
        f"Read its words and confirm them: {_page(event, f'race-day/{alert.name}/')}",
    )


def copy(event: Event, step: Step, words: str) -> Said:
    """The words of a step as it goes out; they are an invented entrant's, and so are the links in them."""
    name, by = topic(step.name), CHANNELS[Channel(step.channel)]
    page = _page(event, f"messages/{step.channel}/{step.template.name}/")
    if not words:
        return f"“{name}” goes out", f"“{name}” goes out by {by}. What it says: {page}"
    return (
        f"“{name}” goes out: a copy",
        f"“{name}” goes out by {by} now, and says this; the name and the links in it are nobody's.\n\n{words}",
    )


def result(event: Event, line: Line) -> Said:
    name, reached = topic(line.step.name), line.reached
    said = [f"“{name}” was sent to {reached:,} of {count(line.total, 'entrant')}."]
    if line.not_reached:
        said.append(f"{line.not_reached:,} could not be reached.")
    if line.doubtful:
        said.append(f"Of {line.doubtful:,} it is not known.")
    said += [
        f"- {number:,}: {reason(word, line.step.channel, line.step.purpose)}"
        for word, number in line.reasons.items()
    ]
    return f"“{name}” went to {reached:,}", "\n".join([*said, f"All of it: {_page(event, 'report/')}"])


def held(event: Event, line: Line) -> Said:
    name, number = topic(line.step.name), line.of("held")
    why = [f"- {REASONS[word]}" for word in ("minor", "missing_value") if line.reasons.get(word)]
    return (
        f"{count(number, 'message')} of “{name}” {'waits' if number == 1 else 'wait'} for a person",
        "\n".join(
            [
                f"{count(number, 'message')} of “{name}” {'is' if number == 1 else 'are'} held until somebody puts "
                "right what is missing:",
                *(why or ["- an entrant is held by hand"]),
                f"They go out by themselves once that is done: {_page(event, 'live/')}",
            ]
        ),
    )


def stopped(event: Event, channel: Channel, reason: str, at: datetime) -> Said:
    by = CHANNELS[channel]
    return (
        f"sending by {by} has stopped",
        f"Sending by {by} has stopped on {moment(at, event.zone)}: {reason}\n"
        f"Everything keeps its place and goes on by itself once a message gets through: {_page(event, 'live/')}",
    )


def _page(event: Event, path: str = "") -> str:
    return f"{settings.PUBLIC_URL}/e/{event.slug}/{path}"
