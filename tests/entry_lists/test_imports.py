"""Whole imports on Postgres: what goes in, what must not, and that the same list twice changes nothing."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from campaigns import addresses, audience
from campaigns.entry_lists import apply, imports
from campaigns.entry_lists.diff import MINOR_REASON, STATUS_REASON
from campaigns.entry_lists.imports import Import, import_list
from campaigns.entry_lists.mapping import ConsentColumn, Field, Mapping
from campaigns.entry_lists.sheet import ListError
from campaigns.models import AuditEntry, Consent, ConsentEvent, Entrant, Event, Guardian, Wave

EMAIL_CONSENT = "I would like to receive race tips by email"
SMS_CONSENT = "I would like race reminders by text message"
RACES = {"5k": "5k", "10k": "10k", "Half Marathon": "half", "Kids Race": "kids"}

ImportRows = Callable[..., Import]
Everything = Callable[[], dict[str, list[str]]]


def run(path: Path, event: Event, **how: Any) -> Import:
    return import_list(path, event, who="ada@example.org", **how)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def is_minor(row: dict[str, str]) -> bool:
    return row["raceTitle"] == "Kids Race" or row["Date of Birth"] > "2009-09-19"


def counts(done: Import) -> dict[str, int]:
    assert done.rows == sum(done.diff.outcomes.values()) + done.rejected
    return {name: count for name, count in done.counts.items() if count}


# The list of 540


def test_every_row_of_the_list_goes_in(event: Event, start_list: Path) -> None:
    held = sum(is_minor(row) and row["raceTitle"] != "Kids Race" for row in rows_of(start_list))
    assert held > 0
    done = run(start_list, event)
    assert counts(done) == {"rows": 540, "new": 540 - held, "held": held}
    assert done.problems == []
    event.refresh_from_db()
    assert (event.revision, event.plan_version) == (1, 1)
    assert set(event.entrants.values_list("visible_revision", flat=True)) == {1}


def test_the_same_list_twice_changes_nothing(event: Event, start_list: Path, everything: Everything) -> None:
    first = run(start_list, event)
    before = everything()
    second = run(start_list, event)
    held = first.counts["held"]
    assert counts(second) == {"rows": 540, "unchanged": 540 - held, "held": held}
    assert everything() == before


def test_each_person_is_what_the_list_says(event: Event, start_list: Path) -> None:
    run(start_list, event)
    rows = rows_of(start_list)
    entrants = {
        (entrant.email, entrant.first_name, entrant.last_name, entrant.birth_date, entrant.race.slug): entrant
        for entrant in event.entrants.select_related("race", "wave", "guardian")
    }
    assert len(entrants) == len(rows) == 540
    for row in rows:
        born = date.fromisoformat(row["Date of Birth"])
        race = RACES[row["raceTitle"]]
        entrant = entrants[row["Email Address"], row["First Name"], row["Last Name"], born, race]
        mobile = "" if is_minor(row) or row["Phone Number"] == "+44" else row["Phone Number"]
        assert (entrant.mobile, entrant.mobile_ok) == (mobile, bool(mobile))
        assert entrant.bib == row["Bib Number"]
        assert (entrant.wave.name if entrant.wave else "") == row["Wave"]
        assert entrant.status == "confirmed"
        assert hasattr(entrant, "guardian") == (race == "kids")
        assert entrant.hold_reason == (MINOR_REASON if is_minor(row) and race != "kids" else "")
        assert entrant.email_hash is not None
        assert bytes(entrant.email_hash) == addresses.address_hash(row["Email Address"].lower())


def test_each_consent_is_what_the_list_says(event: Event, start_list: Path) -> None:
    run(start_list, event)
    expected: Counter[tuple[str, str, str, str, datetime]] = Counter()
    for row in rows_of(start_list):
        at = datetime.fromisoformat(row["updatedAt"])
        if row[EMAIL_CONSENT] == "Yes":
            expected[row["Email Address"], "email", "tips", EMAIL_CONSENT, at] += 1
        if row[SMS_CONSENT] == "Yes":
            expected[row["Email Address"], "sms", "tips", SMS_CONSENT, at] += 1
            expected[row["Email Address"], "sms", "service", SMS_CONSENT, at] += 1
    for story in (Consent.objects.filter(withdrawn_at=None), ConsentEvent.objects.all()):
        found = story.filter(granted=True, source="lets-do-this")
        assert Counter(found.values_list("entrant__email", "channel", "purpose", "wording", "at")) == expected
        assert story.count() == expected.total()


def test_columns_that_are_not_needed_are_nowhere(
    event: Event, start_list: Path, everything: Everything
) -> None:
    done = run(start_list, event)
    dump = "\n".join(row for rows in everything().values() for row in rows)
    columns = ("Address (Line 1)", "Address (City)", "Address (Postcode)", "Emergency Contact", "Gender")
    forbidden = {row[column] for row in rows_of(start_list) for column in columns}
    phones = {row["Phone Number"] for row in rows_of(start_list)}
    forbidden |= {row["Emergency Phone"] for row in rows_of(start_list)} - phones
    assert [value for value in forbidden if value in dump] == []
    assert set(columns) < set(done.not_read)


def test_minors_are_the_audiences_minors(event: Event, start_list: Path) -> None:
    run(start_list, event)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE e.mobile <> ''), count(g.id) FROM entrants e "
            "JOIN races r ON r.id = e.race_id JOIN events ev ON ev.id = e.event_id "
            f"LEFT JOIN guardians g ON g.entrant_id = e.id WHERE {audience.MINOR_SQL}"
        )
        assert cursor.fetchone() == (sum(map(is_minor, rows_of(start_list))), 0, 60)


def test_a_dry_run_tells_all_and_changes_nothing(
    event: Event, start_list: Path, everything: Everything
) -> None:
    before = everything()
    dry = run(start_list, event, confirm=lambda preview: False)
    assert everything() == before
    assert dry.counts == run(start_list, event).counts


def test_a_list_in_another_encoding_is_the_same_list(
    event: Event, start_list: Path, tmp_path: Path, everything: Everything
) -> None:
    run(start_list, event)
    before = everything()
    again = tmp_path / "again.csv"
    for encoding, delimiter in (("utf-16", ","), ("utf-8-sig", "\t"), ("utf-8", ";")):
        with again.open("w", encoding=encoding, newline="") as file:
            rows = rows_of(start_list)
            writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        assert run(again, event).rows == 540
        assert everything() == before


def test_the_temporary_tables_are_gone_afterwards(event: Event, start_list: Path) -> None:
    run(start_list, event)
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'")
        assert cursor.fetchall() == []


# Later lists


def test_late_bibs_and_waves_reach_the_entrant(event: Event, import_rows: ImportRows) -> None:
    half = {"raceTitle": "Half Marathon"}
    import_rows(half, {"First Name": "Zoë"})
    kept = {entrant.id: (entrant.token, entrant.short_code) for entrant in event.entrants.all()}
    done = import_rows({**half, "Bib Number": "17", "Wave": "A"}, {"First Name": "Zoë"})
    assert counts(done) == {"rows": 2, "changed": 1, "unchanged": 1}
    assert done.diff.changes == [(2, ["wave", "bib"])]
    ada = event.entrants.get(first_name="Ada")
    assert ada.wave is not None
    assert (ada.bib, ada.wave.name) == ("17", "A")
    assert {entrant.id: (entrant.token, entrant.short_code) for entrant in event.entrants.all()} == kept
    event.refresh_from_db()
    assert (event.revision, event.plan_version) == (2, 2)


def test_a_late_bib_alone_does_not_date_the_plan_anew(event: Event, import_rows: ImportRows) -> None:
    import_rows({})
    import_rows({"Bib Number": "17"})
    event.refresh_from_db()
    assert (event.revision, event.plan_version) == (2, 1)


def test_a_column_that_a_list_lacks_leaves_what_is_known(event: Event, import_rows: ImportRows) -> None:
    import_rows({"raceTitle": "Half Marathon", "Bib Number": "17", "Wave": "A"})
    lacking = ("Bib Number", "Wave", "Phone Number", EMAIL_CONSENT, SMS_CONSENT)
    done = import_rows({"raceTitle": "Half Marathon"}, without=lacking)
    assert counts(done) == {"rows": 1, "unchanged": 1}


def test_a_bib_taken_back_is_taken_back(event: Event, import_rows: ImportRows) -> None:
    import_rows({"Bib Number": "17"})
    assert import_rows({}).diff.columns == {"bib": 1}
    assert event.entrants.get().bib == ""


@pytest.mark.parametrize(
    ("column", "cell"), [("Phone Number", "4.4770E+11"), ("Email Address", "ada@@example.com")]
)
def test_a_damaged_cell_does_not_wipe_out_a_good_one(
    event: Event, import_rows: ImportRows, column: str, cell: str
) -> None:
    import_rows({})
    done = import_rows({column: cell})
    assert counts(done) == {"rows": 1, "unchanged": 1}
    assert len(done.problems) == 1
    entrant = event.entrants.get()
    assert (entrant.email, entrant.mobile) == ("ada@example.com", "+447700900123")


def test_a_corrected_address_does_not_make_a_second_entrant(event: Event, import_rows: ImportRows) -> None:
    import_rows({"Email Address": "ada@@example.com"})
    assert event.entrants.get().email == ""
    assert counts(import_rows({})) == {"rows": 1, "changed": 1}
    assert event.entrants.get().email == "ada@example.com"
    assert counts(import_rows({})) == {"rows": 1, "unchanged": 1}


def test_another_address_is_another_entrant(event: Event, import_rows: ImportRows) -> None:
    import_rows({})
    assert counts(import_rows({"Email Address": "ada.b@example.com"})) == {"rows": 1, "new": 1}


def test_namesakes_are_not_taken_for_each_other(event: Event, import_rows: ImportRows) -> None:
    import_rows({"Email Address": ""}, {"Email Address": "a@example.com"}, {"Email Address": "b@example.com"})
    assert event.entrants.count() == 3
    done = import_rows({"Email Address": "c@example.com"}, {"Email Address": "d@example.com"})
    assert counts(done) == {"rows": 2, "new": 2}
    assert event.entrants.count() == 5


def test_case_and_spaces_do_not_make_another_person(event: Event, import_rows: ImportRows) -> None:
    import_rows({})
    done = import_rows({"Email Address": "ADA@Example.com", "First Name": "ADA ", "raceTitle": "10 KM"})
    assert counts(done) == {"rows": 1, "changed": 1}
    assert event.entrants.get().first_name == "ADA"


def test_one_person_in_two_races_is_entered_twice(event: Event, import_rows: ImportRows) -> None:
    assert counts(import_rows({}, {"raceTitle": "5k"})) == {"rows": 2, "new": 2}


def test_a_family_on_one_address_is_several_entrants(event: Event, import_rows: ImportRows) -> None:
    import_rows({}, {"First Name": "Ralph", "Email Address": "Ada@Example.com"})
    assert len({bytes(entrant.email_hash or b"") for entrant in event.entrants.all()}) == 1
    assert event.entrants.count() == 2


def test_a_person_who_stands_in_a_list_twice_goes_in_once(event: Event, import_rows: ImportRows) -> None:
    done = import_rows({}, {"First Name": "Zoë"}, {"Bib Number": "17"})
    assert counts(done) == {"rows": 3, "new": 2, "rejected": 1}
    assert [(problem.row, problem.problem) for problem in done.problems] == [
        (4, "The same entrant already stands in row 2")
    ]
    assert event.entrants.get(first_name="Ada").bib == ""


def test_the_same_people_in_another_edition_are_others(
    event: Event, start_list: Path, everything: Everything
) -> None:
    run(start_list, event)
    before = everything()
    other = Event.objects.create(
        organiser=event.organiser,
        slug="r-2028",
        name="2028",
        date=date(2028, 9, 17),
        timezone="Europe/London",
    )
    for race in event.races.all():
        other.races.create(slug=race.slug, name=race.name, start=race.start, for_children=race.for_children)
    assert run(start_list, other).counts["new"] > 500
    assert (event.entrants.count(), other.entrants.count()) == (540, 540)
    assert set(before["entrants"]) < set(everything()["entrants"])


def test_an_event_without_races_is_told_so(event: Event, import_rows: ImportRows) -> None:
    event.races.all().delete()
    done = import_rows({})
    assert counts(done) == {"rows": 1, "rejected": 1}
    assert "create the event's races first" in done.problems[0].cure


# People who are held or withdrawn here


@pytest.mark.parametrize("status", ["held", "withdrawn"])
def test_a_list_without_statuses_never_touches_a_status(
    event: Event, import_rows: ImportRows, everything: Everything, status: str
) -> None:
    import_rows({})
    event.entrants.update(status=status, hold_reason="by hand")
    before = everything()
    assert counts(import_rows({})) == {"rows": 1, "unchanged": 1}
    assert everything() == before
    import_rows({"Bib Number": "17"})
    entrant = event.entrants.get()
    assert (entrant.status, entrant.hold_reason, entrant.bib) == (status, "by hand", "17")


def test_a_minor_in_an_adult_race_waits_until_a_guardian_is_known(
    event: Event, import_rows: ImportRows
) -> None:
    young = {"Date of Birth": "2009-09-20"}
    for _ in range(2):
        assert counts(import_rows(young)) == {"rows": 1, "held": 1}
    entrant = event.entrants.get()
    assert (entrant.status, entrant.email, entrant.mobile) == ("confirmed", "ada@example.com", "")
    assert entrant.hold_reason == MINOR_REASON
    assert not Guardian.objects.exists()
    Guardian.objects.create(entrant=entrant, source="by hand", at=datetime(2026, 12, 1, tzinfo=UTC))
    Entrant.objects.update(mobile="+447700900777", mobile_hash=b"x" * 32, mobile_ok=True)
    assert import_rows(young).diff.columns == {"hold reason": 1}
    entrant.refresh_from_db()
    assert (entrant.hold_reason, entrant.mobile) == ("", "+447700900777")
    assert counts(import_rows(young)) == {"rows": 1, "unchanged": 1}


def test_a_guardians_address_entered_by_hand_stays(
    event: Event, import_rows: ImportRows, everything: Everything
) -> None:
    young = {"Date of Birth": "2009-09-20"}
    import_rows(young)
    entrant = event.entrants.get()
    Guardian.objects.create(entrant=entrant, source="by hand", at=datetime(2026, 12, 1, tzinfo=UTC))
    Entrant.objects.update(email="mum@example.com", email_hash=b"x" * 32, hold_reason="")
    before = everything()
    assert counts(import_rows(young)) == {"rows": 1, "unchanged": 1}
    assert everything() == before


def test_the_address_of_a_child_is_the_guardians(event: Event, import_rows: ImportRows) -> None:
    child = {"raceTitle": "Kids Race", "Date of Birth": "2018-01-01"}
    assert counts(import_rows(child, {**child, "First Name": "Ralph", "Email Address": ""})) == {
        "rows": 2,
        "new": 2,
    }
    (guardian,) = Guardian.objects.all()
    assert (guardian.entrant.first_name, guardian.source) == ("Ada", "entry list: children's race")
    assert not event.entrants.exclude(mobile="").exists()


# Consents


def test_a_consent_withdrawn_here_stays_withdrawn(
    event: Event, import_rows: ImportRows, everything: Everything
) -> None:
    import_rows({})
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    Consent.objects.update(granted=False, withdrawn_at=moment, source="unsubscribe", at=moment)
    before = everything()
    assert counts(import_rows({"updatedAt": "2026-11-20T00:00:00Z"})) == {"rows": 1, "unchanged": 1}
    assert everything() == before


def test_a_withdrawal_during_the_import_stays_withdrawn(
    event: Event, import_rows: ImportRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_rows({})
    Consent.objects.update(granted=False, at=datetime(2026, 10, 1, tzinfo=UTC))
    moment = datetime(2026, 11, 1, tzinfo=UTC)

    def withdraw_meanwhile(*planned: Any) -> None:
        Consent.objects.update(withdrawn_at=moment)
        monkeypatch.undo()
        apply.apply(*planned)

    monkeypatch.setattr(apply, "apply", withdraw_meanwhile)
    import_rows({})
    consent = Consent.objects.get()
    assert (consent.granted, consent.withdrawn_at) == (False, moment)
    assert ConsentEvent.objects.count() == 1


@pytest.mark.parametrize("answer", ["No", "", "perhaps"])
def test_a_list_may_take_a_yes_back_but_never_give_it_again(
    event: Event, import_rows: ImportRows, answer: str
) -> None:
    import_rows({})
    assert import_rows({EMAIL_CONSENT: answer}).diff.columns == {"consents": 1}
    consent = Consent.objects.get()
    assert not consent.granted
    assert consent.withdrawn_at is not None
    assert list(ConsentEvent.objects.order_by("id").values_list("granted", flat=True)) == [True, False]
    assert counts(import_rows({})) == {"rows": 1, "unchanged": 1}


def test_a_no_without_an_earlier_yes_leaves_no_row(event: Event, import_rows: ImportRows) -> None:
    import_rows({EMAIL_CONSENT: "No"})
    assert not Consent.objects.exists()
    assert not ConsentEvent.objects.exists()


def test_an_older_list_does_not_take_back_a_yes_given_elsewhere(
    event: Event, import_rows: ImportRows
) -> None:
    import_rows({})
    Consent.objects.update(source="preferences", at=datetime(2026, 11, 1, tzinfo=UTC))
    no = {EMAIL_CONSENT: "No"}
    assert counts(import_rows({**no, "updatedAt": "2026-10-31T00:00:00Z"})) == {"rows": 1, "unchanged": 1}
    assert counts(import_rows({**no, "updatedAt": "2026-11-02T00:00:00Z"})) == {"rows": 1, "changed": 1}
    assert not Consent.objects.get().granted


def test_a_yes_that_comes_later_is_recorded(event: Event, import_rows: ImportRows) -> None:
    import_rows({})
    assert import_rows({SMS_CONSENT: "Yes"}).diff.columns == {"consents": 1}
    assert Consent.objects.filter(channel="sms", granted=True).count() == 2


# Statuses, for the sources that have them


@pytest.fixture
def with_statuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source with a registration id and statuses takes the place of the known ones."""
    mapping = Mapping(
        source="other",
        title="other",
        marks=("raceTitle",),
        columns={
            Field.FIRST_NAME: ("First Name",),
            Field.EMAIL: ("Email Address",),
            Field.BIRTH_DATE: ("Date of Birth",),
            Field.RACE: ("raceTitle",),
            Field.PHONE: ("Phone Number",),
            Field.STATUS: ("ticketTitle",),
            Field.REGISTRATION_ID: ("Bib Number",),
        },
        consents=(ConsentColumn((EMAIL_CONSENT,), (("email", "tips"),)),),
        statuses={"active": "confirmed", "dropped": "withdrawn"},
    )
    monkeypatch.setattr(imports, "SOURCES", (mapping,))


