"""From one step's figures to findings: what blocks its approval, what wants a look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings

from campaigns import campaign as plans
from campaigns import contact, providers, rendering, said, sign_off
from campaigns.content import replies
from campaigns.content.front_matter import person_date
from campaigns.ledger.moments import Field
from campaigns.models.words import Channel, StepKind
from campaigns.preflight import sender
from campaigns.preflight.findings import Finding, Severity
from campaigns.preflight.made import some

if TYPE_CHECKING:
    from campaigns.preflight.running import Look

CUT_OFF = 102_000
"""Bytes: beyond about this Gmail cuts a mail off and hides the way out of it."""

GROWN = 1.2
"""An audience larger than at approval by more than this factor is shown."""

SOON = timedelta(hours=72)

A_CHILDS_NUMBER = "a number in a child's entry may be the child's own and is not kept, so add the guardian's"


def of_step(one: Look, place: Field, now: datetime) -> Iterator[Finding]:
    """Everything about one step by itself."""
    yield from _signed(one, place)
    yield from _words(one)
    yield from _replies(one)
    yield from _made(one)
    yield from _texts(one)
    yield from _reach(one, now)
    yield from _times(one, place)
    yield from _approval(one, now)


def _finding(
    one: Look, severity: Severity, code: str, words: str, people: int = 0, entrants: Sequence[int] = ()
) -> Finding:
    return Finding(severity, code, one.step.name, words, people, some(list(entrants)))


def _signed(one: Look, place: Field) -> Iterator[Finding]:
    day = plans.last_day(one.step, place)
    for version in one.versions.values():
        if problem := sign_off.problem(version, day):
            yield _finding(one, Severity.ERROR, "sign_off", f"{problem}: have a clinician read and sign it.")


def _words(one: Look) -> Iterator[Finding]:
    """A way out stands in a message by its own purpose and in its head by the step's: they must be the same."""
    for channel, version in one.versions.items():
        compiled = rendering.message_of(one.step, Channel(channel), version.id)
        front = (compiled.email or compiled.sms).front  # type: ignore[union-attr]
        if front.purpose != one.step.purpose:
            yield _finding(
                one,
                Severity.ERROR,
                "purpose",
                f"The step's purpose is {one.step.purpose}, and {sign_off.shown(version)} is written for "
                f"{front.purpose}: make them the same.",
            )


def _replies(one: Look) -> Iterator[Finding]:
    """The sender of a messaging service is chosen by Twilio, and may be a number."""
    version = one.versions.get(Channel.SMS)
    by_name = "" if settings.TWILIO_MESSAGING_SERVICE_SID else settings.TWILIO_FROM
    if version is not None and (wrong := replies.problem(by_name, version.source)):
        yield _finding(one, Severity.ERROR, "reply_to_a_name", f"A reply cannot reach you: {wrong}.")


def _made(one: Look) -> Iterator[Finding]:
    made = one.made
    for placeholder, entrants in made.missing.items():
        if len(entrants) == made.messages:
            words = f"Nobody has a value for {placeholder}: fill it in, or take it out of the message."
            yield _finding(one, Severity.ERROR, "missing_value", words, len(entrants), entrants)
        else:
            words = f"There is no value for {placeholder} for {_entrants(entrants)}: they are held until there is."
            yield _finding(one, Severity.WARNING, "missing_value", words, len(entrants), entrants)
    for problem, entrants in made.refused.items():
        words = f"The message of {_entrants(entrants)} cannot be made: {problem}."
        yield _finding(one, Severity.ERROR, "refused", words, len(entrants), entrants)
    for link, entrants in made.broken.items():
        words = f"The link {link} leads to no page of ours, in the message of {_entrants(entrants)}."
        yield _finding(one, Severity.ERROR, "broken_link", words, len(entrants), entrants)
    if made.largest_bytes > CUT_OFF:
        words = f"The largest mail has {made.largest_bytes:,} bytes: Gmail cuts off what is over {CUT_OFF:,}."
        yield _finding(one, Severity.WARNING, "size", words)


def _texts(one: Look) -> Iterator[Finding]:
    made = one.made
    if several := made.long:
        most = made.most_segments
        words = (
            f"The text of {_entrants(several)} is longer than one text holds: you pay for up to {most} each."
        )
        yield _finding(one, Severity.WARNING, "segments", words, len(several), several)
    if made.unicode:
        words = f"{made.unicode:,} texts hold a character outside the phones' plain alphabet: then one holds 70 in all."
        yield _finding(one, Severity.NOTE, "unicode", words, made.unicode)


