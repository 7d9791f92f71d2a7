"""Imports beside others who write: real transactions on several connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import psycopg
import pytest
from django.db import connection
from people import WAITING

from campaigns.entry_lists import apply
from campaigns.entry_lists.imports import Import
from campaigns.models import Consent, Event

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL_CONSENT = "I would like to receive race tips by email"

ImportRows = Callable[..., Import]


@pytest.fixture
def other(event: Event) -> Iterator[psycopg.Connection[Any]]:
    """A second connection to the same database."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as second:
        yield second


def test_those_who_are_compared_are_locked_until_the_import_has_ended(
    import_rows: ImportRows, other: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import_rows({})

    def hold_meanwhile(*planned: Any) -> None:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("SELECT id FROM entrants FOR NO KEY UPDATE NOWAIT")
        other.rollback()
        monkeypatch.undo()
        apply.apply(*planned)

    monkeypatch.setattr(apply, "apply", hold_meanwhile)
    assert import_rows({"Bib Number": "17"}).counts["changed"] == 1


def test_an_unsubscribe_and_an_import_do_not_wait_for_each_other(
    event: Event, import_rows: ImportRows, other: psycopg.Connection[Any]
) -> None:
    import_rows({})
    other.execute("UPDATE consents SET granted = FALSE, withdrawn_at = now(), source = 'unsubscribe'")

    def finish_unsubscribe() -> None:
        _wait_until_somebody_waits()
        other.execute("UPDATE events SET revision = revision + 1")
        other.commit()

    unsubscribe = Thread(target=finish_unsubscribe)
    unsubscribe.start()
    done = import_rows({EMAIL_CONSENT: "No"}, {"First Name": "Zoë"})
    unsubscribe.join(10)
    assert done.counts["new"] == 1
    assert Consent.objects.get(entrant__first_name="Ada").source == "unsubscribe"
    event.refresh_from_db()
    assert event.revision == 3


def _wait_until_somebody_waits() -> None:
    """Until the import stands before a row that the unsubscribe holds."""
    with psycopg.connect(
        **connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}, autocommit=True
    ) as watcher:
        for _ in range(1000):
            waiting = watcher.execute(WAITING).fetchone()
            if waiting and waiting[0]:
                return
            watcher.execute("SELECT pg_sleep(0.01)")