@pytest.mark.usefixtures("with_statuses")
def test_statuses_withdraw_and_hold_and_restore(event: Event, import_rows: ImportRows) -> None:
    def status(word: str) -> dict[str, int]:
        return counts(import_rows({"ticketTitle": word, "Bib Number": "9"}))

    assert status("Active") == {"rows": 1, "new": 1}
    assert status("Dropped") == {"rows": 1, "withdrawn": 1}
    assert status("Dropped") == {"rows": 1, "unchanged": 1}
    assert event.entrants.get().status == "withdrawn"
    assert status("Active") == {"rows": 1, "changed": 1}
    assert status("?") == {"rows": 1, "held": 1}
    assert event.entrants.get().hold_reason == STATUS_REASON
    assert status("?") == {"rows": 1, "held": 1}
    assert status("Active") == {"rows": 1, "changed": 1}
    assert (event.entrants.get().status, event.entrants.get().hold_reason) == ("confirmed", "")


@pytest.mark.usefixtures("with_statuses")
def test_a_list_does_not_release_whom_a_person_holds(event: Event, import_rows: ImportRows) -> None:
    import_rows({"ticketTitle": "Active", "Bib Number": "9"})
    event.entrants.update(status="held", hold_reason="by hand")
    import_rows({"ticketTitle": "Active", "Bib Number": "9"})
    assert (event.entrants.get().status, event.entrants.get().hold_reason) == ("held", "by hand")
    import_rows({"ticketTitle": "Dropped", "Bib Number": "9"})
    assert event.entrants.get().status == "withdrawn"


