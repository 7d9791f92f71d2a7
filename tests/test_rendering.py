"""From a claimed delivery to the finished message: whose values stand in it, which words, which headers."""

import email
import email.policy
from datetime import date, timedelta
from pathlib import Path

import pytest
from people import (
    DUE,
    YES,
    a_campaign,
    a_step,
    an_alert,
    an_event,
    claim_at,
    entrant,
    load,
    moment,
    queue,
    the_step,
)

from campaigns import content, rendering
from campaigns.models import Event, Step, Suppression, Wave
from campaigns.models.words import Channel

HEAD = "---\ntopic: Test\npurpose: tips\nsubject: {subject}\npreheader: Before.\n---\n"
STOP = "Write to {{ organiser_contact }}."


def message(step: Step, channel: Channel = Channel.EMAIL) -> rendering.Message:
    return rendering.message_of(Step.objects.get(id=step.id), channel)


def finished(event: Event, words: str = "", *, at=DUE, folder: Path | None = None, **fields):
    """The one email of a step to one new entrant, as it arrives."""
    loaded = a_campaign(event, words or a_step(), **({"folder": folder} if folder else {}))
    step = the_step(loaded)
    queue(step, [entrant(event, **fields)], at)
    [group] = claim_at(at, step).groups
    mail = message(step).finished_email(group, at)
    return mail, email.message_from_bytes(mail.data, policy=email.policy.default)


def plain(parsed) -> str:
    return parsed.get_body(("plain",)).get_content()


def an_email(folder: Path, body: str, subject: str = "A test") -> Path:
    """A folder with one email called `test`."""
    (folder / "email").mkdir()
    (folder / "email" / "test.md").write_text(f"{HEAD.format(subject=subject)}# A test\n\n{body}\n\n{STOP}\n")
    return folder


def values(event: Event, *, at=DUE, **fields) -> dict[str, str]:
    """What stands in the open words for a new entrant."""
    step = the_step(a_campaign(event, a_step(latest="99 days")))
    queue(step, [entrant(event, **fields)], at)
    [group] = claim_at(at, step).groups
    return message(step).values(group, at)


# Values


def test_every_open_word_has_its_value_and_there_are_no_others(db):
    assert values(an_event()).keys() == content.PLACEHOLDERS.keys()


def test_times_are_those_of_the_entrants_own_start(db):
    event = an_event()
    wave = Wave.objects.create(race=event.races.get(slug="half"), name="B", start="09:25")
    found = values(event, wave=wave)
    assert (found["start_time"], found["wave"], found["race_name"]) == ("09:25", "B", "Half Marathon")
    assert (found["pen_close"], found["warmup_time"], found["arrive_by"]) == ("09:15", "09:00", "08:25")


def test_without_a_wave_it_is_the_start_of_the_race(db):
    found = values(an_event(), race="10k")
    assert (found["start_time"], found["wave"], found["race_name"]) == ("09:00", "", "10K")


def test_a_wave_that_starts_at_midnight_starts_at_midnight(db):
    event = an_event()
    wave = Wave.objects.create(race=event.races.get(slug="half"), name="Night", start="00:00")
    assert values(event, wave=wave)["start_time"] == "00:00"


def test_dates_are_as_people_write_them_and_days_are_counted_in_the_race_s_zone(db):
    event = an_event(zone="Pacific/Auckland")
    found = values(event, at=moment("2027-08-02 12:30"))  # half past midnight on 3 August in Auckland
    assert (found["race_date"], found["days_to_go"]) == ("Sun 19 Sep 2027", "47")


def test_the_year_of_the_edition_is_left_out_of_the_name(db):
    assert values(an_event())["event_name"] == "Run Reigate"


@pytest.mark.parametrize(
    ("names", "listed"),
    [(["Ana"], "Ana"), (["Ana", "Ben"], "Ana and Ben"), (["Ana", "Ben", "Ana", "Zoë"], "Ana, Ben and Zoë")],
)
def test_a_family_is_listed_ready_to_read(db, names, listed):
    event = an_event()
    step = the_step(a_campaign(event))
    queue(step, [entrant(event, email="family@example.org", first_name=name) for name in names])
    [group] = claim_at(DUE, step).groups
    assert message(step).values(group, DUE)["names"] == listed
    assert message(step).values(group, DUE)["first_name"] == names[0]


# The email


def test_a_tip_says_who_it_is_from_and_how_to_stop(db):
    event = an_event()
    mail, parsed = finished(event)
    person = event.entrants.get()
    assert (mail.sender, mail.recipient) == ("tips@example.org", person.email)
    assert parsed["From"] == "Aid Station <tips@example.org>"
    assert (parsed["To"], parsed["Reply-To"]) == (person.email, "hello@example.org")
    assert person.token in parsed["List-Unsubscribe"]
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"/u/{person.token}" in plain(parsed)


