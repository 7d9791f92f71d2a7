"""`aidstation token`: made once, listed without its secret, ended at once."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result
from people import an_event

from campaigns.api import tokens
from campaigns.cli import main, ready
from campaigns.models import AuditEntry, Event


@pytest.fixture
def event(db, monkeypatch) -> Event:
    monkeypatch.setattr(ready, "prepare", lambda: None)
    monkeypatch.setenv("COLUMNS", "160")
    return an_event()


def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["token", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


CREATE = ("--source", "platform", "--scope", "status:read", "--as", "ann@example.org")


def test_a_token_is_printed_once_and_alone_on_its_line(event):
    secret = run("create", event.slug, "platform", *CREATE).stdout.strip()
    assert tokens.find(secret).name == "platform"
    assert secret not in run("list", event.slug).output
    assert secret not in run("list", event.slug, "--json").output
    entry = AuditEntry.objects.get(act="token.create")
    assert (entry.who, entry.detail["scopes"]) == ("ann@example.org", ["status:read"])


def test_an_ended_token_opens_nothing_and_its_name_is_not_used_again(event):
    secret = json.loads(run("create", event.slug, "platform", *CREATE, "--json").output)["token"]
    assert "has ended" in run("end", event.slug, "platform", "--as", "ann@example.org").output
    assert tokens.find(secret) is None
    assert AuditEntry.objects.filter(act="token.end", who="ann@example.org").exists()
    run("end", event.slug, "platform", code=1)
    assert "another name" in run("create", event.slug, "platform", *CREATE, code=1).output


@pytest.mark.parametrize(
    "words",
    [
        ("", *CREATE),
        ("x" * 61, *CREATE),
        ("platform", "--source", "No Source", "--scope", "status:read"),
    ],
)
def test_what_makes_no_token_is_one_sentence(event, words):
    said = run("create", event.slug, *words, code=1).output
    assert said.startswith("aidstation: ")
    assert said.count("\n") == 1


def test_a_scope_that_is_not_there_is_a_usage_error(event):
    run("create", event.slug, "platform", "--source", "x", "--scope", "everything", code=2)
