"""Texts that people write to us: obeyed at once, kept for the organiser, answered without promising a watch."""

from datetime import timedelta

import pytest
import time_machine
from people import DUE, a_campaign, a_step, an_event, claim_at, entrants, queue, the_step
from twilio_calls import ACCOUNT, PREVIOUS, twilio_call
from webhook_cases import Call, WebhookCases

from campaigns import optout
from campaigns.content import segments
from campaigns.models import Consent, Delivery, Event, InboundText, Organiser, Suppression
from campaigns.models.words import Channel, Purpose
from campaigns.receipts import forwarding
from postbox import Postbox

pytestmark = pytest.mark.django_db

PATH, NUMBER = "/hooks/twilio/inbound", "+447700900123"


def fields(body: str, sid: str = "SM1", number: str = NUMBER, **more: str) -> dict[str, str]:
    return {
        "AccountSid": ACCOUNT,
        "MessageSid": sid,
        "From": number,
        "To": "+447700900900",
        "Body": body,
        **more,
    }


class TestInboundHook(WebhookCases):
    hook = "twilio-inbound"
    signature_header = "X-Twilio-Signature"

    def genuine(self) -> Call:
        return twilio_call(PATH, fields("Where is parking?"))

    def with_other_secret(self) -> Call:
        return twilio_call(PATH, fields("Hello"), "another token")

    def with_previous_secret(self) -> Call:
        return twilio_call(PATH, fields("Hello"), PREVIOUS)

    def of_other_account(self) -> Call:
        return twilio_call(PATH, fields("Hello", AccountSid=f"AC{'9' * 32}"))


def text(body: str, sid: str = "", **more: str) -> str:
    """What comes back: TwiML, or '' for no answer."""
    sid = sid or f"SM{InboundText.objects.count() + 1}"
    answer = twilio_call(PATH, fields(body, sid, **more)).send()
    assert answer.status_code in (200, 204)
    return answer.content.decode()


@pytest.fixture
def runner():
    return entrants(an_event(), 1, mobile=NUMBER)[0]


def granted(entrant) -> set[str]:
    return set(
        Consent.objects.filter(entrant=entrant, channel="sms", granted=True).values_list("purpose", flat=True)
    )


def test_stop_closes_the_number_at_once_and_twilio_answers_it(runner):
    assert text("STOP") == ""
    stop = Suppression.objects.get()
    assert (stop.channel, stop.scope, stop.reason, stop.organiser) == (
        "sms",
        "all",
        "stop",
        runner.event.organiser,
    )
    assert granted(runner) == set()
    assert optout.standing(runner, Channel.EMAIL).tips, "email is another matter"


def test_stop_please_is_answered_by_us_since_twilio_lets_it_pass(runner):
    answer = text("Stop please")
    assert "no more texts" in answer
    assert Suppression.objects.count() == 1


def test_start_takes_stop_back_and_grants_what_it_withdrew(runner):
    Consent.objects.filter(entrant=runner, channel="sms", purpose=Purpose.TIPS).delete()
    text("STOP")
    text("START")
    assert not Suppression.objects.exists()
    assert granted(runner) == {"service"}


def test_start_opens_no_number_that_is_bad(runner):
    optout.suppress(runner.event.organiser, Channel.SMS, NUMBER, "all", "bad_number")
    text("START")
    assert Suppression.objects.get().reason == "bad_number"


def test_a_stop_that_is_replayed_after_start_changes_nothing(runner):
    text("STOP", sid="SM1")
    text("START", sid="SM2")
    text("STOP", sid="SM1")
    assert not Suppression.objects.exists()


def test_a_stop_from_a_number_that_nobody_has_is_kept_for_every_organiser():
    for slug in ("one", "two"):
        Organiser.objects.create(slug=slug, name=slug)
    text("STOP")
    assert Suppression.objects.count() == Organiser.objects.count()


def test_who_texts_stop_in_the_middle_of_a_send_is_not_claimed_any_more(runner):
    loaded = a_campaign(runner.event, a_step(channel="sms", template="hydration"))
    queue(the_step(loaded), [*entrants(runner.event, 3), runner])
    assert len(claim_at(DUE, the_step(loaded), Channel.SMS, limit=1).groups) == 1
    text("STOP")
    assert len(claim_at(DUE, the_step(loaded), Channel.SMS).groups) == 2
    row = Delivery.objects.get(entrant=runner)
    assert row.state == "skipped"
    assert row.reason in ("suppressed", "no_consent")


