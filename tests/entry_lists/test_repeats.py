"""Lists that come again: who is missing, who has handed an entry on, and who may be the same person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from campaigns.entry_lists import imports
from campaigns.entry_lists.diff import TRANSFER_REASON
from campaigns.entry_lists.imports import Import
from campaigns.entry_lists.mapping import ConsentColumn, Field, Mapping
from campaigns.entry_lists.matching import ABSENT_REASON, PAIR_REASON, Word
from campaigns.entry_lists.sheet import ListError
from campaigns.models import AuditEntry, Consent, ConsentEvent, Event

EMAIL_CONSENT = "I would like to receive race tips by email"
COMPLETE = Word(complete=True)
ZOE = {"First Name": "Zoë", "Email Address": "zoe@example.com"}
BOB = {"First Name": "Bob", "Last Name": "Hill", "Email Address": "bob@example.com"}

ImportRows = Callable[..., Import]
Everything = Callable[[], dict[str, list[str]]]


def counts(done: Import) -> dict[str, int]:
    assert done.rows == sum(done.diff.outcomes.values()) + done.rejected
    return {name: count for name, count in {**done.counts, **done.beside}.items() if count}


def standing(event: Event) -> dict[str, tuple[str, str]]:
    return {
        entrant.email: (entrant.status, entrant.hold_reason)
        for entrant in event.entrants.order_by("id")  # of two with one address, the later
    }


# Who is missing


def test_who_is_missing_from_a_later_list_stays(event: Event, import_rows: ImportRows) -> None:
    import_rows({}, ZOE, BOB)
    assert counts(import_rows({})) == {"rows": 1, "unchanged": 1}
    assert {status for status, _ in standing(event).values()} == {"confirmed"}


def test_who_is_missing_from_a_complete_list_is_withdrawn(
    event: Event, import_rows: ImportRows, everything: Everything
) -> None:
    import_rows({}, ZOE, BOB)
    done = import_rows({}, word=COMPLETE)
    assert counts(done) == {"rows": 1, "unchanged": 1, "absent": 2}
    assert done.diff.drop == pytest.approx(2 / 3)
    assert standing(event)["zoe@example.com"] == ("withdrawn", ABSENT_REASON)
    assert standing(event)["ada@example.com"] == ("confirmed", "")
    event.refresh_from_db()
    assert event.revision == 2
    assert AuditEntry.objects.order_by("-id")[0].detail["absent"] == 2
    before = everything()
    assert counts(import_rows({}, word=COMPLETE)) == {"rows": 1, "unchanged": 1}
    assert everything() == before


def test_who_is_on_the_list_again_is_back(event: Event, import_rows: ImportRows) -> None:
    import_rows({}, ZOE)
    import_rows({}, word=COMPLETE)
    assert counts(import_rows({}, ZOE)) == {"rows": 2, "changed": 1, "unchanged": 1}
    assert standing(event)["zoe@example.com"] == ("confirmed", "")


def test_who_was_withdrawn_by_hand_is_not_brought_back(event: Event, import_rows: ImportRows) -> None:
    import_rows({}, ZOE)
    event.entrants.filter(first_name="Zoë").update(status="withdrawn", hold_reason="by hand")
    import_rows({}, word=COMPLETE)
    import_rows({}, ZOE)
    assert standing(event)["zoe@example.com"] == ("withdrawn", "by hand")


def test_a_complete_list_of_one_platform_says_nothing_of_anothers(
    event: Event, import_rows: ImportRows
) -> None:
    import_rows({}, ZOE)
    event.entrants.filter(first_name="Zoë").update(source="runsignup")
    done = import_rows({}, word=COMPLETE)
    assert (counts(done), done.diff.standing) == ({"rows": 1, "unchanged": 1}, 1)


def test_a_complete_list_with_a_row_that_cannot_be_read_is_refused(
    event: Event, import_rows: ImportRows, everything: Everything
) -> None:
    import_rows({}, ZOE)
    before = everything()
    with pytest.raises(
        ListError, match=r"1 row of the list cannot be read \(first: row 3, column 'raceTitle'"
    ):
        import_rows({}, {**ZOE, "raceTitle": "?"}, word=COMPLETE)
    assert everything() == before


def test_a_row_that_stands_twice_does_not_spoil_a_complete_list(
    event: Event, import_rows: ImportRows
) -> None:
    import_rows({}, ZOE)
    assert counts(import_rows({}, {}, word=COMPLETE)) == {
        "rows": 2,
        "unchanged": 1,
        "rejected": 1,
        "absent": 1,
    }


def test_a_dry_run_withdraws_nobody(event: Event, import_rows: ImportRows, everything: Everything) -> None:
    import_rows({}, ZOE)
    before = everything()
    done = import_rows({}, word=COMPLETE, confirm=lambda preview: False)
    assert done.diff.absent == 1
    assert everything() == before


# Who has handed an entry on


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source with registration ids, statuses and a consent."""
    mapping = Mapping(
        source="other",
        title="other",
        marks=("raceTitle",),
        columns={
            Field.FIRST_NAME: ("First Name",),
            Field.LAST_NAME: ("Last Name",),
            Field.EMAIL: ("Email Address",),
            Field.BIRTH_DATE: ("Date of Birth",),
            Field.RACE: ("raceTitle",),
            Field.STATUS: ("ticketTitle",),
            Field.REGISTRATION_ID: ("Bib Number",),
            Field.ANSWERED_AT: ("updatedAt",),
        },
        consents=(ConsentColumn((EMAIL_CONSENT,), (("email", "tips"),)),),
        statuses={"standard": "confirmed", "dropped": "withdrawn"},
    )
    monkeypatch.setattr(imports, "SOURCES", (mapping,))


