"""`aidstation entrants erase|export` and `event keep`: what they say, refuse and write down."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from reigate import make_entrant, make_event

from campaigns import addresses
from campaigns.cli.entrants import entrants
from campaigns.cli.event import event as event_command
from campaigns.models import AuditEntry, Event


@pytest.fixture
def event(db: None) -> Event:
    addresses.check_key()
    return make_event()


def run(*words: str, say: str = "") -> Result:
    whole = [*words, "--event", "run-reigate-2027", "--as", "kim@example.com"]
    return CliRunner().invoke(entrants, whole, input=say)


def test_erase_asks_first_and_does_nothing_on_a_no(event: Event) -> None:
    person = make_entrant(event, bib="12")
    result = run("erase", "12", say="n\n")
    assert result.exit_code == 1
    person.refresh_from_db()
    assert person.email


def test_erase_is_audited_without_a_name(event: Event) -> None:
    person = make_entrant(event, bib="12")
    result = run("erase", "12", "--yes", "--json")
    assert json.loads(result.stdout) == {"entrant": person.id, "erased": True, "closed": 2}
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.detail) == ("entrants.erase", {"entrant": person.id, "closed": 2})
    assert run("erase", f"id:{person.id}", "--yes").stdout == "Erased before.\n"


def test_export_writes_a_zip(event: Event, tmp_path: Path) -> None:
    make_entrant(event, bib="12")
    file = tmp_path / "zoe.zip"
    assert run("export", "12", "--zip", str(file)).exit_code == 0
    assert "entrant.json" in zipfile.ZipFile(file).namelist()
    assert AuditEntry.objects.get().act == "entrants.export"


def test_nobody_with_that_bib_is_one_sentence(event: Event, tmp_path: Path) -> None:
    for words in (["erase", "99", "--yes"], ["export", "99", "--zip", str(tmp_path / "x.zip")]):
        result = run(*words)
        assert result.exit_code == 1
        assert result.stderr.startswith("aidstation: Nobody has 99")


def test_keep_shows_and_sets_the_terms(event: Event) -> None:
    runner = CliRunner()
    words = ["keep", "run-reigate-2027", "--json"]
    shown = json.loads(runner.invoke(event_command, words).stdout)
    assert shown == {"event": "run-reigate-2027", "contact_days": 90, "fact_months": 24}
    assert not AuditEntry.objects.exists()
    set_to = json.loads(runner.invoke(event_command, [*words, "--contact-days", "30"]).stdout)
    assert set_to["contact_days"] == 30
    assert AuditEntry.objects.get().detail == {"contact_days": 30}
