"""How an event's plan stands, for the pages that show it: each step with its moment, people and state."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import combinations

from django.core.cache import cache
from django.db.models import Min
from django.urls import reverse
from markupsafe import Markup

from campaigns import clock, ledger, revision, tallies
from campaigns.alerts import Arming, arming
from campaigns.audience import STAFF, joined
from campaigns.ledger.moments import Field
from campaigns.models import Alert, Campaign, Event, Step
from campaigns.models.words import CampaignState, StepKind, StepState
from campaigns.web import course as picture
from campaigns.web.organiser import words

NOBODY = ("passed", "missed")
"""States of steps that nobody gets, whoever is in their audience."""

ALREADY = (StepState.SENDING, StepState.DONE)

NOT_COUNTED = ledger.Crowd(0, 0, 0)


@dataclass(frozen=True)
class StepLook:
    """One step as it stands. `at` is its first moment; the catch-up for late entrants has none."""

    step: Step
    state: str
    """A word of `course.STATE_WORDS`: `missed` for what nobody approved in time, `passed` where nobody could have."""
    at: datetime | None
    last: datetime | None
    """The last moment at which it becomes due for anyone."""
    people: int
    went_before: int
    """To how many it went before its race moved; they do not get it again."""
    href: str
    since: int = 0
    """How many more entrants nothing holds than when it was approved; fewer, where negative."""
    beside: tuple[tuple[str, int], ...] = ()
    """What else leaves on its channel at the same moments: the topic, and how many entrants both are for."""

    @property
    def topic(self) -> str:
        return words.topic(self.step.name)

    @property
    def waits(self) -> bool:
        return self.state in ("draft", "waiting")

    def goes_at_once(self, now: datetime) -> bool:
        """Whether its moment is past while it is still worth reading: it leaves as soon as it may."""
        started = self.went_before or self.state not in ("draft", "waiting", "approved")
        return not started and self.last is not None and self.last <= now

    @property
    def is_approved_count(self) -> bool:
        """Whether `people` are those whom an approval saw or who got it, and not simply its audience of today."""
        return self.state == StepState.DONE or (self.step.approved_recipients is not None and not self.waits)

    @property
    def messages(self) -> tuple[int, int]:
        """Emails and texts: as the look before its approval counted them, else one to each of `people`."""
        step = self.step
        if self.is_approved_count and step.approved_emails is not None and step.approved_texts is not None:
            return step.approved_emails, step.approved_texts
        return (0, self.people) if step.channel == "sms" else (self.people, 0)

    @property
    def left_out(self) -> list[str]:
        """Why the look before its approval left somebody out, in words, most of them first."""
        step, found = self.step, self.step.approved_left_out if self.is_approved_count else {}
        return [
            f"{count:,} {words.left_out(word, step.channel, step.purpose)}"
            for word, count in sorted(found.items(), key=lambda one: -one[1])
        ]

    @property
    def paid(self) -> int | None:
        """What its texts are paid as, as that look counted; None where none did."""
        return self.step.approved_segments if self.is_approved_count else None

    @property
    def audience_then(self) -> int | None:
        """Whom the step was for when it was approved; None where `people` is its audience, or who got it."""
        return self.step.approved_audience if self.is_approved_count else None

    def sign(self) -> Markup:
        return picture.one_sign(self._station(""))

    def station(self, event: Event, *, was: datetime | None = None, stays: bool = False) -> picture.Station:
        moment = words.short_moment(self.at, event.zone) if self.at else ""
        return self._station(moment, was=was, stays=stays)

    def _station(self, moment: str, *, was: datetime | None = None, stays: bool = False) -> picture.Station:
        channel: picture.Sign = "sms" if self.step.channel == "sms" else "email"
        people = None if self.state in NOBODY else self.people
        return picture.Station(
            self.topic, channel, self.state, people, self.at, moment, was, stays, self.href
        )


@dataclass(frozen=True)
class PlanLook:
    """The whole plan: timed steps by their moments, what late entrants get, and what is held ready."""

    steps: list[StepLook]
    catch_up: StepLook | None
    alerts: list[picture.Station]

    @property
    def waiting(self) -> list[StepLook]:
        """What asks for approval, soonest first."""
        caught = [self.catch_up] if self.catch_up else []
        return [one for one in [*self.steps, *caught] if one.waits]

    def coming(self, now: datetime) -> list[StepLook]:
        """Approved steps with a moment still ahead, soonest first."""
        return [one for one in self.steps if one.state == "approved" and one.last and one.last > now]

    def due(self, now: datetime) -> list[StepLook]:
        """Approved steps that leave as soon as they may, for their moment has passed."""
        return [one for one in self.steps if one.state == "approved" and one.goes_at_once(now)]


def look(event: Event, campaign: Campaign, now: datetime) -> PlanLook:
    """The event's plan as it stands at this moment."""
    field = Field.of(event)
    steps = list(campaign.steps.exclude(kind=StepKind.ALERT))
    pairs = _together(field, steps)
    crowds = people_in(field, {step.audience for step in steps} | set(pairs.values()))
    went = _went(steps)
    stand = Stand(campaign, now)
    looks = [_step(step, field, stand, crowds[step.audience], went.get(step.id)) for step in steps]
    looks = [replace(one, beside=_beside(one.step, pairs, crowds)) for one in looks]
    planned = [one for one in looks if one.step.kind == StepKind.PLANNED]
    caught = [one for one in looks if one.step.kind == StepKind.CATCH_UP and one.state != "off"]
    planned.sort(key=lambda one: (one.at or now, one.step.position))
    return PlanLook(planned, caught[0] if caught else None, _alerts(campaign))


