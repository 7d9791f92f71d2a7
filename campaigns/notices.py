"""What the people behind an event are told by mail: what waits for approval, what goes tomorrow, what came of it.

Each thing is written down once for each person before it is mailed (`models.Notice`), so that a mail server which is
away for an hour loses none. Of two things for one person at once one mail is made. A process that dies between the
mail server's yes and the note of it mails once more.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db import transaction

from campaigns import alerts, approval, copies, ledger, live, staff_mail
from campaigns import notice_words as words
from campaigns.campaign import MOVABLE
from campaigns.ledger.moments import Field
from campaigns.models import Alert, Circuit, Event, Membership, Notice, StaffContact, Step, User
from campaigns.models.words import CampaignState, Channel, Role, StepKind, StepState

TOMORROW = timedelta(hours=24)
"""So long before its moment the staff are told of a step."""

RESULT_AFTER, RESULT_UNTIL = timedelta(hours=1), timedelta(days=3)
"""How long after its moment what came of a step is told: reports need a while, and old news is none."""

COPIED_UNTIL = timedelta(hours=1)
"""How long after its moment a step's words are worth copying to the staff."""

GOING = (StepState.SENDING, StepState.DONE)

STOPPED_FOR = timedelta(minutes=1)
"""A mail server that restarts is back by then."""

WORTH_IT = timedelta(hours=24)
"""So long a notice is tried."""

AT_ONCE = 200


@dataclass(frozen=True)
class News:
    """One thing to tell: `key` names it for ever."""

    event: Event
    key: str
    subject: str
    words: str


def note(now: datetime) -> int:
    """Writes down what is new, for everyone who is to know it; returns how many notices that made."""
    found = [
        Notice(event=news.event, key=news.key, to=to, subject=news.subject, words=news.words, created_at=now)
        for news, people in _all_news(now)
        for to in people
    ]
    known = set(
        Notice.objects.filter(key__in={one.key for one in found}).values_list("event_id", "key", "to")
    )
    fresh = [one for one in found if (one.event_id, one.key, one.to) not in known]
    Notice.objects.bulk_create(fresh, ignore_conflicts=True)
    return len(fresh)


@transaction.atomic
def send(now: datetime) -> int:
    """Mails what is written down and not sent yet; returns how many notices the mail server took."""
    waiting = Notice.objects.filter(sent_at=None, created_at__gt=now - WORTH_IT).order_by("event", "to", "id")
    locked = waiting.select_for_update(skip_locked=True, of=("self",), no_key=True).select_related("event")
    bundles = [list(group) for _, group in groupby(locked[:AT_ONCE], lambda one: (one.event_id, one.to))]
    addresses = _addresses({bundle[0].to for bundle in bundles})
    mails = [
        staff_mail.mail(at, addresses[bundle[0].to], *words.bundled(bundle))
        for at, bundle in enumerate(bundles)
        if bundle[0].to in addresses
    ]
    done = [notice.pk for at in staff_mail.taken(mails) for notice in bundles[at]]
    Notice.objects.filter(pk__in=done).update(sent_at=now)
    return len(done)


def _all_news(now: datetime) -> Iterator[tuple[News, Sequence[str]]]:
    """Everything that stands to be told now, with whom it is for."""
    for news in _unapproved(now):
        yield news, _deciders(news.event)
    yield from _half_armed(now)
    for event in _running():
        if staff := _staff(event):
            for news in _of(event, now):
                yield news, staff
        if copied := _staff(event, copies=True):
            for news in _copies(event, now):
                yield news, copied


def _running() -> Iterable[Event]:
    states = (CampaignState.LIVE, CampaignState.PAUSED)
    return Event.objects.filter(cancelled_at=None, campaign__state__in=states).select_related("campaign")


def _of(event: Event, now: datetime) -> Iterator[News]:
    field = Field.of(event)
    steps = list(Step.objects.filter(campaign__event=event, kind=StepKind.PLANNED).order_by("position"))
    moments = {step.id: first for step in steps if (first := field.moments(step, now).first)}
    near = [step for step in steps if step.id in moments and _is_near(moments[step.id], now)]
    yield from _tomorrow(event, [step for step in near if moments[step.id] > now], moments)
    yield from _done(event, [step for step in near if moments[step.id] <= now], moments, now)
    if (
        settings.ALARM_EMAIL or settings.ALARM_MOBILE
    ):  # else the alarm itself tells the staff (watch/alarm.py)
        yield from _stopped(event, now)


def _is_near(moment: datetime, now: datetime) -> bool:
    return now - RESULT_UNTIL < moment <= now + TOMORROW


