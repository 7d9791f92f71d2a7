"""`aidstation event contact`: replies go to a mailbox that somebody has proved to read."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner, Result
from reigate import make_event

from campaigns import addresses, contact
from campaigns.cli.event import event as command
from campaigns.models import AuditEntry, Event
from postbox import Postbox


@pytest.fixture
def event(db: None) -> Event:
    addresses.check_key()
    return make_event()


@pytest.fixture
def box(settings):
    with Postbox() as box:
        settings.EMAIL_URL = box.email_url
        yield box


def run(*words: str) -> Result:
    return CliRunner().invoke(command, ["contact", "run-reigate-2027", *words, "--as", "kim@example.com"])


def test_the_code_goes_to_the_mailbox_and_proves_that_it_is_read(event: Event, box: Postbox) -> None:
    assert "A code is on its way" in run("--ask").stdout
    [mail] = box.emails
    assert mail.recipient == event.contact_email
    code = re.search(r"--confirm (\d{6})", mail.message.get_content())
    assert code is not None
    assert f"/e/{event.slug}/event#contact" in mail.message.get_content()
    assert json.loads(run("--confirm", code[1], "--json").stdout)["confirmed"] is True
    event.refresh_from_db()
    assert contact.is_confirmed(event)
    assert AuditEntry.objects.get().detail == {"confirmed": True}


def test_a_wrong_code_confirms_nothing(event: Event) -> None:
    wrong = f"{(int(contact.code_of(event)) + 1) % 1_000_000:06d}"
    result = run("--confirm", wrong)
    assert result.exit_code == 1
    assert "not the code" in result.stderr
    event.refresh_from_db()
    assert not contact.is_confirmed(event)


def test_another_mailbox_has_to_be_confirmed_anew(event: Event) -> None:
    contact.confirm(event, contact.code_of(event))
    result = json.loads(run("--email", "new@example.org", "--json").stdout)
    assert result == {"event": event.slug, "contact": "new@example.org", "confirmed": False}


def test_the_code_of_one_mailbox_is_not_that_of_another(event: Event) -> None:
    before = contact.code_of(event)
    event.contact_email = "new@example.org"
    assert contact.code_of(event) != before


def test_without_a_mail_server_it_is_one_sentence(event: Event, settings) -> None:
    settings.EMAIL_URL = ""
    result = run("--ask")
    assert result.exit_code == 1
    assert "EMAIL_URL is not set" in result.stderr