def waiting_count(event: Event, now: datetime) -> int:
    """How many steps of the event ask for approval, without counting anybody."""
    campaign = Campaign.objects.filter(event=event).exclude(state__in=["stopped", "done"]).first()
    if campaign is None:
        return 0
    asking = campaign.steps.exclude(kind=StepKind.ALERT).filter(
        state__in=[StepState.DRAFT, StepState.WAITING]
    )
    field, stand, steps = Field.of(event), Stand(campaign, now), list(asking)
    return sum(_step(step, field, stand, NOT_COUNTED, None).waits for step in steps)


def one(event: Event, campaign: Campaign, step: Step, now: datetime) -> StepLook:
    """One step by itself."""
    field = Field.of(event)
    crowd = people_in(field, [step.audience])[step.audience]
    stand = Stand(campaign, now)
    return _step(step, field, stand, crowd, _went([step]).get(step.id))


def drawn(event: Event, plan: PlanLook, now: datetime) -> Markup:
    """The picture of the course."""
    stations = [one.station(event) for one in plan.steps if one.at]
    return picture_of(picture.Course(event.date, event.zone, now, stations, plan.alerts))


def picture_of(course: picture.Course) -> Markup:
    return Markup(picture.drawing(course))  # noqa: S704 - escaped there


def people_in(field: Field, texts: Collection[str]) -> dict[str, ledger.Crowd]:
    """The confirmed entrants in each of these audiences, by its words: counted once while nobody changes."""
    stamp = revision.stamp(field.event, clock.now())
    if not stamp:
        return ledger.audience_counts(field, texts)
    keys = {_key(stamp, field, text): text for text in texts}
    held: dict[str, ledger.Crowd] = cache.get_many(keys)
    new = ledger.audience_counts(field, {keys[key] for key in keys.keys() - held.keys()})
    cache.set_many({key: new[keys[key]] for key in keys.keys() - held.keys()})
    return new | {keys[key]: count for key, count in held.items()}


