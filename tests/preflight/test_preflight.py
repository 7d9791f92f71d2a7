"""Preflight: what is wrong with a plan is said before its first message goes, with whom it concerns."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import time_machine
from people import DUE, a_step, an_event, entrant, entrants, load, sign_everything

from campaigns import preflight
from campaigns.entry_lists.diff import STATUS_REASON
from campaigns.models import Delivery, Event, Outbox, Step, Version
from campaigns.preflight import Finding, Report, Severity, StepFigures

EARLIER = DUE - timedelta(days=30)
STOP = "Write to {{ organiser_contact }}."


@pytest.fixture
def event(db, settings) -> Event:
    settings.EMAIL_URL = "smtp://127.0.0.1:2525"
    settings.TWILIO_ACCOUNT_SID = settings.TWILIO_AUTH_TOKEN = "x"
    settings.TWILIO_FROM, settings.PUBLIC_URL = "RunReigate", "https://tips.example.org"
    settings.SMS_URL, settings.SMS_PRICE = "https://t.example.org", Decimal("0.04")
    return an_event()


def look(event: Event, **options) -> Report:
    with time_machine.travel(EARLIER, tick=False):
        return preflight.look(Event.objects.get(id=event.id), ask_dns=False, **options)


def found(report: Report, code: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.code == code]


def figures(report: Report, name: str = "tip") -> StepFigures:
    [step] = [step for step in report.steps if step.name == name]
    return step


def a_text(folder: Path, body: str, purpose: str = "service", name: str = "test") -> Path:
    """A folder with one text."""
    (folder / "sms").mkdir(exist_ok=True)
    (folder / "sms" / f"{name}.txt").write_text(f"---\ntopic: Test\npurpose: {purpose}\n---\n{body}\n")
    return folder


def an_email(folder: Path, body: str) -> Path:
    """A folder with one email."""
    (folder / "email").mkdir(exist_ok=True)
    head = "---\ntopic: Test\npurpose: tips\nsubject: Test\npreheader: Test.\n---\n# Test\n\n"
    (folder / "email" / "test.md").write_text(f"{head}{body}\n\n{STOP}\n")
    return folder


TEXT = a_step(channel="sms", template="test", purpose="service")
EMAIL = a_step(template="test")


def test_a_sound_plan_has_no_errors_and_leaves_no_trace(event):
    entrants(event, 3)
    entrants(event, 2, consents=())
    load(event, a_step(), a_step("text", channel="sms", template="hydration", when="40 days before, 17:00"))
    report = look(event)
    assert report.errors == []
    tip, text = figures(report), figures(report, "text")
    assert (tip.emails, tip.people, tip.left_out["no_consent"]) == (3, 3, 2)
    assert 5_000 < tip.largest_bytes < 40_000
    assert (text.texts, text.segments, text.cost) == (3, 3, Decimal("0.12"))
    assert (report.segments, report.cost) == (3, Decimal("0.12"))
    assert not Delivery.objects.exists()
    assert not Outbox.objects.exists()


def test_a_family_is_one_message(event):
    for name in ("Ana", "Ben", "Cat"):
        entrant(event, first_name=name, email="family@example.org")
    load(event)
    assert (figures(look(event)).emails, figures(look(event)).people) == (1, 3)


def test_without_a_plan_there_is_nothing_to_look_at(event):
    with pytest.raises(preflight.PreflightError, match="has no plan yet"):
        look(event)


# Words and values


def test_health_advice_without_a_sign_off_is_an_error(event):
    loaded = load(event, signed=False)
    [finding] = found(look(event), "sign_off")
    assert finding.severity == Severity.ERROR
    assert "email/back-warm-up, version 1 has no medical sign-off" in finding.words
    with time_machine.travel(EARLIER, tick=False):
        sign_everything(loaded, date(2027, 8, 2))
    assert "ends on 2 Aug 2027, before it is sent on 3 Aug 2027" in found(look(event), "sign_off")[0].words


def test_a_value_that_some_lack_is_shown_with_who_they_are(event, tmp_path):
    entrants(event, 2, bib="17")
    without = entrant(event)
    load(event, EMAIL, folder=an_email(tmp_path, "Number {{ bib }}."))
    report = look(event)
    [finding] = found(report, "missing_value")
    assert (finding.severity, finding.people, finding.entrants) == ("warning", 1, (without.id,))
    assert "bib" in finding.words
    assert figures(report).left_out["missing_value"] == 1


def test_a_value_that_all_lack_is_an_error(event, tmp_path):
    entrants(event, 2)
    load(event, EMAIL, folder=an_email(tmp_path, "Defer: [here]({{ deferral_url }})."))
    [finding] = found(look(event), "missing_value")
    assert (finding.severity, finding.people) == ("error", 2)
    assert "Nobody has a value for deferral_url" in finding.words


def test_a_value_that_cannot_be_used_is_an_error(event, tmp_path):
    entrant(event)
    Event.objects.update(info_url="javascript:alert(1)")
    load(event, EMAIL, folder=an_email(tmp_path, "See [this]({{ info_url }})."))
    assert found(look(event), "refused")[0].severity == "error"


def test_a_step_and_its_message_must_have_one_purpose(event, tmp_path):
    entrant(event)
    load(event, TEXT, folder=a_text(tmp_path, "Hello. {{ stop_url }}", purpose="tips"))
    assert "purpose is service" in found(look(event), "purpose")[0].words


@pytest.mark.parametrize(
    ("link", "broken"),
    [
        ("https://tips.example.org/nowhere", ["/nowhere"]),
        ("https://tips.example.org/u/somebody-else", ["/u/…"]),
        ("https://tips.example.org/", []),
        ("https://tips.example.org.evil.example/nowhere", []),
        ("https://example.org/nowhere", []),
        ("{{ preferences_url }}", []),
    ],
)
def test_a_link_to_our_own_pages_must_lead_to_one(event, tmp_path, link, broken):
    entrant(event)
    load(event, EMAIL, folder=an_email(tmp_path, f"See [this]({link}), please."))
    links = found(look(event), "broken_link")
    assert [finding.words.split()[2] for finding in links] == broken
    assert all(finding.severity == "error" for finding in links)


# Texts


@pytest.mark.parametrize(
    ("length", "code", "severity"),
    [(160, "", ""), (161, "segments", "warning"), (459, "segments", "warning"), (460, "refused", "error")],
)
def test_long_texts_cost_more_and_very_long_ones_are_refused(event, tmp_path, length, code, severity):
    person = entrant(event)
    load(event, TEXT, folder=a_text(tmp_path, "x" * length))
    report = look(event)
    codes = {finding.code: finding for finding in report.findings}
    assert ({"segments", "refused"} & codes.keys()) == ({code} if code else set())
    if code:
        assert (codes[code].severity, codes[code].entrants) == (severity, (person.id,))


def test_a_name_outside_the_plain_alphabet_is_seen_in_the_segments_it_costs(event, tmp_path):
    entrant(event, first_name="Ana")
    entrant(event, first_name="李娜")
    load(event, TEXT, folder=a_text(tmp_path, "{{ first_name }} " + "x" * 100))
    report = look(event)
    assert (figures(report).segments, figures(report).most_segments) == (3, 2)
    assert found(report, "unicode")[0].people == 1


# Moments


@pytest.mark.parametrize(("latest", "severity"), [("24 h", "note"), ("13 h", "error")])
def test_quiet_hours_that_move_a_text_or_drop_it_are_told(event, tmp_path, latest, severity):
    entrant(event)
    words = a_step(
        channel="sms", template="test", purpose="service", when="47 days before, 20:00", latest=latest
    )
    load(event, words, folder=a_text(tmp_path, "Hello."), quiet_hours="20:00-09:00")
    [finding] = found(look(event), "quiet_hours")
    assert (finding.severity, finding.people) == (severity, 1)


@pytest.mark.parametrize(("rate", "slow"), [(0.5, False), (0.4, True)])
def test_a_step_whose_last_message_leaves_too_late_is_refused(event, settings, rate, slow):
    settings.EMAIL_RATE = rate
    entrants(event, 60)
    load(event, a_step(latest="2 min"))
    report = look(event)
    assert [finding.severity for finding in found(report, "too_slow")] == ["error"] * slow
    assert figures(report).first_minute == DUE
    assert figures(report).last_minute == DUE + timedelta(seconds=59 / rate)


def test_steps_of_one_moment_wait_for_each_other(event, settings):
    settings.EMAIL_RATE = 1.0
    entrants(event, 60)
    load(event, a_step("a"), a_step("b", template="shoes"))
    report = look(event)
    assert figures(report, "a").last_minute == DUE + timedelta(seconds=59)
    assert figures(report, "b").first_minute == DUE + timedelta(seconds=60)


def test_a_step_whose_moment_has_passed_says_so_and_does_not_block(event):
    entrant(event)
    load(event, a_step(when="200 days before, 10:00"))
    [finding] = found(look(event), "too_late")
    assert (finding.severity, finding.people) == ("warning", 1)


def test_a_step_for_nobody_says_so(event):
    entrant(event)
    load(event, a_step(audience="kids"))
    assert found(look(event), "nobody")[0].severity == "warning"
    assert found(look(event), "nobody")[0].words.endswith("as things stand: nobody is in its audience.")


def test_a_child_without_a_guardian_waits(event):
    entrant(event, race="kids", born=None)
    load(event)
    assert found(look(event), "minor")[0].people == 1


def test_two_emails_in_a_week_are_told_until_five_days_before(event):
    entrants(event, 2)
    load(
        event,
        a_step("a"),
        a_step("b", template="shoes", when="41 days before, 10:00"),
        a_step("c", template="back-pain", when="34 days before, 10:00"),
        a_step("d", template="shoes", when="4 days before, 10:00"),
        a_step("e", template="shoes", when="3 days before, 10:00"),
    )
    [finding] = found(look(event), "emails_a_week")
    assert (finding.step, finding.people) == ("b", 2)
    assert "within a week of “A”, and 2 people get both" in finding.words
    assert not found(look(event), "at_once")


def test_two_emails_that_leave_together_are_told(event):
    entrants(event, 3)
    load(event, a_step("a"), a_step("b", template="shoes"), a_step("c", template="back-pain", audience="10k"))
    [finding] = found(look(event), "at_once")
    assert (finding.step, finding.people) == ("b", 3)
    assert "It leaves in the same minute as “A”, so 3 people get two emails at once." in finding.words
    assert not found(look(event), "emails_a_week")


def test_steps_whose_moments_have_passed_leave_together(event):
    entrants(event, 3)
    load(
        event,
        a_step("a", latest="7 days"),
        a_step("b", template="shoes", when="46 days before, 12:00", latest="7 days"),
    )
    with time_machine.travel(DUE + timedelta(days=2), tick=False):
        report = preflight.look(Event.objects.get(id=event.id), ask_dns=False)
    assert [finding.step for finding in found(report, "at_once")] == ["b"]
    assert not found(report, "emails_a_week")


def test_more_than_five_texts_to_one_person_are_told(event, tmp_path):
    entrant(event)
    folder = a_text(tmp_path, "Hello.")
    texts = [
        a_step(f"t{day}", channel="sms", template="test", purpose="service", when=f"{day} days before, 10:00")
        for day in range(1, 7)
    ]
    load(event, *texts[:5], folder=folder)
    assert not found(look(event), "many_texts")
    load(event, *texts, folder=folder)
    assert found(look(event), "many_texts")[0].people == 1


# The sender


def test_what_cannot_send_is_an_error(event, settings):
    entrant(event)
    load(event, a_step(), a_step("text", channel="sms", template="hydration"))
    settings.EMAIL_URL, settings.TWILIO_FROM = "", "Run Reigate 2027"
    assert "EMAIL_URL is not set" in found(look(event), "provider")[0].words
    assert "at most 11 letters" in found(look(event), "sms_sender")[0].words


def test_a_text_from_a_name_may_not_ask_to_be_answered(event, settings, tmp_path):
    entrant(event)
    load(event, TEXT, folder=a_text(tmp_path, "Reply STOP to stop."))
    settings.TWILIO_FROM = "RunReigate"
    assert "“Reply”" in found(look(event), "reply_to_a_name")[0].words
    settings.TWILIO_FROM = "+447700900000"
    assert not found(look(event), "reply_to_a_name")


def test_links_that_lead_to_this_machine_are_told(event, settings):
    load(event)
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert found(look(event), "public_url")[0].severity == "warning"


# Which words


def test_the_approved_words_are_looked_at_while_they_stand_and_the_newest_else(event, tmp_path):
    entrant(event)
    folder = an_email(tmp_path, "First.")
    loaded = load(event, EMAIL, folder=folder)
    an_email(tmp_path, "Then {{ bib }}.")
    load(event, EMAIL, folder=folder)
    assert found(look(event), "missing_value")
    first = Version.objects.get(number=1)
    step = Step.objects.get(campaign=loaded)
    step.state, step.version, step.approved_hash = "approved", first, step.content_hash
    step.save()
    assert not found(look(event), "missing_value")


def test_many_messages_are_made_on_all_cores_and_come_to_the_same(event, monkeypatch):
    from campaigns.preflight import made

    entrants(event, 40)
    entrants(event, 3, first_name="")
    load(event)
    alone = figures(look(event))
    monkeypatch.setattr(made, "ALONE", 1)
    monkeypatch.setattr(made, "PIECE", 7)
    monkeypatch.setattr(made, "BATCH", 20)
    seen: list[tuple[int, int]] = []
    together = figures(look(event, progress=lambda done, total: seen.append((done, total))))
    assert together == alone
    assert (seen[0], seen[-1]) == ((0, 43), (43, 43))


def test_a_sample_counts_everyone(event):
    entrants(event, 12)
    load(event)
    assert figures(look(event, most=5)).people == 12


def test_late_entrants_words_are_looked_at_and_not_counted(event):
    entrant(event)
    load(event, a_step(), catch_up=True)
    catch_up = figures(look(event), "catch-up")
    assert (catch_up.people, catch_up.messages) == (0, 0)
    assert catch_up.largest_bytes


@pytest.mark.parametrize(
    "known", [{"contact_confirmed": ""}, {"contact_email": "", "contact_confirmed": "hello@example.org"}]
)
def test_nothing_is_approved_before_somebody_has_proved_to_read_the_replies(event, known):
    Event.objects.filter(id=event.id).update(**known)
    entrants(event, 1)
    load(event)
    [finding] = found(look(event), "reply_to")
    assert finding.severity == Severity.ERROR
    assert "type it in." in finding.words
    assert finding.command == f"aidstation event contact {event.slug} --ask"


def test_who_is_held_is_told_with_the_reasons_that_are_true_of_them(event):
    load(event, a_step())
    held = entrant(event, status="held", hold_reason=STATUS_REASON)
    [finding] = found(look(event), "held")
    assert (
        finding.words
        == "1 entrant is held until somebody releases them: the entry list does not confirm them."
    )
    entrant(event, status="held", hold_reason="Spoke to her mother.")
    [finding] = found(look(event), "held")
    assert finding.words.endswith(": the entry list does not confirm them, or somebody held them by hand.")
    held.delete()
    [finding] = found(look(event), "held")
    assert finding.words == "1 entrant is held until somebody releases them: somebody held them by hand."
