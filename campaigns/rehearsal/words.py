"""A rehearsal's figures in the words that people read, on a terminal and on a page."""

import unicodedata
from datetime import date, datetime
from decimal import Decimal

from campaigns.rehearsal.figures import Clash, Line, Person, Rehearsal, StepFigures
from campaigns.rehearsal.what_if import LATE_NAME, WhatIf
from campaigns.said import count as counted
from campaigns.said import texts as texts

REASONS = {
    "no_consent": "no consent",
    "suppressed": "opted out",
    "withdrawn": "withdrawn",
    "no_address": "no address",
    "not_mobile": "not a mobile number",
    "minor": "guardian not known",
    "missing_value": "a value is missing",
    "too_late": "too late",
    "covered": "in the catch-up",
    "not_in_audience": "not for them",
    "held": "waits for a person",
    "due": "still to come",
}

CHANNELS = {"email": "email", "sms": "text"}


def day(day: date) -> str:
    """ "Tue 3 Aug 2027"."""
    return f"{day:%a} {day.day} {day:%b %Y}"


def moment(at: datetime, found: Rehearsal) -> str:
    """ "Tue 3 Aug 2027, 10:00" by the event's clock."""
    local = at.astimezone(found.zone)
    return f"{day(local)}, {local:%H:%M}"


def moments(step: StepFigures, found: Rehearsal) -> str:
    """A step's moment, or the first and last of them where starts differ; in words where it has none."""
    if step.first is None or step.last is None:
        return "after a late entry"
    first, last = step.first.astimezone(found.zone), step.last.astimezone(found.zone)
    if first == last:
        return moment(step.first, found)
    if first.date() == last.date():
        return f"{moment(step.first, found)} to {last:%H:%M}"
    return f"{moment(step.first, found)} to {moment(step.last, found)}"


def short_moments(step: StepFigures, found: Rehearsal) -> str:
    """ "Tue 3 Aug, 10:00", or "Sun 19 Sep, 07:00–07:25": the year stands beside the picture."""
    if step.first is None or step.last is None:
        return ""
    first, last = step.first.astimezone(found.zone), step.last.astimezone(found.zone)
    words = f"{first:%a} {first.day} {first:%b, %H:%M}"
    return words if first == last or first.date() != last.date() else f"{words}\N{EN DASH}{last:%H:%M}"


def line_moment(line: Line, found: Rehearsal) -> str:
    """ "Tue 3 Aug 10:00" of one line of a timeline."""
    local = line.at.astimezone(found.zone)
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def away(at: datetime, found: Rehearsal) -> str:
    """ "in 12 days", "tomorrow", "today", "3 days ago": seen from the beginning of the rehearsal."""
    days = (at.astimezone(found.zone).date() - found.begun.astimezone(found.zone).date()).days
    if days in (-1, 0, 1):
        return ("yesterday", "today", "tomorrow")[days + 1]
    return f"in {days:,} days" if days > 0 else f"{-days:,} days ago"


def moved(step: StepFigures, found: Rehearsal) -> str:
    """What a move of the race does to a step, nothing where the race does not move."""
    if found.was_day is None or step.first is None:
        return ""
    if step.was:
        return f"moves from {moment(step.was, found)}"
    return "stays: sent before the move"


def reasons(step: StepFigures) -> str:
    """ "no consent 120, opted out 3", the most frequent first."""
    return ", ".join(
        f"{REASONS.get(reason, reason)} {count:,}" for reason, count in step.left_out.most_common()
    )


def fate(line: Line) -> str:
    """What becomes of one step for one entrant: "email", "email, with the family's", "not sent: no consent"."""
    if not line.is_sent:
        return f"not sent: {REASONS.get(line.reason or line.state, line.reason or line.state)}"
    words = CHANNELS[line.channel]
    if line.carried:
        words += ", with the family's"
    if line.earlier:
        words += ", sent already"
    return words


def place(person: Person) -> str:
    """ "10K, wave A, bib 17"."""
    parts = [
        person.race,
        f"wave {person.wave}" if person.wave else "",
        f"bib {person.bib}" if person.bib else "",
    ]
    return ", ".join(part for part in parts if part)


def money(amount: Decimal | None) -> str:
    """Two places, and nothing where the price is not known."""
    return "" if amount is None else f"{amount:,.2f}"


def topic(step: str) -> str:
    """A step's name as people read it: "Race morning" of `race-morning`."""
    return step.replace("-", " ").capitalize()


def tried(what_if: WhatIf, found: Rehearsal) -> list[str]:
    """What was tried out, a sentence each."""
    said = []
    on = f" on {day(what_if.on)}" if what_if.on else ""
    if found.was_day:
        said.append(
            f"The race moves{on} from {day(found.was_day)} to {day(found.day)}: what is unsent moves with it, "
            "and what was sent stays sent."
        )
    if what_if.withdraw:
        count = len(what_if.withdraw)
        said.append(f"{count:,} {'entrant withdraws' if count == 1 else 'entrants withdraw'}{on}.")
    if what_if.late_entrant:
        said.append(f"Somebody enters on {day(what_if.late_entrant)}: see {' '.join(LATE_NAME)}.")
    if what_if.down:
        begin, end = (moment(at, found) for at in what_if.down)
        said.append(f"Nothing is sent from {begin} to {end}.")
    return said


def summary(found: Rehearsal) -> str:
    """How it would go, in all, in one or two sentences."""
    cost = f", which cost {money(found.cost)}," if found.cost is not None and found.texts else ""
    return (
        f"{found.event} on {day(found.day)}: {counted(found.emails, 'email')} and "
        f"{texts(found.texts, found.segments)}{cost} would reach {found.reached:,} of "
        f"{counted(len(found.people), 'entrant')}."
    )


def unapproved(found: Rehearsal) -> str:
    """What was rehearsed as if somebody had approved it; nothing where all is approved."""
    count = sum(step.as_if_approved for step in found.steps)
    if not count:
        return ""
    return f"{count} of {len(found.steps)} steps are not approved: they were rehearsed as if they were."


def clash(found: Clash) -> str:
    """A sentence and whom it touches: "Shoes and Back pain come by email in one week. (1 person)"."""
    if not found.people:
        return found.words
    return f"{found.words} ({found.people:,} {'person' if found.people == 1 else 'people'})"


def plain(name: str) -> str:
    """A name without accents, for its place in the alphabet: Ö stands with O."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
