"""`aidstation entrants guardian|hold|release|mark` and `show --held`: what they say, refuse and write down."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from reigate import dump, make_entrant, make_event, revision_of

from campaigns import addresses
from campaigns.cli.entrants import entrants
from campaigns.entry_lists.diff import STATUS_REASON
from campaigns.models import AuditEntry, Entrant, Event, Guardian

YOUNG = {"birth_date": date(2012, 5, 5)}
PARENT = ("--name", "Ann Hobbs", "--email", "Ann@EXAMPLE.org")


@pytest.fixture
def event(db: None) -> Event:
    addresses.check_key()
    return make_event()


def run(*words: str) -> Result:
    return CliRunner().invoke(entrants, [*words, "--event", "run-reigate-2027", "--as", "kim@example.com"])


def refused(result: Result, code: int = 1) -> str:
    assert result.exit_code == code
    assert result.stdout == ""
    return result.stderr.strip().splitlines()[-1]


def race_statuses(event: Event) -> list[str]:
    return list(event.entrants.order_by("id").values_list("race_status", flat=True))


# guardian


def test_guardian_replaces_the_address_and_is_audited_without_it(event: Event) -> None:
    child = make_entrant(event, bib="12", **YOUNG)
    result = run("guardian", "12", *PARENT, "--mobile", "07700 900999")
    assert result.exit_code == 0
    assert result.stdout == "Messages for Zoë Quillfeather go to Ann Hobbs.\n"
    child.refresh_from_db()
    assert (child.email, child.mobile, child.mobile_ok) == ("Ann@example.org", "+447700900999", True)
    assert Guardian.objects.get().source == "said by kim@example.com"
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.act, entry.event) == ("kim@example.com", "entrants.guardian", event.slug)
    assert entry.detail == {"entrant": child.id, "kept": False}


def test_guardian_keeps_an_address_that_is_the_guardians(event: Event) -> None:
    child = make_entrant(event, **YOUNG)
    result = run("guardian", f"id:{child.id}", "--name", "Ann", "--keep-address", "--json")
    assert json.loads(result.stdout) == {"entrant": child.id, "address": "kept"}
    assert Entrant.objects.get().email == "zoe@example.com"


def test_guardians_says_it_of_all_children_with_an_address(event: Event) -> None:
    children = [make_entrant(event, **(YOUNG | {"email": f"k{number}@example.com"})) for number in range(2)]
    make_entrant(event, **(YOUNG | {"email": "", "mobile": ""}))
    result = run("guardians", "--keep-addresses")
    assert result.stdout == "Messages for 2 children go to the addresses in their entries.\n"
    assert set(Guardian.objects.values_list("entrant", flat=True)) == {child.id for child in children}
    assert AuditEntry.objects.get().detail == {"entrants": 2}
    assert run("guardians").exit_code == 2


def test_guardian_says_when_a_number_cannot_be_texted(event: Event) -> None:
    make_entrant(event, bib="12", **YOUNG)
    assert "by email only" in run("guardian", "12", *PARENT, "--mobile", "01737 123456").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("13", *PARENT), "Nobody has 13 in run-reigate-2027"),
        (("12", "--name", "Ann", "--email", "ann@"), "--email"),
        (("12", "--name", "Ann", "--email", " "), "--email is blank"),
        (("12", *PARENT, "--mobile", "12"), "--mobile"),
        (("99", *PARENT), "18 or over"),
    ],
)
def test_guardian_refuses_with_one_sentence_and_changes_nothing(
    event: Event, words: tuple[str, ...], message: str
) -> None:
    make_entrant(event, bib="12", **YOUNG)
    make_entrant(event, bib="99", birth_date=date(1980, 1, 1))
    before = dump()
    assert message in refused(run("guardian", *words))
    assert dump() == before


@pytest.mark.parametrize("words", [(), (*PARENT[2:], "--keep-address"), ("--keep-address", "--mobile", "1")])
def test_guardian_needs_an_address_or_the_word_that_it_is_there(event: Event, words: tuple[str, ...]) -> None:
    make_entrant(event, bib="12", **YOUNG)
    before = dump()
    assert "--keep-address alone" in refused(run("guardian", "12", "--name", "Ann", *words), code=2)
    assert dump() == before


# hold and release


def test_hold_and_release_change_one_entrant_and_are_audited_without_the_reason(event: Event) -> None:
    held, other = make_entrant(event, bib="12"), make_entrant(event, bib="13")
    revision = revision_of(event)
    assert run("hold", "12", "--reason", "bereaved family").stdout == "Zoë Quillfeather is held.\n"
    held.refresh_from_db()
    other.refresh_from_db()
    assert (held.status, held.hold_reason, other.status) == ("held", "bereaved family", "confirmed")
    assert json.loads(run("release", "12", "--json").stdout) == {
        "entrant": held.id,
        "status": "confirmed",
        "changed": True,
    }
    held.refresh_from_db()
    assert (held.status, held.hold_reason) == ("confirmed", "")
    assert revision_of(event) == revision + 2
    assert list(AuditEntry.objects.order_by("id").values_list("act", "detail")) == [
        ("entrants.hold", {"entrant": held.id}),
        ("entrants.release", {"entrant": held.id}),
    ]


@pytest.mark.parametrize(
    ("first", "again"), [("hold", "is held already"), ("release", "is confirmed already")]
)
def test_a_repeated_hold_or_release_changes_nothing(event: Event, first: str, again: str) -> None:
    make_entrant(event, bib="12")
    run(first, "12")
    before = dump()
    result = run(first, "12")
    assert (result.exit_code, again in result.stdout) == (0, True)
    assert dump() == before


@pytest.mark.parametrize("command", ["hold", "release"])
def test_hold_and_release_refuse_who_has_withdrawn(event: Event, command: str) -> None:
    person = make_entrant(event, status="withdrawn")
    before = dump()
    assert "has withdrawn" in refused(run(command, f"id:{person.id}"))
    assert "Nobody has 77" in refused(run(command, "77"))
    assert dump() == before


# mark


def test_mark_marks_the_known_and_names_the_others(event: Event) -> None:
    for bib in ("1", "2", "3", "3"):
        make_entrant(event, bib=bib)
    result = run("mark", "dns", "1", "2", "3", "44", "45")
    assert result.exit_code == 0
    assert result.stdout == "2 entrants marked dns, 0 as before.\n"
    assert result.stderr.splitlines() == [
        "Nobody who is entered has bibs 44, 45.",
        "More than one entrant has bib 3: give each a number of their own.",
    ]
    assert race_statuses(event) == ["dns", "dns", "", ""]
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.detail) == ("entrants.mark", {"status": "dns", "changed": 2, "left_out": 3})


def test_mark_tells_scripts(event: Event) -> None:
    make_entrant(event, bib="1")
    run("mark", "started", "1")
    assert json.loads(run("mark", "started", "1", "44", "--json").stdout) == {
        "status": "started",
        "changed": 0,
        "as_before": 1,
        "unknown": ["44"],
        "shared": [],
    }


@pytest.mark.parametrize(
    "text",
    [
        b"1\n2\n",
        b"\xef\xbb\xbfBib\r\n1\r\n\r\n2\r\n",
        b"Bib number,Name,Time\n1,Ada,40:00\n2,Bob,41:00\n",
        b" 1 \n2",
    ],
)
def test_mark_reads_a_file(event: Event, tmp_path: Path, text: bytes) -> None:
    for bib in ("1", "2"):
        make_entrant(event, bib=bib)
    (tmp_path / "bibs.csv").write_bytes(text)
    result = run("mark", "finished", "--file", str(tmp_path / "bibs.csv"))
    assert (result.exit_code, result.stderr) == (0, "")
    assert race_statuses(event) == ["finished", "finished"]


@pytest.mark.parametrize("text", [b"\xff\xfe1\x00", b"1\x00,\n"])
def test_a_file_that_is_no_list_of_bibs_marks_nobody(event: Event, tmp_path: Path, text: bytes) -> None:
    make_entrant(event, bib="1")
    (tmp_path / "bibs.csv").write_bytes(text)
    assert run("mark", "finished", "--file", str(tmp_path / "bibs.csv")).exit_code == 1
    assert race_statuses(event) == [""]


def test_mark_refuses_when_nobody_is_known_or_nothing_is_given(event: Event, tmp_path: Path) -> None:
    make_entrant(event, bib="1")
    (tmp_path / "empty.csv").write_bytes(b"\n")
    before = dump()
    assert "Nobody who is entered has bib 2." in refused(run("mark", "dnf", "2"))
    assert "No bib was given" in refused(run("mark", "dnf"))
    assert "No bib was given" in refused(run("mark", "dnf", "--file", str(tmp_path / "empty.csv")))
    assert "cannot be read" in refused(run("mark", "dnf", "--file", str(tmp_path / "none.csv")))
    refused(run("mark", "disqualified", "1"), code=2)
    assert dump() == before


# show --held


def test_show_held_lists_who_waits_for_a_person_with_the_word_that_names_them(event: Event) -> None:
    make_entrant(event, first_name="Adult", bib="1")
    make_entrant(event, first_name="Held", bib="2", status="held", hold_reason="broken leg")
    child = make_entrant(event, first_name="Child", **YOUNG)
    shown = run_show("--held")
    assert "Adult" not in shown
    assert "held: broken leg" in shown
    assert f"id:{child.id}" in shown
    assert "say whose address this is" in shown
    assert "2 entrants" in shown
    facts = [json.loads(line) for line in run_show("--held", "--json").splitlines()]
    assert {fact["id"]: fact["hold_reason"] for fact in facts}[child.id].startswith("Under 18")
    run("guardian", f"id:{child.id}", "--name", "Ann", "--keep-address")
    run("release", "2")
    assert "0 entrants" in run_show("--held")


def run_show(*words: str) -> str:
    return CliRunner().invoke(entrants, ["show", "--event", "run-reigate-2027", *words]).output


# All whom one reason holds

UNSURE = {"status": "held", "hold_reason": STATUS_REASON}


def test_release_all_releases_whom_one_reason_holds_and_is_noted_once(event: Event) -> None:
    unsure = [make_entrant(event, **UNSURE) for _ in range(3)]
    other = make_entrant(event, status="held", hold_reason="Two entries.")
    assert run("release-all", "--reason", STATUS_REASON).stdout == "3 entrants released.\n"
    assert list(Entrant.objects.filter(status="confirmed").order_by("id")) == unsure
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.act) == ("kim@example.com", "entrants.release")
    assert entry.detail == {"entrants": 3, "ids": [one.id for one in unsure]}
    again = run("release-all", "--reason", STATUS_REASON)
    assert again.stdout == ("Nobody is held for this reason. Those that hold somebody: “Two entries.” (1).\n")
    assert AuditEntry.objects.count() == 1
    other.refresh_from_db()
    assert other.status == "held"


def test_keep_all_holds_them_whatever_a_later_list_says(event: Event) -> None:
    make_entrant(event, **UNSURE)
    result = run("keep-all", "--reason", STATUS_REASON, "--json")
    assert json.loads(result.stdout) == {"entrants": 1}
    assert Entrant.objects.get().hold_reason == f"Kept held. {STATUS_REASON}"
    assert AuditEntry.objects.get().act == "entrants.hold"