HAS_9 = {"Bib Number": "9"}
TAKES_OVER = {**HAS_9, **BOB, "Date of Birth": "1975-01-01"}


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("differs", [{"Email Address": "bob@example.com"}, {"Date of Birth": "1975-01-01"}])
def test_another_person_with_the_same_registration_is_a_transfer(
    event: Event, import_rows: ImportRows, everything: Everything, differs: dict[str, str]
) -> None:
    import_rows(HAS_9)
    row = {**HAS_9, "First Name": "Bob", **differs}
    assert counts(import_rows(row)) == {"rows": 1, "new": 1, "transferred": 1}
    ada, bob = event.entrants.order_by("id")
    assert (ada.first_name, ada.status, ada.hold_reason) == ("Ada", "withdrawn", TRANSFER_REASON)
    assert (bob.first_name, bob.status, bob.hold_reason) == ("Bob", "confirmed", "")
    assert ada.token != bob.token
    before = everything()
    assert counts(import_rows(row)) == {"rows": 1, "unchanged": 1}
    assert everything() == before


@pytest.mark.usefixtures("registered")
def test_who_takes_over_an_entry_does_not_take_over_the_consents(
    event: Event, import_rows: ImportRows
) -> None:
    import_rows(HAS_9)
    assert Consent.objects.filter(granted=True).count() == 1
    for _ in range(2):
        import_rows(TAKES_OVER)
        assert not Consent.objects.filter(entrant__first_name="Bob", granted=True).exists()
        assert ConsentEvent.objects.filter(entrant__first_name="Bob", granted=True).count() == 0


@pytest.mark.usefixtures("registered")
def test_an_answer_given_after_the_transfer_counts(event: Event, import_rows: ImportRows) -> None:
    import_rows(HAS_9)
    import_rows(TAKES_OVER)
    tomorrow = {"updatedAt": "2099-01-01T00:00:00Z"}
    assert import_rows({**TAKES_OVER, **tomorrow}).diff.columns == {"consents": 1}
    assert Consent.objects.get(entrant__first_name="Bob").granted


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    "differs",
    [
        {"First Name": "ADA"},
        {"Last Name": "Lovelace"},
        {"Email Address": "ada.b@example.com", "Date of Birth": "1980-12-11"},
        {"First Name": "Augusta", "Email Address": ""},
    ],
    ids=["case", "married", "both corrected", "no address"],
)
def test_a_correction_is_no_transfer(event: Event, import_rows: ImportRows, differs: dict[str, str]) -> None:
    import_rows(HAS_9)
    assert counts(import_rows({**HAS_9, **differs})) == {"rows": 1, "changed": 1}
    assert event.entrants.count() == 1
    assert Consent.objects.get().granted


