"""Whether an event is ready for its race day: what stands in the way, each in a sentence with its cure.

`look` only reads; `ask_credit` and `test_staff` talk to providers, and what comes of it is kept for `look`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from campaigns import alerts, clock, contact, providers, said, staff_mail
from campaigns.alerts import reaching, testing
from campaigns.channels.outcomes import Email, Sms
from campaigns.channels.twilio_look_ups import LookUpFailed
from campaigns.checking import Check, State
from campaigns.models import Answer, Circuit, Event, StaffContact
from campaigns.models.words import Channel
from campaigns.watch import heartbeat
from campaigns.watch.trouble import CLOCK_STOPPED

CREDIT, STAFF = "credit", "staff"

OLD = timedelta(hours=24)
"""An answer of a provider, or a test, that is older than this is asked for again."""

TEXT = "{event}: this is a test. If there is an alert on race day, its test reaches you on this phone. Nothing to do."
WORDS = """Hello {name},

this is a test. If there is an alert at {event}, its test reaches you at this address. There is nothing to do.
"""


@dataclass(frozen=True)
class Staffed:
    """One test to one of the staff; `problem` is empty when the provider took it."""

    name: str
    channel: Channel
    problem: str


def look(event: Event, now: datetime, standing: Sequence[alerts.Standing] | None = None) -> list[Check]:
    """Everything that is checked, in the order in which a person would go through it."""
    answers = {answer.name: answer for answer in Answer.objects.filter(event=event)}
    stopped = {one.channel: one.reason for one in Circuit.objects.filter(opened_at__isnull=False)}
    staff = list(event.staff.all())
    return [
        _clock(),
        _sender(Channel.EMAIL, stopped),
        _sender(Channel.SMS, stopped),
        _credit(answers.get(CREDIT), now),
        _phones(event, now),
        _contact(event),
        _staff(staff, answers.get(STAFF), now),
        _alerts(alerts.standing(event)[0] if standing is None else standing),
    ]


def ask_credit(event: Event) -> Answer:
    """Asks Twilio what is left on the account, beside what one alert to everybody costs."""
    now = clock.now()
    if problem := providers.problem(Channel.SMS):
        return _keep(event, CREDIT, good=False, words=problem, now=now)
    look_ups = providers.sms_look_ups()
    try:
        credit = look_ups.credit()
    except LookUpFailed as error:
        return _keep(event, CREDIT, good=False, words=str(error), now=now)
    finally:
        look_ups.close()
    if credit is None:
        return _keep(event, CREDIT, good=True, words="Twilio does not say for this account.", now=now)
    amount, currency = credit
    needed = _cost_of_one(event, now)
    said = f"{amount:,.2f} {currency} left"
    said += f"; one text to everybody costs about {needed:,.2f}." if needed is not None else "."
    return _keep(event, CREDIT, good=amount > (needed or 0), words=said, now=now)


def test_staff(event: Event) -> list[Staffed]:
    """Sends each of the staff a test by email and by text, and keeps whether all of them left."""
    contacts = list(event.staff.all())
    made: dict[Channel, list[Email | Sms]] = {
        Channel.EMAIL: [_test_mail(event, one) for one in contacts if one.email],
        Channel.SMS: [_test_text(event, one) for one in contacts if one.mobile],
    }
    names = {one.id: one.name for one in contacts}
    sent = [
        Staffed(names[key], channel, problem)
        for channel, messages in made.items()
        for key, problem in testing.handed_over(channel, messages).items()
    ]
    failed = sum(bool(one.problem) for one in sent)
    words = f"{len(sent) - failed} of {len(sent)} tests sent." if sent else "There is nobody to test on."
    _keep(event, STAFF, good=bool(sent) and not failed, words=words, now=clock.now())
    return sent


def _clock() -> Check:
    age = heartbeat.ages().get(heartbeat.TICK)
    if age is None or age > CLOCK_STOPPED:
        since = "has never run" if age is None else f"has stood still for {age / 60:,.0f} min"
        return Check(
            "Clock", State.WRONG, f"The clock {since}.", "See that the scheduler and the workers run."
        )
    return Check("Clock", State.GOOD, "Runs." if age < 2 else f"Runs; it last looked {round(age)} s ago.")


def _sender(channel: Channel, stopped: dict[str, str]) -> Check:
    name = "Email" if channel == Channel.EMAIL else "Texts"
    if problem := providers.problem(channel):
        return Check(name, State.WRONG, problem, "Whoever runs the server sets it.")
    if channel in stopped:
        return Check(
            name, State.WRONG, f"Stopped: {stopped[channel]}", "See to the provider; alerts knock on."
        )
    if channel == Channel.SMS and not providers.reports_back():
        return Check(
            name, State.LOOK, "Twilio cannot reach us to report back.", "Set PUBLIC_URL to our own address."
        )
    return Check(name, State.GOOD, f"Ready, from {_from(channel)}.")


def _from(channel: Channel) -> str:
    if channel == Channel.EMAIL:
        return settings.EMAIL_FROM
    usual = settings.TWILIO_FROM or "the messaging service"
    return settings.TWILIO_ALERT_FROM or usual


def _credit(answer: Answer | None, now: datetime) -> Check:
    if answer is None or now - answer.at > OLD:
        return Check(
            "Credit for texts", State.LOOK, "Nobody has asked Twilio today.", "Press “Ask and test”."
        )
    if not answer.good:
        return Check("Credit for texts", State.WRONG, answer.words, "Top the account up, then ask again.")
    return Check("Credit for texts", State.GOOD, answer.words)


def _phones(event: Event, now: datetime) -> Check:
    known = reaching.known(event, now)
    everyone = known[Channel.EMAIL].entrants + sum(known[Channel.EMAIL].left_out.values())
    mailed, texted = known[Channel.EMAIL].entrants, known[Channel.SMS].entrants
    words = f"Of {everyone:,} confirmed, {mailed:,} are reached by email and {texted:,} by text."
    if not everyone:
        return Check("Addresses", State.WRONG, "There are no confirmed entrants.", "Bring in the entry list.")
    if min(mailed, texted) * 2 < everyone:
        return Check(
            "Addresses", State.LOOK, words, "Look at the entrants without a usable mobile or address."
        )
    return Check("Addresses", State.GOOD, words)


def _contact(event: Event) -> Check:
    if not contact.is_confirmed(event):
        who = event.contact_email or "nobody"
        return Check(
            "Replies", State.LOOK, f"They go to {who}; nobody has confirmed to read them.",
            "Confirm it on the page of the event.",
        )  # fmt: skip
    return Check("Replies", State.GOOD, f"They go to {event.contact_email}, which is read.")


def _staff(staff: Sequence[StaffContact], answer: Answer | None, now: datetime) -> Check:
    if not staff:
        return Check(
            "Staff", State.LOOK, "Nobody gets tests and news.", "Add the people behind the event on its page."
        )
    phones = sum(bool(one.mobile) for one in staff)
    words = f"{len(staff)} {'person' if len(staff) == 1 else 'people'}, {phones} with a phone."
    if answer is None or now - answer.at > OLD:
        return Check("Staff", State.LOOK, f"{words} Not tested today.", "Press “Ask and test”.")
    if not answer.good:
        return Check("Staff", State.WRONG, f"{words} {answer.words}", "See to the provider, then test again.")
    return Check("Staff", State.GOOD, f"{words} {answer.words}")


def _alerts(standing: Sequence[alerts.Standing]) -> Check:
    named = {each.alert.id: said.topic(each.alert.name) for each in standing}
    half = [named[each.alert.id] for each in standing if each.arming == alerts.Arming.CONFIRMING]
    unarmed = [named[each.alert.id] for each in standing if each.arming == alerts.Arming.UNARMED]
    if not standing:
        return Check("Alerts", State.LOOK, "The plan has none.", "Add alerts to the plan.")
    found = [f"Not armed: {', '.join(unarmed)}."] if unarmed else []
    found += [f"{', '.join(half)}: {said.WAITS_FOR_SECOND}."] if half else []
    if found:
        return Check("Alerts", State.LOOK, " ".join(found), "Two people arm them beforehand.")
    return Check("Alerts", State.GOOD, f"All {len(standing)} are armed.")


def _cost_of_one(event: Event, now: datetime) -> Decimal | None:
    if settings.SMS_PRICE is None:
        return None
    return settings.SMS_PRICE * reaching.known(event, now)[Channel.SMS].addresses


def _keep(event: Event, name: str, *, good: bool, words: str, now: datetime) -> Answer:
    values = {"at": now, "good": good, "words": words}
    return Answer.objects.update_or_create(event=event, name=name, defaults=values)[0]


def _test_mail(event: Event, one: StaffContact) -> Email:
    words = WORDS.format(name=one.name, event=event.name)
    return staff_mail.mail(one.id, one.email, f"[Test] Alerts of {event.name} reach you here", words)


def _test_text(event: Event, one: StaffContact) -> Sms:
    return Sms(one.id, one.mobile, TEXT.format(event=event.name), "", 3600, settings.TWILIO_ALERT_FROM)
