"""Lists from a page: nothing happens before a yes to exactly what was shown, and a worker may die at any point."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction

import worker
from campaigns import clock
from campaigns.entry_lists import apply, imports, uploads
from campaigns.models import AuditEntry, Entrant, Event, ListMapping, ListUpload
from campaigns.models.words import UploadState

pytestmark = pytest.mark.django_db

WHO = "ada@example.org"


def upload(path: Path, event: Event, **how: Any) -> ListUpload:
    how = {"complete": False, **how}
    return uploads.take(event, WHO, path.name, [path.read_bytes()], **how)


def run(listed: ListUpload) -> ListUpload:
    uploads.run(listed.id)
    listed.refresh_from_db()
    return listed


def yes(listed: ListUpload) -> ListUpload:
    assert uploads.confirm(listed, listed.digest, WHO)
    return run(listed)


def test_a_list_is_shown_first_and_brought_in_after_a_yes(event: Event, start_list: Path) -> None:
    listed = run(upload(start_list, event))
    assert listed.state == UploadState.COMPARED
    assert listed.result["counts"]["rows"] == 540
    assert not Entrant.objects.exists()
    done = yes(listed)
    assert done.state == UploadState.DONE
    assert done.body is None
    assert Entrant.objects.count() == 540
    assert AuditEntry.objects.get(act="entrants.import").who == WHO


def test_what_is_kept_of_a_list_holds_no_cell_of_it(event: Event, start_list: Path) -> None:
    listed = yes(run(upload(start_list, event)))
    kept = str([getattr(listed, field.attname) for field in listed._meta.concrete_fields])
    for entrant in Entrant.objects.all()[:50]:
        assert entrant.email not in kept
        assert entrant.last_name not in kept


def test_a_yes_counts_for_what_was_seen_alone(event: Event, start_list: Path) -> None:
    listed = run(upload(start_list, event))
    assert not uploads.confirm(listed, "another", WHO)
    assert run(listed).state == UploadState.COMPARED


def test_two_people_at_once_do_not_bring_in_what_the_second_has_not_seen(
    event: Event, start_list: Path
) -> None:
    first, second = (run(upload(start_list, event)) for _ in range(2))
    assert uploads.confirm(first, first.digest, WHO)
    assert uploads.confirm(second, second.digest, "ben@example.org")
    assert run(first).state == UploadState.DONE
    again = run(second)
    assert again.state == UploadState.COMPARED
    assert "somebody else has changed these entrants" in again.problem
    assert not again.result["changes_something"]


def test_entrants_that_change_at_the_last_moment_stop_it_too(
    event: Event, start_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = run(upload(start_list, event))
    monkeypatch.setattr(
        apply, "take_turn", lambda event: event.races.filter(slug="5k").update(for_children=True)
    )
    monkeypatch.setattr(imports, "compare", _first_then_other(imports.compare))
    again = yes(listed)
    assert again.state == UploadState.COMPARED
    assert not Entrant.objects.exists()


def _first_then_other(compare: Any) -> Any:
    from dataclasses import replace

    seen: list[Any] = []

    def compared(*args: Any) -> Any:
        found = compare(*args)
        seen.append(found)
        return found if len(seen) == 1 else replace(found, digest="other")

    return compared


def test_a_list_that_is_not_known_asks_for_its_columns_and_is_remembered(
    event: Event, tmp_path: Path
) -> None:
    path = tmp_path / "our form.csv"
    path.write_text(
        "Forename,Surname,E-mail,DOB,Distance,Allergies,Send me tips,Status\n"
        "Ada,Byron,ada@example.com,1980-12-10,10k,nuts,yes,paid by cheque\n",
        encoding="utf-8",
    )
    listed = run(upload(path, event))
    assert listed.state == UploadState.UNCLEAR
    assert listed.columns["consents"] == ["Send me tips"]
    assert "Allergies" not in listed.columns["read"]
    mapping = {
        "source": "our-form",
        "columns": {"Forename": "first name", "E-mail": "email", "DOB": "birth date", "Distance": "race",
                    "Surname": "last name", "Status": "status"},
        "consent": [{"heading": "Send me tips", "allows": ["email tips"]}],
        "statuses": {},
    }  # fmt: skip
    assert uploads.read_anew(listed, mapping=mapping)
    listed = run(listed)
    assert listed.state == UploadState.COMPARED
    assert listed.result["unknown_statuses"] == {"paid by cheque": 1}
    assert uploads.read_anew(listed, mapping={**mapping, "statuses": {"paid by cheque": "confirmed"}})
    yes(run(listed))
    assert Entrant.objects.get().status == "confirmed"
    assert ListMapping.objects.get().source == "our-form"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7 and so on", "is a PDF document"),
        (b"PK\x03\x04 not a workbook at all", "Excel workbook"),
        (b"\x00\x01\x02\x03" * 400, "not a text file"),
        (b"ada@example.com,0123456789\n", "first row seems to be an entrant"),
    ],
)
def test_what_is_no_list_is_refused_with_a_sentence(
    event: Event, tmp_path: Path, body: bytes, said: str
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(body)
    listed = run(upload(path, event))
    assert (listed.state, listed.body) == (UploadState.REFUSED, None)
    assert said in listed.problem
    assert "/tmp" not in listed.problem


def test_a_file_that_is_too_large_is_not_kept(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST", 10)
    with pytest.raises(uploads.TooLarge):
        uploads.take(event, WHO, "x.csv", [b"12345", b"678901"], complete=False)
    assert not ListUpload.objects.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c\n.csv", "", "x" * 300])
def test_a_files_name_leads_nowhere(event: Event, name: str) -> None:
    listed = run(uploads.take(event, WHO, name, [b"%PDF"], complete=False))
    assert "/" not in listed.name
    assert listed.state == UploadState.REFUSED


def test_a_worker_that_dies_is_followed_by_another_and_after_three_the_list_is_given_up(
    event: Event, start_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    listed = upload(start_list, event)
    with monkeypatch.context() as patched:
        patched.setattr(uploads, "import_list", die)
        for _ in range(3):
            with pytest.raises(SystemExit):
                uploads.run(listed.id)
    assert uploads.waiting() == [listed.id]
    listed = run(listed)
    assert listed.state == UploadState.REFUSED
    assert "ended our worker three times" in listed.problem
    assert uploads.waiting() == []


def test_a_worker_that_dies_between_entrants_and_end_leaves_neither(
    event: Event, start_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = run(upload(start_list, event))
    assert uploads.confirm(listed, listed.digest, WHO)

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(apply, "apply", die)
        with pytest.raises(SystemExit):
            _in_a_transaction(listed)
    assert not Entrant.objects.exists()
    assert run(listed).state == UploadState.DONE
    assert Entrant.objects.count() == 540


def _in_a_transaction(listed: ListUpload) -> None:
    """Undone when the worker dies, as Postgres does with the transaction of a connection that is gone."""
    with transaction.atomic():
        uploads.run(listed.id)


def test_a_bug_of_ours_is_a_sentence_and_changes_nothing(
    event: Event, start_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    listed = upload(start_list, event)
    monkeypatch.setattr(uploads, "import_list", fail)
    listed = run(listed)
    assert listed.state == UploadState.REFUSED
    assert "Something went wrong here" in listed.problem


def test_a_list_that_is_said_to_be_complete_and_cannot_be_read_may_be_put_right(
    event: Event, write_list: Any
) -> None:
    path = write_list({}, {"raceTitle": "Ultra"})
    listed = run(upload(path, event, complete=True))
    assert listed.state == UploadState.UNCLEAR
    assert "nobody can tell who is missing from it: correct them, or say" in listed.problem
    assert uploads.read_anew(listed, complete=False)
    assert run(listed).state == UploadState.COMPARED


def test_a_no_takes_the_file_away(event: Event, start_list: Path) -> None:
    listed = run(upload(start_list, event))
    assert uploads.drop(listed)
    listed.refresh_from_db()
    assert (listed.state, listed.body) == (UploadState.DROPPED, None)
    assert not uploads.confirm(listed, listed.digest, WHO)


def test_a_list_without_a_yes_goes_after_two_days(event: Event, start_list: Path) -> None:
    listed = upload(start_list, event)
    assert uploads.drop_old(clock.now()) == 0
    with time_machine.travel(clock.now() + timedelta(days=3), tick=False):
        assert uploads.drop_old(clock.now()) == 1
    listed.refresh_from_db()
    assert (listed.state, listed.body) == (UploadState.DROPPED, None)


@pytest.mark.django_db(transaction=True)
def test_one_list_is_in_the_hands_of_one_worker(event: Event, start_list: Path) -> None:
    other = connection.copy()
    listed = upload(start_list, event)
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [uploads._LOCK, listed.id])
    assert run(listed).state == UploadState.WAITING
    with other.cursor() as cursor:  # a session that is closed may hold its lock for a moment longer
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [uploads._LOCK, listed.id])
    other.close()
    assert run(listed).state == UploadState.COMPARED


@pytest.mark.django_db(transaction=True)
def test_the_tick_hands_lists_to_the_worker_of_errands(
    event: Event, start_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(
        worker, "enqueue", lambda task, *args, queue, expires: sent.append((task.name, args, queue))
    )
    listed = upload(start_list, event)
    worker.tick()
    assert ("list", (listed.id,), "errands") in sent