def test_replies_go_only_where_somebody_has_proved_to_read_them(db):
    """A contact that was changed and not confirmed since is not answered to yet."""
    for confirmed, answered in (("old@example.org", "old@example.org"), ("", "tips@example.org")):
        _, parsed = finished(an_event(contact_confirmed=confirmed))
        assert parsed["Reply-To"] == answered


def test_a_service_mail_has_no_one_click_stop(db, tmp_path):
    folder = an_email(tmp_path, "Hello {{ names }}.")
    source = folder / "email" / "test.md"
    source.write_text(source.read_text().replace("purpose: tips", "purpose: service"))
    _, parsed = finished(an_event(), a_step(template="test", purpose="service"), folder=folder)
    assert parsed["List-Unsubscribe"] is None


def test_every_try_of_a_delivery_bears_the_same_message_id(db):
    event = an_event()
    step = the_step(a_campaign(event))
    [row] = queue(step, [entrant(event)])
    [group] = claim_at(DUE, step).groups
    ids = {
        email.message_from_bytes(message(step).finished_email(group, at).data)["Message-ID"]
        for at in (DUE, DUE + timedelta(hours=1))
    }
    assert ids == {f"<{row.message_id}>"}


@pytest.mark.parametrize(
    "name",
    ["{{ 7*7 }}", "{% for x in 'ab' %}{{ x }}{% endfor %}", "<script>alert(1)</script>", "O'Brien & Söhne"],
)
def test_a_name_is_just_a_name(db, tmp_path, name):
    folder = an_email(tmp_path, "Hello {{ first_name }}, good to see you.", "For {{ first_name }}")
    _, parsed = finished(an_event(), a_step(template="test"), folder=folder, first_name=name)
    assert f"Hello {name}, good" in " ".join(plain(parsed).split())
    assert parsed["Subject"] == f"For {name}"
    assert "<script>" not in parsed.get_body(("html",)).get_content()


def test_a_name_with_line_breaks_adds_no_header(db, tmp_path):
    folder = an_email(tmp_path, "Hello {{ first_name }}.", "For {{ first_name }}")
    name = "Eve\r\nBcc: everyone@example.org"
    mail, parsed = finished(an_event(), a_step(template="test"), folder=folder, first_name=name)
    assert parsed["Bcc"] is None
    assert b"Bcc:" not in mail.data.partition(b"\r\n\r\n")[0].replace(b"For Eve Bcc:", b"")
    assert parsed["Subject"] == "For Eve Bcc: everyone@example.org"


def test_a_required_value_that_is_not_known_stops_the_message(db, tmp_path):
    folder = an_email(tmp_path, "Your number is {{ bib }}.")
    with pytest.raises(content.MissingValue, match="bib"):
        finished(an_event(), a_step(template="test"), folder=folder)


# Which words


def test_the_approved_words_are_sent_not_the_newest(db, tmp_path):
    folder = an_email(tmp_path, "The first words.")
    event = an_event()
    step = the_step(a_campaign(event, a_step(template="test"), folder=folder))
    queue(step, [entrant(event)])
    [group] = claim_at(DUE, step).groups
    source = folder / "email" / "test.md"
    source.write_text(source.read_text().replace("first words", "second words"))
    load(event, a_step(template="test"), folder=folder)
    mail = message(step).finished_email(group, DUE)
    assert b"The first words" in mail.data
    assert b"second words" not in mail.data
    assert message(step).version_id == step.version_id


def test_a_text_and_its_fallback_have_words_of_their_own(db):
    event = an_event()
    words = a_step(channel="sms", template="hydration", more='fallback = "email"')
    step = the_step(a_campaign(event, words))
    by_text, by_email = message(step, Channel.SMS), message(step, Channel.EMAIL)
    assert (by_text.version_id, by_email.version_id) == (step.version_id, step.fallback_version_id)
    assert by_text.email is None
    assert by_email.sms is None


def test_a_colour_of_the_event_s_own_stands_in_its_mails_and_in_no_other_s(db):
    red, _ = finished(an_event(colour="#8A1538"))
    green, _ = finished(an_event())
    assert b"8a1538" in red.data.lower()
    assert b"8a1538" not in green.data.lower()


# The text


def a_text(event: Event, latest: timedelta, **fields):
    step = the_step(a_campaign(event, a_step(channel="sms", template="hydration")))
    person = entrant(event, **fields)
    queue(step, [person], latest_at=DUE + latest)
    [group] = claim_at(DUE, step, Channel.SMS).groups
    return message(step, Channel.SMS).finished_sms(group, DUE), person


def test_a_text_goes_to_the_mobile_and_says_how_to_stop(db):
    text, person = a_text(an_event(), timedelta(hours=1))
    assert text.to == person.mobile
    assert f"/s/{person.short_code}" in text.body


@pytest.mark.parametrize(("left", "seconds"), [(20, 60), (7200, 7200), (999_999, 36_000)])
def test_a_text_is_worth_delivering_as_long_as_its_step_is(db, left, seconds):
    text, _ = a_text(an_event(), timedelta(seconds=left))
    assert text.validity_seconds == seconds


