"""`aidstation suppress import|export`: opt-outs of another system come in, ours go out as hashes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from reigate import dump, make_event

from campaigns import addresses, optout
from campaigns.cli.suppress import suppress
from campaigns.models import AuditEntry, Organiser, Suppression
from campaigns.models.words import Channel, Scope


@pytest.fixture
def organiser(db: None) -> Organiser:
    addresses.check_key()
    return make_event().organiser


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(
        suppress, [*map(str, words), "--organiser", "run-reigate", "--as", "kim@example.com"]
    )


def written(folder: Path, text: str) -> Path:
    file = folder / "list.csv"
    file.write_text(text, encoding="utf-8")
    return file


def is_closed(channel: Channel, address: str, scope: Scope = Scope.TIPS_AND_SPONSOR) -> bool:
    found = optout.hash_of(channel, address)
    return Suppression.objects.filter(channel=channel, address_hash=found, scope=scope).exists()


@pytest.mark.parametrize(
    "text", ["Zoe@Example.com\n07700 900123\n", "name,address\nZ,zoe@example.com\nB,+447700900123\n"]
)
def test_a_list_of_addresses_is_closed(organiser: Organiser, tmp_path: Path, text: str) -> None:
    result = run("import", written(tmp_path, text), "--json")
    assert json.loads(result.stdout) == {"rows": 2, "added": 2}
    assert is_closed(Channel.EMAIL, "zoe@example.com")
    assert is_closed(Channel.SMS, "+447700900123")


def test_a_second_import_changes_nothing(organiser: Organiser, tmp_path: Path) -> None:
    file = written(tmp_path, "zoe@example.com\n")
    run("import", file)
    result = run("import", file)
    assert result.stdout == "Closed 0 of 1 addresses; the others were closed before.\n"
    assert Suppression.objects.count() == 1


def test_one_bad_row_is_named_and_nothing_is_closed(organiser: Organiser, tmp_path: Path) -> None:
    before = dump()
    result = run("import", written(tmp_path, "zoe@example.com\nnobody at home\n"))
    assert result.exit_code == 1
    assert "list.csv: Row 2:" in result.stderr
    assert dump() == before


def test_an_export_holds_no_address_and_can_be_taken_back(organiser: Organiser, tmp_path: Path) -> None:
    run("import", written(tmp_path, "zoe@example.com\n07700 900123\n"), "--scope", "all")
    out = tmp_path / "out.csv"
    assert run("export", out).stdout == "Wrote 2 closed addresses to out.csv, as hashes.\n"
    text = out.read_text()
    assert "zoe" not in text
    assert "900123" not in text
    Suppression.objects.all().delete()
    assert json.loads(run("import", out, "--json").stdout) == {"rows": 2, "added": 2}
    assert is_closed(Channel.EMAIL, "zoe@example.com", Scope.ALL)


@pytest.mark.parametrize("spoilt", ["abcd", "zz", ""])
def test_a_spoilt_export_is_refused(organiser: Organiser, tmp_path: Path, spoilt: str) -> None:
    head = "channel,address_hash,scope,reason,at\n"
    row = f"email,{spoilt},all,by_hand,2027-01-01T00:00:00+00:00\n"
    result = run("import", written(tmp_path, head + row))
    assert result.exit_code == 1
    assert "Row 2" in result.stderr
    assert not Suppression.objects.exists()


def test_a_file_that_is_not_there_is_one_sentence(organiser: Organiser, tmp_path: Path) -> None:
    result = run("import", tmp_path / "none.csv")
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr


def test_both_are_audited_without_an_address(organiser: Organiser, tmp_path: Path) -> None:
    run("import", written(tmp_path, "zoe@example.com\n"))
    run("export", tmp_path / "out.csv")
    acts = {entry.act: entry.detail for entry in AuditEntry.objects.all()}
    assert acts["suppress.import"] == {"organiser": "run-reigate", "rows": 1, "changed": 1}
    assert acts["suppress.export"] == {"organiser": "run-reigate", "rows": 1}