def _reach(one: Look, now: datetime) -> Iterator[Finding]:
    left_out, people = one.figures.left_out, one.figures.people
    late = left_out["too_late"]
    begun = one.step.first_opened_revision is not None or one.figures.went_before > 0
    if one.step.kind == StepKind.PLANNED and not people and not begun:
        if late and one.figures.first and one.figures.first < now:
            words = "Its moment has passed and it is too late for everyone: switch it off."
            yield _finding(one, Severity.WARNING, "too_late", words, late)
        elif not late:
            yield _finding(one, Severity.WARNING, "nobody", _nobody(one))
    waiting = one.figures.unguarded if not begun and not late else left_out["minor"]
    if waiting:
        children = _people(waiting, "child waits", "children wait")
        words = f"{children} for a guardian: say which parent reads the address in the entry."
        yield _finding(one, Severity.WARNING, "minor", words, waiting)
    if (without := one.figures.children_without_mobile) and people:
        words = f"{_people(without, 'child has', 'children have')} no mobile number: {A_CHILDS_NUMBER}."
        yield _finding(one, Severity.NOTE, "child_number", words, without)
    if waiting := left_out["held"]:
        words = (
            f"{_people(waiting, 'entrant is', 'entrants are')} held until somebody releases them: "
            f"{', or '.join(one.why_held)}."
        )
        yield _finding(one, Severity.NOTE, "held", words, waiting)


def _nobody(one: Look) -> str:
    step, left_out = one.step, one.figures.left_out
    without = left_out["no_address"] + left_out["not_mobile"]
    if step.channel == Channel.SMS and without and without == left_out.total():
        return _nobody_has_a_mobile(one, without)
    why = [
        f"{count:,} {said.left_out(word, step.channel, step.purpose)}"
        for word, count in left_out.most_common()
    ]
    return f"It reaches nobody as things stand: {' and '.join(why) or 'nobody is in its audience'}."


def _nobody_has_a_mobile(one: Look, people: int) -> str:
    children = one.figures.children_without_mobile
    who = "the one person it is for has no" if people == 1 else f"none of these {people:,} has a"
    whose = f" ({A_CHILDS_NUMBER})" if children == people else ""
    return f"It reaches nobody: {who} mobile number{whose}. Add numbers, or let it go by email."


def _times(one: Look, place: Field) -> Iterator[Finding]:
    dropped = sum(tally.people for tally in one.tallies if tally.verdict == "quiet" and not tally.is_sent)
    if dropped:
        words = (
            f"Quiet hours end too late for {_people(dropped, 'entrant', 'entrants')}: choose another moment."
        )
        yield _finding(one, Severity.ERROR, "quiet_hours", words, dropped)
    moved = [tally for tally in one.tallies if tally.verdict == "quiet" and tally.is_sent]
    if moved:
        until = max(tally.leaves_at for tally in moved).astimezone(place.event.zone)
        people = sum(tally.people for tally in moved)
        words = f"Quiet hours keep it back until {until:%H:%M} for {_people(people, 'entrant', 'entrants')}."
        yield _finding(one, Severity.NOTE, "quiet_hours", words, people)
    if slow := [job for job in one.jobs if job.is_too_late]:
        last = max(job.last for job in slow if job.last).astimezone(place.event.zone)
        latest = min(job.latest for job in slow).astimezone(place.event.zone)
        words = (
            f"At the provider's rate its last message leaves on {person_date(last.date())} at {last:%H:%M}, when it is "
            f"too late (from {latest:%H:%M}): begin earlier, give it longer, or raise the rate."
        )
        yield _finding(one, Severity.ERROR, "too_slow", words)


def _approval(one: Look, now: datetime) -> Iterator[Finding]:
    before, first = one.figures.audience_at_approval, one.figures.first
    if before is not None and one.figures.audience > before * GROWN:
        words = f"Its audience has grown from {before:,} to {one.figures.audience:,} since it was approved."
        yield _finding(one, Severity.WARNING, "audience_grew", words, one.figures.audience - before)
    waits = one.step.state not in plans.MOVABLE
    if waits and first and now < first <= now + SOON:
        hours = int((first - now) / timedelta(hours=1))
        yield _finding(
            one, Severity.WARNING, "unapproved", f"It is due in {hours} hours and is not approved."
        )


def _entrants(entrants: Sequence[int]) -> str:
    return _people(len(entrants), "entrant", "entrants")


def _people(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def of_sender(looks: Sequence[Look], *, ask_dns: bool) -> Iterator[Finding]:
    """Whether what the plan needs to send with is there, and is set up as providers ask."""
    channels = {channel for one in looks for channel in one.versions}
    for channel in sorted(channels):
        if problem := providers.problem(Channel(channel)):
            yield Finding(Severity.ERROR, "provider", "", problem)
    if Channel.SMS in channels and (name := settings.TWILIO_FROM):
        yield from sender.text_sender(name)
    if Channel.EMAIL in channels and ask_dns and not settings.DEMO:
        yield from sender.email_domain(settings.EMAIL_FROM.rpartition("@")[2].rstrip("> "))
    if Channel.EMAIL in channels and not contact.is_confirmed(event := looks[0].step.campaign.event):
        words = (
            f"Nobody has confirmed that they read {event.contact_email or 'the replies'}: have a code sent there and "
            "type it in."
        )
        command = f"aidstation event contact {event.slug} --ask"
        yield Finding(Severity.ERROR, "reply_to", "", words, command=command)
    if not settings.DEMO and providers.is_loopback(urlsplit(settings.PUBLIC_URL).hostname or ""):
        words = f"PUBLIC_URL is {settings.PUBLIC_URL}: links in messages lead to nobody but this machine."
        yield Finding(Severity.WARNING, "public_url", "", words)
