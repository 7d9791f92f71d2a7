"""`aidstation entrants`: what it says to people and scripts, and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from campaigns.cli import entrants as command
from campaigns.cli import importing
from campaigns.models import AuditEntry, Entrant, Event, ListMapping, Organiser, Race, Wave

LIST = Path(__file__).parents[1] / "data" / "lets_do_this_start_list.csv"
HEAD = "raceTitle,First Name,Last Name,Email Address,Date of Birth,Phone Number,Bib Number,Wave"

Aidstation = Callable[..., Result]


@pytest.fixture
def event(db: None) -> Event:
    organiser = Organiser.objects.create(slug="run-reigate", name="Run Reigate")
    event = Event.objects.create(
        organiser=organiser,
        slug="reigate",
        name="Run Reigate",
        date=date(2027, 9, 19),
        timezone="Europe/London",
    )
    for slug in ("half", "10k", "5k", "kids"):
        Race.objects.create(event=event, slug=slug, name=slug, start=time(9), for_children=slug == "kids")
    for name in "ABC":
        Wave.objects.create(race=event.races.get(slug="half"), name=name, start=time(9, 15))
    return event


@pytest.fixture
def aidstation(event: Event) -> Aidstation:
    def run(*arguments: object, stdin: str | None = None) -> Result:
        return CliRunner().invoke(command.entrants, [str(argument) for argument in arguments], input=stdin)

    return run


@pytest.fixture
def bad_list(tmp_path: Path) -> Path:
    """One good row and 25 without a race."""
    path = tmp_path / "bad.csv"
    rows = ["5k,Ada,Byron,ada@example.com,1980-12-10,,7,", *[",Bob,Hill,bob@example.com,1980-12-10,,,"] * 25]
    path.write_text("\n".join([HEAD, *rows]), "utf-8")
    return path


def test_the_json_adds_up(aidstation: Aidstation) -> None:
    result = aidstation("import", LIST, "--event", "reigate", "--json", "--as", "ada@example.org")
    assert result.exit_code == 0
    counts = json.loads(result.output)
    assert counts["rows"] == 540
    outcomes = ("new", "changed", "withdrawn", "unchanged", "held", "rejected")
    assert sum(counts[outcome] for outcome in outcomes) == 540
    assert counts["problems"] == []
    assert Entrant.objects.count() == 540
    assert AuditEntry.objects.get().who == "ada@example.org"


def test_people_get_a_sentence_and_the_columns_not_read(aidstation: Aidstation) -> None:
    first = aidstation("import", LIST, "--event", "reigate").output
    assert first.startswith("540 rows imported into reigate: ")
    assert "Emergency Contact" in first.splitlines()[1]
    assert "unchanged" in aidstation("import", LIST, "--event", "reigate").output


def test_problems_are_listed_up_to_twenty_and_the_rest_counted(
    aidstation: Aidstation, tmp_path: Path
) -> None:
    path = tmp_path / "bad.csv"
    rows = [f"{miles} mile run,Bob,Hill,bob@example.com,1980-12-10,,," for miles in range(30, 55)]
    path.write_text("\n".join([HEAD, *rows]), "utf-8")
    output = aidstation("import", path, "--event", "reigate").output
    assert output.count("raceTitle") == 20
    assert "and 5 more" in output


def test_what_one_act_cures_is_listed_once(aidstation: Aidstation, bad_list: Path) -> None:
    result = aidstation("import", bad_list, "--event", "reigate")
    assert result.exit_code == 0
    assert "26 rows imported into reigate: 1 new, 25 rejected." in result.output
    assert result.output.count("raceTitle") == 1
    assert re.search(r"│ 25 +│", result.output)
    problems = json.loads(aidstation("import", bad_list, "--event", "reigate", "--json").output)["problems"]
    assert len(problems) == 25
    assert problems[0] == {
        "row": 3,
        "column": "raceTitle",
        "problem": "a blank is not a race of this event",
        "cure": "the event's races are half, 10k, 5k, kids: take the list of this event, or add the race to it",
    }


def test_a_dry_run_says_what_would_change_and_changes_nothing(aidstation: Aidstation, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    row = "5k,Ada,Byron,ada@example.com,1980-12-10,,"
    path.write_text(f"{HEAD}\n{row},\n", "utf-8")
    assert (
        "1 row would go in as: 1 new." in aidstation("import", path, "--event", "reigate", "--dry-run").output
    )
    assert not Entrant.objects.exists()
    aidstation("import", path, "--event", "reigate")
    path.write_text(f"{HEAD}\n{row}17,\n", "utf-8")
    result = aidstation("import", path, "--event", "reigate", "--dry-run")
    assert "Would change: bib in 1." in result.output
    assert "row 2: bib" in result.output
    dry = json.loads(aidstation("import", path, "--event", "reigate", "--dry-run", "--json").output)
    assert (dry["changed"], dry["dry_run"]) == (1, True)
    assert Entrant.objects.get().bib == ""
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(("answer", "entered"), [("y\n", 1), ("n\n", 0)])
def test_a_person_at_a_terminal_is_asked(
    aidstation: Aidstation, bad_list: Path, monkeypatch: pytest.MonkeyPatch, answer: str, entered: int
) -> None:
    monkeypatch.setattr(importing, "_at_a_terminal", lambda: True)
    result = aidstation("import", bad_list, "--event", "reigate", stdin=answer)
    assert "1 new, 25 rejected" in result.output
    assert Entrant.objects.count() == entered
    assert result.exit_code == 1 - entered


def test_yes_and_json_do_not_ask(
    aidstation: Aidstation, bad_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_at_a_terminal", lambda: True)
    assert "Import this?" not in aidstation("import", bad_list, "--event", "reigate", "--yes").output
    assert json.loads(aidstation("import", bad_list, "--event", "reigate", "--json").output)["unchanged"] == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7", "is a PDF document"),
        (b"Name,Team\nAda,A\n", "The headings found are 'Name', 'Team'."),
        (f"{HEAD}\n5k,Ada,B,a@example.com,03/04/1980,,,\n".encode(), "say it with --dates day-first"),
        (
            f'{HEAD}\n"5k,Ada,B,a@example.com,1980-12-10,,,\n'.encode(),
            "Row 2 of list.csv opens a quotation mark",
        ),
    ],
)
def test_a_refusal_is_one_clear_line(
    aidstation: Aidstation, tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    result = aidstation("import", path, "--event", "reigate")
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.startswith("aidstation: ")
    assert result.stderr.count("\n") == 1
    assert not Entrant.objects.exists()


def test_what_is_missing_is_named(aidstation: Aidstation, tmp_path: Path) -> None:
    assert (
        "missing.csv cannot be read"
        in aidstation("import", tmp_path / "missing.csv", "--event", "reigate").stderr
    )
    unknown = aidstation("import", LIST, "--event", "regiate")
    assert unknown.exit_code == 1
    assert "reigate" in unknown.stderr.replace("regiate", "")
    assert aidstation("import", LIST).exit_code == 2


FORM = "Forename,Surname,E-mail,DOB,Distance,Tips by email please,Emergency Contact"
FORM_ROW = "Ada,Byron,ada@example.com,1980-12-10,10 km,yes,Mrs Secret"


@pytest.fixture
def form(tmp_path: Path) -> Path:
    path = tmp_path / "club form.csv"
    path.write_text(f"{FORM}\n{FORM_ROW}\n", "utf-8")
    return path


def test_an_unknown_list_is_refused_with_the_way_to_a_mapping(aidstation: Aidstation, form: Path) -> None:
    result = aidstation("import", form, "--event", "reigate", "--yes")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "--suggest-mapping prints a file to start from" in result.stderr
    assert not Entrant.objects.exists()


def test_a_suggestion_becomes_a_mapping_that_is_remembered(
    aidstation: Aidstation, form: Path, tmp_path: Path
) -> None:
    result = aidstation("import", form, "--event", "reigate", "--suggest-mapping")
    assert result.exit_code == 0
    assert not Entrant.objects.exists()
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(result.stdout, "utf-8")
    first = aidstation("import", form, "--event", "reigate", "--yes", "--mapping", mapping, "--json")
    assert json.loads(first.output)["new"] == 1
    assert Entrant.objects.get().source == "club-form"
    again = aidstation("import", form, "--event", "reigate", "--yes", "--json")
    assert json.loads(again.output)["unchanged"] == 1


@pytest.mark.parametrize(("answers", "entered"), [("y\ny\n", 1), ("y\nn\n", 0), ("n\n", 0)])
def test_a_person_confirms_what_the_columns_are(
    aidstation: Aidstation, form: Path, monkeypatch: pytest.MonkeyPatch, answers: str, entered: int
) -> None:
    monkeypatch.setattr(importing, "_at_a_terminal", lambda: True)
    result = aidstation("import", form, "--event", "reigate", stdin=answers)
    assert "Dropped unread: Emergency Contact." in result.output
    assert "Mrs Secret" not in result.output
    assert Entrant.objects.count() == ListMapping.objects.count() == entered
    assert result.exit_code == 1 - entered


def test_a_person_is_told_which_column_is_missing(
    aidstation: Aidstation, form: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_at_a_terminal", lambda: True)
    form.write_text(form.read_text("utf-8").replace("DOB", "Age"), "utf-8")
    result = aidstation("import", form, "--event", "reigate")
    assert result.exit_code == 1
    assert "No column seems to be the birth date" in result.stderr


def test_a_wrong_mapping_file_is_a_refusal(aidstation: Aidstation, form: Path, tmp_path: Path) -> None:
    result = aidstation("import", form, "--event", "reigate", "--mapping", tmp_path / "none.toml")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "none.toml cannot be read" in result.stderr


@pytest.fixture
def shorter(aidstation: Aidstation, tmp_path: Path) -> Path:
    """The start list without its last 40 entrants; the whole list is in."""
    aidstation("import", LIST, "--event", "reigate")
    path = tmp_path / "shorter.csv"
    path.write_text("".join(LIST.read_text("utf-8").splitlines(keepends=True)[:-40]), "utf-8")
    return path


def withdrawn() -> int:
    return Entrant.objects.filter(status="withdrawn").count()


def test_a_large_drop_needs_a_yes(aidstation: Aidstation, shorter: Path) -> None:
    for how in ((), ("--json",)):
        refused = aidstation("import", shorter, "--event", "reigate", "--complete", *how)
        assert refused.exit_code == 1
        assert "40 of 540 entrants (7%) are missing from the list" in refused.stderr
        assert withdrawn() == 0
    assert aidstation("import", shorter, "--event", "reigate", "--json").exit_code == 0
    assert withdrawn() == 0
    dry = aidstation("import", shorter, "--event", "reigate", "--complete", "--dry-run")
    assert "Would be withdrawn: 40 of 540" in dry.output
    done = json.loads(
        aidstation("import", shorter, "--event", "reigate", "--complete", "--yes", "--json").output
    )
    assert (done["rows"], done["absent"], withdrawn()) == (500, 40, 40)


def test_a_small_drop_needs_none(aidstation: Aidstation, shorter: Path) -> None:
    lines = LIST.read_text("utf-8").splitlines(keepends=True)
    shorter.write_text("".join(lines[:-27]), "utf-8")
    assert aidstation("import", shorter, "--event", "reigate", "--complete").exit_code == 0
    assert withdrawn() == 27


def test_held_pairs_are_told_with_the_way_to_end_them(aidstation: Aidstation, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    row = "5k,Ada,Byron,{}@example.com,1980-12-10,,,"
    path.write_text(f"{HEAD}\n{row.format('ada')}\n", "utf-8")
    aidstation("import", path, "--event", "reigate")
    ada = Entrant.objects.get()
    path.write_text(f"{HEAD}\n{row.format('ada.b')}\n", "utf-8")
    held = aidstation("import", path, "--event", "reigate", "--complete")
    assert f"Held: row 2 and entrant {ada.id}, who leaves, differ in the email only." in held.output
    assert "--same 2" in held.output
    assert aidstation("import", path, "--event", "reigate", "--same", "2").exit_code == 0
    assert (Entrant.objects.get().id, Entrant.objects.get().email) == (ada.id, "ada.b@example.com")


def test_dates_settles_the_order_of_day_and_month(aidstation: Aidstation, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"{HEAD}\n5k,Ada,B,a@example.com,03/04/1980,,,\n", "utf-8")
    assert aidstation("import", path, "--event", "reigate", "--dates", "month-first").exit_code == 0
    assert Entrant.objects.get().birth_date == date(1980, 3, 4)


def test_show_lists_and_searches(aidstation: Aidstation) -> None:
    aidstation("import", LIST, "--event", "reigate")
    everyone = aidstation("show", "--event", "reigate").output
    assert "540 entrants" in everyone
    hobbs = aidstation("show", "--event", "reigate", "nathan hobbs").output
    assert all(word in hobbs for word in ("476", "Nathan Hobbs", "5k", "confirmed", "sms service, sms tips"))
    assert "1 entrant\n" in hobbs
    assert (
        json.loads(aidstation("show", "--event", "reigate", "476", "--json").output)["name"] == "Nathan Hobbs"
    )


def test_show_prints_a_name_as_it_is(aidstation: Aidstation, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"{HEAD}\n5k,[bold]Ada[/bold],B,a@example.com,1980-12-10,,,\n", "utf-8")
    aidstation("import", path, "--event", "reigate")
    assert "[bold]Ada[/bold] B" in aidstation("show", "--event", "reigate").output