@pytest.mark.usefixtures("registered")
def test_a_consent_withdrawn_before_a_transfer_stays_withdrawn(event: Event, import_rows: ImportRows) -> None:
    import_rows(HAS_9)
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    Consent.objects.update(granted=False, withdrawn_at=moment, source="stop page", at=moment)
    import_rows(TAKES_OVER)
    import_rows(HAS_9)
    assert not Consent.objects.filter(granted=True).exists()


# Who may be the same person

ONE_DIFFERENCE = [
    ("email", {"Email Address": "ada.b@example.com"}),
    ("name", {"Last Name": "Lovelace"}),
    ("birth date", {"Date of Birth": "1980-12-11"}),
    ("race", {"raceTitle": "5k"}),
]
one_difference = pytest.mark.parametrize(("differs", "corrected"), ONE_DIFFERENCE)


@one_difference
def test_one_who_leaves_and_one_who_comes_wait_for_a_person(
    event: Event, import_rows: ImportRows, everything: Everything, differs: str, corrected: dict[str, str]
) -> None:
    import_rows({}, ZOE)
    ada = event.entrants.get(first_name="Ada")
    done = import_rows(corrected, ZOE, word=COMPLETE)
    assert counts(done) == {"rows": 2, "held": 1, "unchanged": 1}
    assert [tuple(pair) for pair in done.diff.pairs] == [(2, ada.id, differs)]
    ada.refresh_from_db()
    assert (ada.status, ada.hold_reason) == ("held", PAIR_REASON)
    assert event.entrants.count() == 2
    before = everything()
    for word in (COMPLETE, Word()):
        again = import_rows(corrected, ZOE, word=word)
        assert counts(again) == {"rows": 2, "held": 1, "unchanged": 1}
        assert everything() == before


@one_difference
def test_the_same_person_keeps_history_and_consents(
    event: Event, import_rows: ImportRows, everything: Everything, differs: str, corrected: dict[str, str]
) -> None:
    import_rows({}, ZOE)
    ada = event.entrants.get(first_name="Ada")
    import_rows(corrected, ZOE, word=COMPLETE)
    assert counts(import_rows(corrected, ZOE, word=Word(same=[2]))) == {
        "rows": 2,
        "changed": 1,
        "unchanged": 1,
    }
    same = event.entrants.get(first_name="Ada")
    assert (same.id, same.token, same.status, same.hold_reason) == (ada.id, ada.token, "confirmed", "")
    assert same.identity != ada.identity
    assert same.consents.get().granted
    before = everything()
    assert counts(import_rows(corrected, ZOE, word=COMPLETE)) == {"rows": 2, "unchanged": 2}
    assert everything() == before


@one_difference
def test_a_different_person_goes_in_and_the_other_out(
    event: Event, import_rows: ImportRows, differs: str, corrected: dict[str, str]
) -> None:
    import_rows({}, ZOE)
    ada = event.entrants.get(first_name="Ada")
    import_rows(corrected, ZOE, word=COMPLETE)
    done = import_rows(corrected, ZOE, word=Word(different=[2]))
    assert counts(done) == {"rows": 2, "new": 1, "unchanged": 1, "absent": 1}
    ada.refresh_from_db()
    assert (ada.status, ada.hold_reason) == ("withdrawn", ABSENT_REASON)
    assert event.entrants.filter(status="confirmed").count() == 2


def test_two_differences_are_two_people(event: Event, import_rows: ImportRows) -> None:
    import_rows({}, ZOE)
    other = {"Email Address": "ada.b@example.com", "raceTitle": "5k"}
    assert counts(import_rows(other, ZOE, word=COMPLETE)) == {
        "rows": 2,
        "new": 1,
        "unchanged": 1,
        "absent": 1,
    }