def _unapproved(now: datetime) -> Iterator[News]:
    for one in approval.unapproved(now):
        event, hours = one.step.campaign.event, one.within // timedelta(hours=1)
        yield News(
            event,
            f"unapproved:{one.step.pk}:{one.moment.isoformat()}:{hours}",
            *words.unapproved(one, event, now),
        )


def _half_armed(now: datetime) -> Iterator[tuple[News, Sequence[str]]]:
    """Alerts that one person has armed of late, for those who may be the second."""
    armed = Alert.objects.filter(
        armed_at__gt=now - WORTH_IT, confirmed_by="", campaign__event__cancelled_at=None
    )
    for event in Event.objects.filter(id__in=armed.values("campaign__event")):
        for alert in alerts.confirming(event):
            if alert.armed_at and (others := _deciders(event, but=alert.armed_by)):
                key = f"confirm:{alert.pk}:{alert.armed_at.isoformat()}"
                yield News(event, key, *words.half_armed(event, alert)), others


def _tomorrow(event: Event, steps: list[Step], moments: dict[int, datetime]) -> Iterator[News]:
    ready = [step for step in steps if step.state in MOVABLE and step.approved_date == event.date]
    sizes = _recipients(event, ready)
    for step in ready:
        moment = moments[step.pk]
        yield News(
            event,
            f"tomorrow:{step.pk}:{moment.isoformat()}",
            *words.tomorrow(event, step, moment, sizes[step.pk], settings.SMS_PRICE),
        )


def _recipients(event: Event, steps: list[Step]) -> dict[int, int]:
    """Who gets each step, as counted at its approval; else whom it is for today."""
    uncounted = ledger.audience_sizes(event, [step for step in steps if step.approved_recipients is None])
    return uncounted | {
        step.pk: step.approved_recipients for step in steps if step.approved_recipients is not None
    }


def _done(event: Event, steps: list[Step], moments: dict[int, datetime], now: datetime) -> Iterator[News]:
    """What came of a step once nothing of it waits; and at once, once for a step, that some of it is held."""
    for line in live.lines(event, steps, now):
        moment = moments[line.step.pk]
        if line.of("held"):
            yield News(event, f"held:{line.step.pk}:{moment.isoformat()}", *words.held(event, line))
        if line.step.state == StepState.DONE and moment + RESULT_AFTER <= now and not line.left:
            yield News(event, f"result:{line.step.pk}:{moment.isoformat()}", *words.result(event, line))


def _copies(event: Event, now: datetime) -> Iterator[News]:
    """The words of each step that has just begun to go out."""
    field = Field.of(event)
    going = Step.objects.filter(
        campaign__event=event, kind=StepKind.PLANNED, first_opened_revision__isnull=False, state__in=GOING
    )
    for step in going.select_related("campaign__event__organiser", "version__template__event").order_by(
        "position"
    ):
        first = field.moments(step, now).first
        if first and now - COPIED_UNTIL < first <= now:
            said = words.copy(event, step, copies.words_of(step))
            yield News(event, f"copy:{step.pk}:{first.isoformat()}", *said)


def _stopped(event: Event, now: datetime) -> Iterator[News]:
    for circuit in Circuit.objects.filter(opened_at__lte=now - STOPPED_FOR):
        at = circuit.opened_at
        assert at is not None
        said = words.stopped(event, Channel(circuit.channel), circuit.reason, at)
        yield News(event, f"stopped:{circuit.channel}:{at.isoformat()}", *said)


def _deciders(event: Event, but: str = "") -> list[str]:
    """Owners and approvers, each once; all but whoever has this address."""
    roles = (Role.OWNER, Role.APPROVER)
    found = Membership.objects.filter(event=event, role__in=roles, user__is_active=True)
    found = found.exclude(user__email__iexact=but.strip())
    return sorted({f"user:{pk}" for pk in found.values_list("user_id", flat=True)})


def _staff(event: Event, **which: bool) -> list[str]:
    found = event.staff.filter(**which).exclude(email="")
    return [f"staff:{pk}" for pk in found.values_list("pk", flat=True)]


def _addresses(people: set[str]) -> dict[str, str]:
    """The addresses as they are now; who is gone has none."""
    ids: dict[str, list[str]] = {"user": [], "staff": []}
    for to in people:
        kind, _, number = to.partition(":")
        ids[kind].append(number)
    users = User.objects.filter(pk__in=ids["user"], is_active=True).values_list("pk", "email")
    staff = StaffContact.objects.filter(pk__in=ids["staff"]).exclude(email="").values_list("pk", "email")
    return {f"user:{pk}": email for pk, email in users} | {f"staff:{pk}": email for pk, email in staff}