def test_any_other_text_is_kept_for_the_organiser_and_answered_once_a_day(runner):
    with time_machine.travel(DUE, tick=False):
        answer = text("Where is parking?")
        assert "Not watched live. Emergency: 999." in answer
        assert "hello@example.org" in answer
        assert text("Hello?") == ""
    with time_machine.travel(DUE + timedelta(hours=25), tick=False):
        assert "Not watched live" in text("Anybody?")
    kept = InboundText.objects.order_by("id")
    assert [row.body for row in kept] == ["Where is parking?", "Hello?", "Anybody?"]
    assert {(row.event, row.entrant) for row in kept} == {(runner.event, runner)}


def test_a_text_that_speaks_of_an_emergency_is_flagged_and_told_to_call(runner):
    text("Where is parking?")
    assert "Call 999 now" in text("My chest hurts")
    assert InboundText.objects.get(body="My chest hurts").urgent


def test_help_is_answered_unless_twilio_has(runner):
    assert "999" in text("HELP")
    assert text("INFO", OptOutType="HELP") == ""


def test_no_answer_is_longer_than_two_texts(runner):
    for body in ("Hello", "chest pain", "stop please"):
        said = text(body)
        words = said.partition("<Message>")[2].partition("</Message>")[0]
        assert words
        assert segments(words).encoding == "GSM-7"
        assert segments(words).count <= 2


def test_a_text_that_looks_like_markup_stays_words(runner):
    text("<Response><Message>hi</Message></Response>\0")
    assert InboundText.objects.get().body == "<Response><Message>hi</Message></Response>"


def test_a_text_without_sender_or_sid_is_quietly_forgotten():
    for missing in ("From", "MessageSid"):
        sent = {name: value for name, value in fields("Hello").items() if name != missing}
        assert twilio_call(PATH, sent).send().status_code == 204
    assert not InboundText.objects.exists()


def test_the_contact_gets_the_words_by_mail_the_urgent_ones_first(runner, settings):
    text("Where is parking?")
    text("Collapsed at mile 8")
    text("STOP")
    with Postbox() as box:
        settings.EMAIL_URL = box.email_url
        assert forwarding.is_due()
        assert forwarding.forward() == 2
        assert not forwarding.is_due()
        assert forwarding.forward() == 0
        first, second = box.emails
    assert first.recipient == second.recipient == "hello@example.org"
    assert first.subject == "URGENT: A runner of Run Reigate 2027 wrote a text"
    said = first.message.get_content()
    assert "Collapsed at mile 8" in said
    assert NUMBER in said


def test_a_mail_server_that_is_away_loses_no_text(runner, settings):
    text("Where is parking?")
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    assert forwarding.forward() == 0
    assert forwarding.is_due()


def forwarded(settings) -> list:
    with Postbox() as box:
        settings.EMAIL_URL = box.email_url
        forwarding.forward()
        return box.emails


def test_what_a_stranger_writes_goes_to_the_race_nearest_to_today_and_to_nobody_else(settings):
    elsewhere = Organiser.objects.create(slug="other", name="Other Runners")
    for slug, days in (("near", 5), ("far", 50), ("mute", 0), ("past", -9)):
        an_event(DUE.date() + timedelta(days=days), slug=slug)
        contact = "" if slug == "mute" else f"{slug}@example.org"
        Event.objects.filter(slug=slug).update(contact_email=contact)
    Event.objects.filter(slug="past").update(organiser=elsewhere)
    near = Event.objects.get(slug="near")
    with time_machine.travel(DUE, tick=False):
        assert "near@example.org" in text("Who are you?", number="+447700900888")
    kept = InboundText.objects.get()
    assert (kept.event, kept.entrant, kept.organiser) == (near, None, near.organiser)
    [mail] = forwarded(settings)
    assert mail.recipient == "near@example.org"
    assert mail.subject == "A number that nobody has wrote a text"
    assert "Nobody is entered with this number" in mail.message.get_content()


def test_a_text_without_words_is_passed_on_as_such(runner, settings):
    text(" ", NumMedia="1")
    [mail] = forwarded(settings)
    assert "no words" in mail.message.get_content()


def test_where_there_is_no_event_a_text_is_kept_all_the_same():
    assert "999" in text("Hello?")
    assert InboundText.objects.get().event is None


@pytest.mark.parametrize("field", ["MessageSid", "From", "Body", "OptOutType", "To"])
def test_a_nul_in_any_field_is_no_error(runner, field):
    sent = fields("Hello") | {field: "\0x\0"}
    assert twilio_call(PATH, sent).send().status_code in (200, 204)