@pytest.mark.usefixtures("with_statuses")
def test_a_registration_id_is_the_person_whatever_else_changes(event: Event, import_rows: ImportRows) -> None:
    row = {"ticketTitle": "Active", "Bib Number": "9"}
    import_rows(row)
    done = import_rows({**row, "raceTitle": "5k", "Email Address": "ada.b@example.com"})
    assert counts(done) == {"rows": 1, "changed": 1}
    assert done.diff.columns == {"race": 1, "email": 1}
    event.refresh_from_db()
    assert event.plan_version == 2


@pytest.mark.usefixtures("with_statuses")
def test_the_phone_of_someone_who_turns_out_to_be_a_child_is_dropped(
    event: Event, import_rows: ImportRows
) -> None:
    row = {"ticketTitle": "Active", "Bib Number": "9"}
    import_rows(row)
    assert counts(import_rows({**row, "Date of Birth": "2015-01-01"})) == {"rows": 1, "held": 1}
    entrant = event.entrants.get()
    assert (entrant.mobile, entrant.mobile_hash, entrant.mobile_ok) == ("", None, False)


# Attacks and accidents

ATTACKS = [
    {"First Name": '=HYPERLINK("http://example.com","x")'},
    {"First Name": "@SUM(1)", "Last Name": "+1-1"},
    {"First Name": "{{ 7*7 }}", "Last Name": "<script>alert(1)</script>"},
    {"First Name": "Ada\x00", "Last Name": "By\x00ron"},
    {"First Name": "\u202eadA\u202c", "Last Name": "\u200fByron\u200e"},
    {"First Name": "'; DROP TABLE entrants; --"},
    {"First Name": "Ada\r\nBcc: bob@example.com"},
    {"First Name": "\\N", "Last Name": "\\."},
    {"First Name": "Zo\u0308e\u0301", "Last Name": "💥" * 50},
]


