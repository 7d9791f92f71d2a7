"""One message before it goes: the drain's own words, harmless links, and a test that is known for one."""

import email
import email.policy
import re
from datetime import timedelta

import pytest
import time_machine
from people import DUE, a_campaign, a_step, an_event, claim_at, entrant, load, queue, the_step

from campaigns import optout, preview, rendering
from campaigns.models import Attempt, Delivery, Event, Version
from campaigns.models.words import Channel, Scope, SuppressionReason
from campaigns.preview import PreviewError, entrant_like
from postbox import Postbox

EARLIER = DUE - timedelta(days=30)


@pytest.fixture
def event(db) -> Event:
    return an_event()


@pytest.fixture
def box(settings):
    with Postbox() as box:
        settings.EMAIL_URL, settings.TWILIO_BASE_URL = box.email_url, box.twilio_base_url
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC" + "1" * 32, "test"
        settings.TWILIO_FROM = "RunReigate"
        yield box


def newest(event: Event, name: str = "back-warm-up", channel: str = "email") -> Version:
    return Version.objects.filter(
        template__event=event, template__name=name, template__channel=channel
    ).latest("number")


def without_links(text: str) -> str:
    return re.sub(r"/[ums]/[\w-]+", "", text)


# Who is meant


def test_an_entrant_is_found_by_id_bib_address_and_part_of_a_name(event):
    zoe = entrant(event, first_name="Zoë", last_name="Óg", bib="417", email="zoe@example.org")
    entrant(event, first_name="Ann", last_name="Ash")
    for word in (f"id:{zoe.id}", "417", "ZOE@example.org", "zoë", "Zoë Óg", "Óg"):
        assert entrant_like(event, word) == zoe


def test_a_name_that_several_have_lists_them_by_id(event):
    one, other = (entrant(event, first_name="Sam", last_name=name) for name in ("Hill", "Dale"))
    with pytest.raises(PreviewError) as refused:
        entrant_like(event, "sam")
    assert str(refused.value) == (
        f"'sam' could be id:{one.id} Sam Hill (Half Marathon), id:{other.id} Sam Dale (Half Marathon): "
        "give one of these ids."
    )


@pytest.mark.parametrize("word", ["", "id:999999", "Nobody", "nobody@example.org"])
def test_nobody_is_one_sentence(event, word):
    with pytest.raises(PreviewError, match=r"\.$"):
        entrant_like(event, word)


# What is seen


@time_machine.travel(EARLIER, tick=False)
def test_a_preview_is_what_the_drain_would_make_but_for_links_that_act(event):
    step = the_step(a_campaign(event))
    person = entrant(event, first_name="Ana")
    found = preview.preview(step.version, person)
    queue(step, [person])
    [group] = claim_at(DUE, step).groups
    sent = rendering.message_of(the_step(step.campaign), Channel.EMAIL).finished_email(group, DUE)
    seen = email.message_from_bytes(found.message.data, policy=email.policy.default)
    real = email.message_from_bytes(sent.data, policy=email.policy.default)
    assert seen["Subject"] == real["Subject"]
    assert len(found.message.data) - len(sent.data) < 100
    assert person.token not in found.message.data.decode()
    assert without_links(found.part("plain")) == without_links(real.get_body(("plain",)).get_content())


@time_machine.travel(EARLIER, tick=False)
def test_a_preview_says_what_the_claim_would_say_and_leaves_no_trace(event):
    load(event)
    person = entrant(event, consents=())
    assert preview.preview(newest(event), person).verdict == "no_consent"
    assert preview.preview(newest(event), entrant(event)).verdict == "eligible"
    assert preview.preview(newest(event), entrant(event)).leaves_at == DUE
    assert not Delivery.objects.exists()


@time_machine.travel(EARLIER, tick=False)
def test_a_family_is_greeted_together_by_those_who_may_get_it(event):
    load(event)
    ana, _, _ = (
        entrant(event, first_name=name, email="family@example.org", **fields)
        for name, fields in (("Ana", {}), ("Ben", {}), ("Cat", {"consents": ()}))
    )
    assert "Hello Ana and Ben," in preview.preview(newest(event), ana).part("plain")


@time_machine.travel(EARLIER, tick=False)
def test_the_newest_words_are_shown_though_older_ones_are_approved(event):
    step = the_step(a_campaign(event))
    step.template.versions.create(
        number=2, source=step.version.source.replace("Hello", "Dear"), content_hash="2", created_at=DUE
    )
    person = entrant(event, first_name="Ana")
    assert "Dear Ana," in preview.preview(newest(event), person).part("plain")
    assert "Hello Ana," in preview.preview(step.version, person).part("plain")


def test_a_message_that_no_step_uses_has_no_preview(event):
    load(event)
    lone = event.templates.create(channel="email", name="lone")
    version = lone.versions.create(number=1, source=newest(event).source, content_hash="x", created_at=DUE)
    with pytest.raises(PreviewError, match="No step of the plan uses email/lone"):
        preview.preview(version, entrant(event))


# A test


@time_machine.travel(EARLIER, tick=False)
def test_a_test_mail_says_so_and_stops_nobody_s_mails(event, box):
    load(event)
    person = entrant(event, first_name="Ana")
    preview.send_test(preview.preview(newest(event), person), "tester@example.org")
    box.wait_for(emails=1)
    mail = box.emails[0]
    assert str(mail.message["Subject"]).startswith("[Test] Put your back")
    assert mail.recipient == "tester@example.org"
    assert person.token.encode() not in mail.raw
    assert not Attempt.objects.exists()


@time_machine.travel(EARLIER, tick=False)
def test_a_test_text_says_so(event, box):
    load(event, a_step(channel="sms", template="hydration"))
    preview.send_test(preview.preview(newest(event, "hydration", "sms"), entrant(event)), "+447700900123")
    box.wait_for(texts=1)
    assert box.texts[0].body.startswith("TEST: Run Reigate")


@pytest.mark.parametrize("scope", list(Scope))
def test_no_test_goes_to_an_address_that_is_suppressed(event, box, scope):
    load(event)
    optout.suppress_hash(
        event.organiser_id,
        Channel.EMAIL,
        optout.hash_of(Channel.EMAIL, "tester@example.org"),
        scope,
        SuppressionReason.BY_HAND,
    )
    found = preview.preview(newest(event), entrant(event))
    with pytest.raises(PreviewError, match="suppressed"):
        preview.send_test(found, "tester@example.org")
    assert not box.emails


def test_in_the_demo_a_test_stays_on_this_machine(event, settings):
    load(event)
    settings.DEMO, settings.EMAIL_URL = True, "smtp://mail.example.org:25"
    with pytest.raises(PreviewError, match="The demo sends to this machine only"):
        preview.send_test(preview.preview(newest(event), entrant(event)), "tester@example.org")


def test_a_mail_server_that_is_away_is_one_sentence(event, settings):
    load(event)
    settings.EMAIL_URL = "smtp://127.0.0.1:9"
    with pytest.raises(PreviewError, match="The test could not be sent"):
        preview.send_test(preview.preview(newest(event), entrant(event)), "tester@example.org")
