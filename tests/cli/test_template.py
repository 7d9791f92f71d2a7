"""`aidstation template`: what there is to read, and who signs it."""

import json
from datetime import date

import pytest
from click.testing import CliRunner, Result
from people import a_step, an_event, entrant, load

from campaigns import campaign
from campaigns.cli import main, ready
from campaigns.models import AuditEntry, Campaign, Event, SignOff
from postbox import Postbox

SIGN = ("--reviewer", "Dr A B, GP", "--review-by", "2099-12-31", "--as", "ann@example.org")


@pytest.fixture
def event(db, monkeypatch) -> Event:
    monkeypatch.setattr(ready, "prepare", lambda: None)
    monkeypatch.setenv("COLUMNS", "160")
    return an_event()


@pytest.fixture
def loaded(event: Event) -> Campaign:
    text = a_step("text", channel="sms", template="race-morning", purpose="service")
    return load(event, a_step(), text, signed=False)


def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["template", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


def found(event: Event) -> dict[str, dict]:
    return {row["name"]: row for row in json.loads(run("list", event.slug, "--json").output)["templates"]}


def test_the_list_tells_what_still_needs_a_sign_off(event, loaded):
    rows = found(event)
    assert rows["email/back-warm-up"] | {"hash": ""} == {
        "name": "email/back-warm-up", "version": 1, "hash": "", "health": True, "steps": ["tip"], "sign_off": None,
    }  # fmt: skip
    assert rows["sms/race-morning"]["health"] is False
    said = run("list", event.slug).output
    assert "missing: needed before it can be sent" in said
    assert "not needed" in said


def test_a_sign_off_is_recorded_and_shown(event, loaded):
    said = run("sign-off", event.slug, "email/back-warm-up", *SIGN, "--registration", "GMC 1").output
    assert "Signed off: email/back-warm-up, version 1" in said
    signed = found(event)["email/back-warm-up"]["sign_off"]
    assert (signed["reviewer"], signed["registration"], signed["review_by"]) == (
        "Dr A B, GP",
        "GMC 1",
        "2099-12-31",
    )
    assert "Dr A B, GP, until 31 Dec 2099" in run("list", event.slug).output
    entry = AuditEntry.objects.get(act="template.sign-off")
    assert (entry.who, entry.event) == ("ann@example.org", event.slug)
    assert campaign.approve(loaded, "ann@example.org", []) == 2


def test_several_are_signed_at_once_or_none(event, loaded):
    run("sign-off", event.slug, "email/back-warm-up", "sms/race-mornin", *SIGN, code=1)
    assert not SignOff.objects.exists()
    run("sign-off", event.slug, "email/back-warm-up", "sms/race-morning", "email/back-warm-up", *SIGN)
    assert SignOff.objects.count() == 2


def test_an_unknown_message_names_the_nearest(event, loaded):
    said = run("sign-off", event.slug, "email/back-warmup", *SIGN, code=1).output
    assert "There is no message 'email/back-warmup': did you mean 'email/back-warm-up'?" in said


def test_words_that_changed_since_they_were_read_are_not_signed(event, loaded):
    template = event.templates.get(name="back-warm-up")
    newest = template.versions.get()
    template.versions.create(
        number=2, source=newest.source, content_hash="2", health=True, created_at=newest.created_at
    )
    said = run("sign-off", event.slug, "email/back-warm-up", *SIGN, "--version", 1, code=1).output
    assert "email/back-warm-up is at version 2 by now, not 1" in said
    assert not SignOff.objects.exists()


@pytest.mark.parametrize(
    "words", [(), ("--reviewer", "Dr A"), ("--review-by", "2099-01-01"), (*SIGN, "--revoke")]
)
def test_a_sign_off_needs_a_name_and_a_day_and_a_revocation_neither(event, loaded, words):
    run("sign-off", event.slug, "email/back-warm-up", *words, code=2)


@pytest.mark.parametrize("day", ["2020-01-01", "next year"])
def test_a_day_that_cannot_be_is_refused(event, loaded, day):
    run("sign-off", event.slug, "email/back-warm-up", "--reviewer", "Dr A", "--review-by", day, code=1)
    assert not SignOff.objects.exists()


def test_a_revoked_sign_off_stops_its_steps(event, loaded):
    run("sign-off", event.slug, "email/back-warm-up", *SIGN)
    campaign.approve(loaded, "ann@example.org", [])
    said = run("sign-off", event.slug, "email/back-warm-up", "--revoke").output
    assert said == "Revoked. These steps wait for approval again: tip.\n"
    assert found(event)["email/back-warm-up"]["sign_off"] is None
    assert AuditEntry.objects.filter(act="template.revoke").count() == 1
    run("sign-off", event.slug, "email/back-warm-up", "--revoke", code=1)


def test_show_prints_the_source_with_its_versions(event, loaded):
    run("sign-off", event.slug, "email/back-warm-up", *SIGN)
    said = run("show", event.slug, "email/back-warm-up").output
    assert "signed off by Dr A B, GP until 31 Dec 2099" in said
    assert said.endswith(event.templates.get(name="back-warm-up").versions.get().source)
    shown = json.loads(run("show", event.slug, "email/back-warm-up", "--version", 1, "--json").output)
    assert shown["versions"][0]["sign_offs"][0]["review_by"] == str(date(2099, 12, 31))
    assert "no version 7" in run("show", event.slug, "email/back-warm-up", "--version", 7, code=1).output


# Seeing one


def test_a_preview_shows_headers_size_and_words(event, loaded, tmp_path):
    person = entrant(event, first_name="Zoë", bib="417")
    said = run(
        "preview", event.slug, "email/back-warm-up", "--as", "417", "--html", tmp_path / "mail.html"
    ).output
    assert "Subject: Put your back at the front of your warm-up" in said
    assert "Hello Zoë, watch a runner" in " ".join(said.split())
    assert "bytes" in said
    assert "<html" in (tmp_path / "mail.html").read_text()
    shown = json.loads(
        run("preview", event.slug, "email/back-warm-up", "--as", f"id:{person.id}", "--json").output
    )
    assert (shown["entrant"], shown["step"], shown["verdict"]) == (person.id, "tip", "eligible")


def test_a_text_is_drawn_as_on_a_phone_with_its_segments(event, loaded):
    entrant(event, first_name="Zoë")
    said = run("preview", event.slug, "sms/race-morning", "--as", "Zoë").output
    assert "│ │ Run Reigate today!" in said
    assert "units of GSM-7: 1 segment" in said
    assert len({len(line) for line in said.splitlines() if line and line[0] in "╭│├╰"}) == 1
    refused = run("preview", event.slug, "sms/race-morning", "--as", "Zoë", "--html", "x.html", code=1).output
    assert "A text has no HTML part" in refused


def test_who_would_not_get_it_is_told_why(event, loaded):
    entrant(event, first_name="Zoë", consents=())
    assert "would not get “Tip”" in run("preview", event.slug, "email/back-warm-up", "--as", "Zoë").output


def test_a_test_is_sent_and_noted_without_its_address(event, loaded, settings):
    entrant(event, first_name="Zoë")
    words = ("test-send", event.slug, "email/back-warm-up", "--as-entrant", "Zoë", "--as", "ann@example.org")
    with Postbox() as box:
        settings.EMAIL_URL = box.email_url
        assert "accepted for t@example.org" in run(*words, "--to", "t@example.org").output
        box.wait_for(emails=1)
    entry = AuditEntry.objects.get(act="template.test-send")
    assert entry.detail == {
        "version": event.templates.get(name="back-warm-up").versions.get().id,
        "accepted": True,
    }


@pytest.mark.parametrize("to", ["nobody", "", "+44 20 7946 0000"])
def test_a_test_needs_an_address_of_its_channel(event, loaded, to):
    entrant(event, first_name="Zoë")
    for name in ("email/back-warm-up", "sms/race-morning"):
        run("test-send", event.slug, name, "--as-entrant", "Zoë", "--to", to, code=1)


def test_a_saved_file_is_a_new_version_that_waits_for_approval(event, loaded, tmp_path):
    run("sign-off", event.slug, "email/back-warm-up", *SIGN)
    campaign.approve(loaded, "ann@example.org", [])
    file = tmp_path / "new.md"
    source = run("show", event.slug, "email/back-warm-up").output.split("\n\n", 1)[1]
    file.write_text(source.replace("topic: ", "topic: More of ", 1))
    said = run("save", event.slug, "email/back-warm-up", file, "--as", "ann@example.org").output
    assert "email/back-warm-up, version 2, is saved. These steps wait for approval again: tip." in said
    assert AuditEntry.objects.get(act="template.save").who == "ann@example.org"
    run("save", event.slug, "email/back-warm-up", file, "--version", 1, code=1)
    file.write_text(source.replace("{{ ", "{{ frist_", 1))
    assert "did you mean" in run("save", event.slug, "email/back-warm-up", file, code=1).output


def test_a_new_message_is_made_from_a_file(event, loaded, tmp_path):
    file = tmp_path / "new.txt"
    file.write_text("---\ntopic: Parking\npurpose: service\n---\n{{ event_name }}: park at the school.\n")
    assert "sms/parking is there now" in run("save", event.slug, "sms/parking", file, "--new").output
    assert "already" in run("save", event.slug, "sms/parking", file, "--new", code=1).output
    assert "email/NAME or sms/NAME" in run("save", event.slug, "fax/parking", file, "--new", code=1).output