def test_strange_names_are_just_names(event: Event, import_rows: ImportRows) -> None:
    done = import_rows(*({"Email Address": f"a{n}@example.com", **row} for n, row in enumerate(ATTACKS)))
    assert counts(done) == {"rows": len(ATTACKS), "new": len(ATTACKS)}
    names = set(event.entrants.values_list("first_name", "last_name"))
    assert {
        ('=HYPERLINK("http://example.com","x")', "Byron"),
        ("{{ 7*7 }}", "<script>alert(1)</script>"),
        ("Ada", "Byron"),
        ("adA", "Byron"),
        ("Ada Bcc: bob@example.com", "Byron"),
        ("\\N", "\\."),
    } < names


def test_problems_and_audit_name_nobody(
    event: Event, import_rows: ImportRows, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    secret = {
        "First Name": "Xanthippe",
        "Email Address": "xanthippe@@example.com",
        "Phone Number": "0770090012",
    }
    done = import_rows(
        secret, {**secret, "raceTitle": "Xanthippe"}, {**secret, "Date of Birth": "1777-07-07"}, {**secret}
    )
    assert counts(done) == {"rows": 4, "new": 1, "rejected": 3}
    told = f"{done.problems} {list(AuditEntry.objects.values('who', 'act', 'detail'))} {caplog.text}".lower()
    assert not [word for word in ("xanthippe", "0770090012", "1777-07") if word in told]


def test_a_change_is_audited_and_no_change_is_not(event: Event, import_rows: ImportRows) -> None:
    import_rows({})
    import_rows({})
    (entry,) = AuditEntry.objects.all()
    assert (entry.who, entry.act, entry.event) == ("ada@example.org", "entrants.import", "reigate-2027")
    assert entry.detail["new"] == entry.detail["rows"] == 1


def test_an_unclosed_quote_lets_nothing_in(
    event: Event, tmp_path: Path, start_list: Path, everything: Everything
) -> None:
    lines = start_list.read_text("utf-8").replace('"', "").splitlines()
    lines[300] = '"' + lines[300]
    path = tmp_path / "list.csv"
    path.write_text("\n".join(lines), "utf-8")
    before = everything()
    with pytest.raises(ListError, match="Row 301 "):
        run(path, event)
    assert everything() == before


@pytest.mark.parametrize("seam", ["reading", "writing"])
def test_an_interruption_leaves_nothing_half_done(
    event: Event, start_list: Path, everything: Everything, monkeypatch: pytest.MonkeyPatch, seam: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = everything()
    how: dict[str, Any] = {}
    if seam == "reading":
        calls = iter([None, None])
        how["progress"] = lambda done, lines: next(calls, None) if done < 200 else interrupt()
    else:
        monkeypatch.setattr(apply.revision, "bump", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(start_list, event, **how)
    monkeypatch.undo()
    assert everything() == before
    assert run(start_list, event).counts["rows"] == 540


def test_a_change_between_preview_and_import_is_not_overwritten(
    event: Event, import_rows: ImportRows
) -> None:
    import_rows({})

    def hold_meanwhile(preview: Import) -> bool:
        event.entrants.update(status="held", hold_reason="by hand")
        return True

    import_rows({"Bib Number": "17"}, confirm=hold_meanwhile)
    entrant = event.entrants.get()
    assert (entrant.status, entrant.hold_reason, entrant.bib) == ("held", "by hand", "17")


def test_what_another_import_has_done_meanwhile_is_not_done_again(
    event: Event, import_rows: ImportRows
) -> None:
    def import_meanwhile(preview: Import) -> bool:
        # Its own temporary tables would be in the way on this one connection: only the entrant matters here.
        event.entrants.update(bib="17")
        return True

    import_rows({})
    done = import_rows({"Bib Number": "17"}, confirm=import_meanwhile)
    assert counts(done) == {"rows": 1, "unchanged": 1}
    event.refresh_from_db()
    assert (event.revision, AuditEntry.objects.count()) == (1, 1)


def test_nobody_is_asked_when_nothing_would_change(event: Event, import_rows: ImportRows) -> None:
    def refuse(preview: Import) -> bool:
        raise AssertionError("asked about nothing")

    import_rows({})
    assert counts(import_rows({}, confirm=refuse)) == {"rows": 1, "unchanged": 1}


def test_progress_ends_at_the_end(event: Event, start_list: Path) -> None:
    seen: list[tuple[int, int]] = []
    run(start_list, event, progress=lambda done, lines: seen.append((done, lines)))
    assert seen[-1] == (541, 541)
    assert len(seen) > 2
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_waves_created_after_the_list_are_filled_by_the_next_import(
    event: Event, import_rows: ImportRows
) -> None:
    row = {"raceTitle": "Half Marathon", "Wave": "D"}
    assert len(import_rows(row).problems) == 1
    half = event.races.get(slug="half")
    Wave.objects.create(race=half, name="D", start=half.start)
    done = import_rows(row)
    assert (counts(done), done.problems) == ({"rows": 1, "changed": 1}, [])
