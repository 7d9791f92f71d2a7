"""What holds for every page: its headers, its look, its size, and the two questions a supervisor asks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.db import connection
from django.db.utils import OperationalError
from django.test import Client
from reigate import make_entrant, make_event

from campaigns.watch import heartbeat
from campaigns.web import start

STATIC = Path(__file__).parents[2] / "templates" / "static"


def links() -> list[str]:
    entrant = make_entrant(make_event())
    return [
        "/",
        "/nothing-here",
        "/u/unknown",
        "/s/unknown",
        f"/u/{entrant.token}",
        f"/s/{entrant.short_code}",
    ]


@pytest.mark.django_db
def test_every_page_forbids_scripts_and_has_none(browser: Client) -> None:
    for link in links():
        answer = browser.get(link)
        policy = answer.headers["Content-Security-Policy"]
        shown = answer.content.decode()
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", shown)


@pytest.mark.django_db
def test_every_page_is_ours_alone_and_light(browser: Client) -> None:
    sheet = (STATIC / "base.css").stat().st_size
    for link in links():
        answer = browser.get(link)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', answer.content.decode())
        assert len(answer.content) + sheet < 40_000
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db
def test_every_page_has_one_heading_a_title_and_a_language(browser: Client) -> None:
    for link in links():
        shown = browser.get(link).content.decode()
        assert shown.count("<h1") == 1
        assert re.search(r"<title>[^<]+</title>", shown)
        assert '<html lang="en-GB">' in shown
        assert '<meta name="viewport"' in shown


def test_the_start_page_says_what_this_is_without_asking_the_database(browser: Client) -> None:
    answer = browser.get("/")
    assert answer.status_code == 200
    assert "aidstation --help" in answer.content.decode()
    assert re.findall(r'<a [^>]*href="([^"]+)"', answer.content.decode()) == ["/sign-in"]
    assert browser.post("/").status_code in (403, 405)


def test_an_unknown_address_has_a_page_in_the_same_look(browser: Client) -> None:
    answer = browser.get("/nothing-here")
    assert answer.status_code == 404
    assert "There is no page here" in answer.content.decode()
    assert "base.css" in answer.content.decode()


def test_a_failure_has_a_page_in_the_same_look_and_tells_nothing(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(start, "render", fail)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "This page could not be shown" in answer.content.decode()
    assert "secret detail" not in answer.content.decode()
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("file", "kind"), [("base.css", "text/css"), ("mark.svg", "image/svg+xml")])
def test_static_files_are_served_without_any_step_before(browser: Client, file: str, kind: str) -> None:
    answer = browser.get(f"/static/{file}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)
    assert answer.getvalue() == (STATIC / file).read_bytes()
    assert "no-store" not in answer.headers["Cache-Control"]


def test_alive_asks_neither_postgres_nor_redis(browser: Client, no_redis: None) -> None:
    # Without the `db` fixture pytest-django refuses every query.
    answer = browser.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_ready_when_both_answer(browser: Client) -> None:
    answer = browser.get("/readyz")
    assert answer.status_code == 200
    assert answer.content.startswith(b"database: ok\nredis: ok\n")


@pytest.mark.django_db
def test_ready_says_as_well_whether_the_clock_ticks(browser: Client) -> None:
    assert b"\nclock: stands still\nsending: ok\n" in browser.get("/readyz").content
    heartbeat.beat(heartbeat.TICK)
    assert b"\nclock: ok\nsending: ok\n" in browser.get("/readyz").content


@pytest.mark.django_db
def test_not_ready_without_redis(browser: Client, no_redis: None) -> None:
    answer = browser.get("/readyz")
    assert answer.status_code == 503
    assert answer.content.startswith(b"database: ok\nredis: does not answer\n")


@pytest.mark.django_db
def test_not_ready_without_postgres_and_no_secret_told(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OperationalError("connection to user:password@host failed")

    monkeypatch.setattr(connection, "cursor", refuse)
    monkeypatch.setattr(connection, "close", lambda: None)
    answer = browser.get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"database: does not answer\nredis: ok\n")