def test_a_broken_source_is_refused_before_it_is_stored(db):
    with pytest.raises(content.ContentError):
        rendering.check_source("sms", "broken", "---\ntopic: x\npurpose: tips\n---\n{{ nonsense }}\n")
    with pytest.raises(content.ContentError):
        rendering.check_source("email", "broken", "No head at all.")


# Facts that a message may ask for


def test_a_family_s_facts_are_true_of_one_of_them_and_consent_is_of_all(db):
    event = an_event()
    step = the_step(a_campaign(event))
    family = {"email": "family@example.org"}
    queue(
        step,
        [
            entrant(event, born=date(1980, 1, 1), first_timer=True, **family),
            entrant(
                event, race="10k", born=date(1960, 1, 1), consents=[*YES, ("email", "sponsor")], **family
            ),
        ],
    )
    [group] = claim_at(DUE, step).groups
    found = message(step).values(group, DUE)
    assert (found["races"], found["ages"], found["first_timer"]) == ("half 10k", "30-49 50-plus", "yes")
    assert (found["race_name"], found["race_names"]) == ("Half Marathon", "Half Marathon and 10K")
    assert (found["minor"], found["tips_agreed"], found["sponsor_agreed"]) == ("", "yes", "")


def test_a_child_is_a_minor_and_never_a_sponsor_s(db):
    consents = [("email", "tips"), ("email", "sponsor")]
    found = values(an_event(), race="kids", born=date(2019, 5, 5), guardian=True, consents=consents)
    assert (found["races"], found["ages"], found["minor"]) == ("kids", "under-18", "yes")
    assert (found["tips_agreed"], found["sponsor_agreed"]) == ("yes", "")


@pytest.mark.parametrize(
    ("born", "band"),
    [
        (None, ""),
        (date(2009, 9, 20), "under-18"),
        (date(2009, 9, 19), "18-29"),
        (date(1997, 9, 20), "18-29"),
        (date(1997, 9, 19), "30-49"),
        (date(1977, 9, 20), "30-49"),
        (date(1977, 9, 19), "50-plus"),
    ],
)
def test_the_age_band_is_that_of_race_day(born, band):
    assert rendering.age_band(born, date(2027, 9, 19)) == band


def agreed(event, purpose="service", **fields):
    """The purposes that a part of a message of this purpose may serve for a new entrant."""
    step = the_step(a_campaign(event, a_step(purpose=purpose)))
    person = entrant(event, **fields)
    queue(step, [person])
    return person, lambda: claim_at(DUE, step).groups[0][0].agreed


def test_a_part_may_serve_what_was_agreed_to_on_this_channel(db):
    consents = [("email", "tips"), ("sms", "sponsor"), ("sms", "tips")]
    _, found = agreed(an_event(), consents=consents)
    assert found() == ["tips"]


def test_after_a_stop_news_of_the_race_comes_without_the_tip(db):
    person, found = agreed(an_event(), consents=[("email", "tips"), ("email", "sponsor")])
    Suppression.objects.create(
        organiser=person.event.organiser, channel="email", address_hash=person.email_hash,
        scope="tips_and_sponsor", reason="unsubscribed", at=DUE,
    )  # fmt: skip
    assert found() == []


# The course of the plan


def test_a_planned_email_knows_its_station_and_two_of_one_moment_share_it(db):
    loaded = a_campaign(
        an_event(),
        a_step("late", when="5 days before, 10:00"),
        a_step("first", when="54 days before, 10:00"),
        a_step("adults", when="12 days before, 10:00", audience="adults"),
        a_step("kids", when="12 days before, 10:00", audience="guardians"),
        a_step("text", channel="sms", template="hydration", when="30 days before, 17:00"),
        a_step("off", when="20 days before, 10:00", more="enabled = false"),
    )
    stations = {step.name: rendering.station_of(step) for step in loaded.steps.all()}
    of = content.Station
    assert stations == {
        "first": of(1, 3), "adults": of(2, 3), "kids": of(2, 3), "late": of(3, 3),
        "text": None, "off": of(2, 4),
    }  # fmt: skip
    assert rendering.place_of(loaded.steps.get(name="adults"))[1] == ["kids"]
    assert rendering.station_of(an_alert(loaded)) is None


# The logo


def test_an_events_logo_stands_above_its_name_with_words_for_who_cannot_see_it(db):
    event = an_event(logo_url="https://example.org/logo.png")
    _, parsed = finished(event)
    html = parsed.get_body(("html",)).get_content()
    assert html.count("<img ") == 1
    assert 'src="https://example.org/logo.png"' in html
    assert 'alt="Run Reigate"' in html


def test_without_a_logo_there_is_no_picture_at_all(db):
    _, parsed = finished(an_event())
    assert "<img" not in parsed.get_body(("html",)).get_content()