def test_one_who_is_found_again_under_the_old_entry_is_no_longer_held(
    event: Event, import_rows: ImportRows
) -> None:
    import_rows({})
    import_rows(ONE_DIFFERENCE[0][1], word=COMPLETE)
    assert counts(import_rows({})) == {"rows": 1, "changed": 1}
    assert standing(event)["ada@example.com"] == ("confirmed", "")


def test_of_twins_only_one_is_paired(event: Event, import_rows: ImportRows) -> None:
    import_rows({})
    done = import_rows({"First Name": "Ann"}, {"First Name": "Eve"}, word=COMPLETE)
    assert counts(done) == {"rows": 2, "held": 1, "new": 1}


LEAVES = {"Bib Number": "8", "ticketTitle": "Dropped"}
STAYS = {"Bib Number": "8"}


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("comes", "differs"),
    [
        ({"Bib Number": "9"}, "registration id"),
        ({"Bib Number": "9", "raceTitle": "5k"}, "race"),
        ({"Bib Number": "9", "Email Address": "ada.b@example.com"}, "email"),
    ],
)
def test_one_withdrawn_by_the_list_and_entered_anew_waits(
    event: Event, import_rows: ImportRows, everything: Everything, comes: dict[str, str], differs: str
) -> None:
    import_rows(STAYS)
    ada = event.entrants.get()
    done = import_rows(LEAVES, comes)
    assert counts(done) == {"rows": 2, "held": 2}
    assert [(pair.row, pair.differs) for pair in done.diff.pairs] == [(3, differs)]
    assert standing(event)["ada@example.com"] == ("held", PAIR_REASON)
    before = everything()
    assert counts(import_rows(LEAVES, comes)) == {"rows": 2, "held": 2}
    assert everything() == before

    assert counts(import_rows(LEAVES, comes, word=Word(same=[3]))) == {
        "rows": 2,
        "changed": 1,
        "withdrawn": 1,
    }
    ada.refresh_from_db()
    assert (ada.registration_id, ada.status, ada.hold_reason) == ("9", "confirmed", "")
    assert counts(import_rows(LEAVES, comes)) == {"rows": 2, "unchanged": 2}


@pytest.mark.usefixtures("registered")
def test_one_withdrawn_by_the_list_beside_a_different_person(event: Event, import_rows: ImportRows) -> None:
    import_rows(STAYS)
    comes = {"Bib Number": "9"}
    import_rows(LEAVES, comes)
    done = import_rows(LEAVES, comes, word=Word(different=[3]))
    assert counts(done) == {"rows": 2, "new": 1, "withdrawn": 1}
    assert counts(import_rows(LEAVES, comes)) == {"rows": 2, "unchanged": 2}


@pytest.mark.usefixtures("registered")
def test_two_who_leave_are_no_pair(event: Event, import_rows: ImportRows) -> None:
    import_rows(STAYS)
    assert counts(import_rows(LEAVES, {**LEAVES, "Bib Number": "9"})) == {"rows": 2, "withdrawn": 2}


@pytest.mark.parametrize("word", [Word(same=[2, 77]), Word(different=[2, 77])])
def test_a_row_that_is_no_pair_is_passed_over(
    event: Event, import_rows: ImportRows, everything: Everything, word: Word
) -> None:
    import_rows({})
    before = everything()
    assert counts(import_rows({}, word=word)) == {"rows": 1, "unchanged": 1}
    assert everything() == before


def test_a_held_pair_leaves_no_consent_of_the_one_who_waits(
    event: Event, import_rows: ImportRows, everything: Everything
) -> None:
    import_rows({EMAIL_CONSENT: "No"})
    how: dict[str, Any] = {"word": COMPLETE}
    import_rows(ONE_DIFFERENCE[0][1], **how)
    assert not Consent.objects.exists()
    assert "ada.b@example.com" not in str(everything())
