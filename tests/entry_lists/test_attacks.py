"""One file of attacks and accidents, and files that are no lists: no crash, each bad row named with its cure."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from campaigns.entry_lists.imports import Import, import_list
from campaigns.entry_lists.sheet import ListError

if TYPE_CHECKING:
    from campaigns.models import Event

HEAD = "raceTitle,First Name,Last Name,Email Address,Date of Birth,Phone Number,Medical Conditions"
GOOD = "5k,{name},Byron,{name}@example.com,1980-12-10,07700900123,Asthma"

# What a row holds, and the column and cure of its problem; None when it is an ordinary row.
ROWS: list[tuple[str, tuple[str, str] | None]] = [
    ("5k,\"=cmd|' /C calc'!A0\",B,f1@example.com,1980-12-10,,", None),
    ("5k,@SUM(1+1),+B,f2@example.com,1980-12-10,,", None),
    ("5k,{{ 7*7 }},<script>,f3@example.com,1980-12-10,,", None),
    ('5k,Ada,B,"f4@example.com\r\nBcc: all@example.org",1980-12-10,,', ("Email Address", "remove it")),
    ("5k,Bob,B,f5@example.com%0aBcc:x@example.org,1980-12-10,,", ("Email Address", "correct the address")),
    ("5k,Ad\x00a,B,f6@example.com,1980-12-10,,", None),
    (f"5k,{'x' * 5000},B,f7@example.com,1980-12-10,,", ("First Name", "shorten it")),
    ("5k,\u202emoc\u202c,\u200fB\u200e,f8@example.com,1980-12-10,,", None),
    ("5k,Ada,B,f9@example.com,2999-01-01,,", ("Date of Birth", "correct the birth date")),
    ("5k,Ada,B,f10@example.com,1066-10-14,,", ("Date of Birth", "correct the birth date")),
    ("5k,Ada,B,f11@example.com,31 Dec,,", ("Date of Birth", "write it as 1980-04-23")),
    ("5k,Ada,B", ("", "look for a missing or an extra delimiter, or a stray quotation mark")),
    ("5k,Ada,B,f12@example.com,1980-12-10,,,,surplus", ("", "look for a missing or an extra delimiter")),
    ('5k,Ada,"B"x",f13@example.com,1980-12-10,,', ("", "close or double the stray one")),
    ("5k,Ada,B,f14@example.com,1980-12-10,4.4770E+11,", ("Phone Number", "format the column as text")),
    ("5k,Ada,B,f15@example.com,1980-12-10,07700900123\x00,", ("Phone Number", "remove it")),
    ("'; DROP TABLE entrants;--,Ada,B,f16@example.com,1980-12-10,,", ("raceTitle", "the event's races are")),
    (
        "5k,Ren\ufffde,B,f17@example.com,1980-12-10,,",
        ("First Name", "correct it and save the list as CSV UTF-8"),
    ),
]

Everything = Callable[[], dict[str, list[str]]]


def run(path: Path, event: Event) -> Import:
    return import_list(path, event, who="ada@example.org")


def test_each_bad_row_is_named_with_its_cure_and_the_others_go_in(
    event: Event, tmp_path: Path, everything: Everything
) -> None:
    path = tmp_path / "list.csv"
    lines = [HEAD, *(text for text, _ in ROWS), GOOD.format(name="last")]
    path.write_bytes("\n".join(lines).encode())
    done = run(path, event)
    assert done.rows == len(ROWS) + 1 == sum(done.diff.outcomes.values()) + done.rejected
    expected = [(row, *problem) for row, (_, problem) in enumerate(ROWS, 2) if problem]
    assert [(problem.row, problem.column) for problem in done.problems] == [
        (row, column) for row, column, _ in expected
    ]
    for problem, (_, _, cure) in zip(done.problems, expected, strict=True):
        assert problem.cure.startswith(cure)
    assert event.entrants.filter(email="last@example.com").exists()
    before = everything()
    run(path, event)
    assert everything() == before
    assert "Asthma" not in str(before)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_names_survive_every_encoding(event: Event, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(f"{HEAD}\n5k,Siân,Müller,s@example.com,1980-12-10,,\n".encode(encoding))
    assert run(path, event).problems == []
    assert event.entrants.get().first_name == "Siân"


@pytest.mark.parametrize("encoding", ["utf-32", "cp500", "shift_jis"])
def test_an_encoding_that_is_not_known_lets_nobody_in_garbled(
    event: Event, tmp_path: Path, encoding: str, everything: Everything
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(f"{HEAD}\n5k,山田,花子,s@example.com,1980-12-10,,\n".encode(encoding, errors="replace"))
    before = everything()
    try:
        done = run(path, event)
    except ListError:
        assert everything() == before
    else:
        assert (encoding, done.rejected + done.counts["new"]) == ("shift_jis", 1)


@pytest.mark.parametrize("seed", range(40))
def test_noise_is_refused_or_rejected_and_never_crashes(event: Event, tmp_path: Path, seed: int) -> None:
    """A good list with bytes changed, cut out and doubled at random."""
    chance = random.Random(seed)
    content = bytearray("\n".join([HEAD, *(GOOD.format(name=f"a{n}") for n in range(20))]).encode())
    for _ in range(chance.randrange(1, 30)):
        place = chance.randrange(len(content))
        content[place : place + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
    path = tmp_path / chance.choice(["list.csv", "list.xlsx", "list"])
    path.write_bytes(bytes(content))
    try:
        done = run(path, event)
    except ListError as refusal:
        sentence = str(refusal)
    else:
        assert done.rows == sum(done.diff.outcomes.values()) + done.rejected
        assert event.entrants.count() == done.rows - done.rejected
        sentence = ""
    assert sentence.isprintable()