def _together(field: Field, steps: Sequence[Step]) -> dict[tuple[Step, Step], str]:
    """Each two steps that leave on one channel at the same moments, and the words for who is in both audiences."""
    timed = [step for step in steps if step.when and step.state != StepState.OFF]
    return {
        (one, other): joined(field.audience_of(one.audience), "and", field.audience_of(other.audience)).text
        for one, other in combinations(timed, 2)
        if (one.channel, one.when) == (other.channel, other.when)
        and STAFF.word not in (one.audience, other.audience)
    }


def _beside(
    step: Step, pairs: dict[tuple[Step, Step], str], crowds: dict[str, ledger.Crowd]
) -> tuple[tuple[str, int], ...]:
    return tuple(
        (words.topic(other.name), crowds[text].size)
        for both, text in pairs.items()
        if step in both
        for other in both
        if other != step
    )


def _key(stamp: str, field: Field, text: str) -> str:
    """Of all that a count hangs on."""
    races = sorted((race.slug, race.for_children) for race in field.races)
    digest = hashlib.sha256(repr((text, races, field.event.date)).encode()).hexdigest()
    return f"crowd-{stamp}-{digest}"


def _went(steps: Sequence[Step]) -> dict[int, int]:
    """How many messages of each step have left that is done, or was sent before its race moved."""
    counted = {step.id for step in steps if step.state == StepState.DONE or step.opened_revision is None}
    found = tallies.of_sent(step for step in steps if step.id in counted)
    return {step: tallies.left_here(tally) for step, tally in found.items()}


@dataclass(frozen=True)
class Stand:
    """How the campaign stands, for each of its steps."""

    campaign: Campaign
    now: datetime

    @cached_property
    def began(self) -> datetime | None:
        """When the first of its approvals that still stand was given; asked for once something has passed."""
        found: datetime | None = self.campaign.steps.aggregate(at=Min("approved_at"))["at"]
        return found


def _step(step: Step, field: Field, stand: Stand, crowd: ledger.Crowd, went: int | None) -> StepLook:
    moments = field.moments(step, stand.now) if step.kind == StepKind.PLANNED else None
    due = field.due(step, moments) if moments else []
    done = step.state == StepState.DONE
    stands = step.approved_recipients is not None and step.state not in (StepState.WAITING, StepState.DRAFT)
    counted = stands and step.state == StepState.APPROVED and step.approved_ready is not None
    return StepLook(
        step,
        _state(step, stand, moments.last if moments else None, due, went),
        min(due, default=None),
        max(due, default=None),
        (done and went)
        or (step.approved_recipients if stands and step.approved_recipients is not None else crowd.size),
        0 if done else went or 0,
        reverse("step", args=[field.event.slug, step.name]),
        crowd.ready - step.approved_ready if counted and step.approved_ready is not None else 0,
    )


def _state(
    step: Step, stand: Stand, latest: datetime | None, due: Sequence[datetime], went: int | None
) -> str:
    over = latest is not None and latest <= stand.now
    never_left = step.state not in (*ALREADY, StepState.OFF) and step.first_opened_revision is None
    if (over and never_left) or (step.state == StepState.DONE and went == 0 and due):
        return "passed" if stand.began is None or max(due) <= stand.began else "missed"
    if step.kind == StepKind.CATCH_UP and step.state == StepState.DONE:
        return StepState.APPROVED  # ready for the next late entrant, whoever was the last
    if step.state == StepState.SENDING and stand.campaign.state == CampaignState.PAUSED:
        return "paused"
    return step.state


def _alerts(campaign: Campaign) -> list[picture.Station]:
    held = Alert.objects.filter(campaign=campaign, in_plan=True).select_related(
        "campaign__event__organiser", "email_template", "sms_template"
    )
    return [_alert(alert, arming(alert)) for alert in held]


ARMINGS = {
    Arming.ARMED: ("approved", "armed"),
    Arming.CONFIRMING: ("draft", words.WAITS_FOR_SECOND),
}


def _alert(alert: Alert, armed: Arming) -> picture.Station:
    state, moment = ARMINGS.get(armed, ("draft", "not armed"))
    return picture.Station(words.topic(alert.name), "alert", state, None, moment=moment)
