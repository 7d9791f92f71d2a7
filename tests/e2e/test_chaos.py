"""A small round of `make chaos`, and what its comparison of ledger and sinks would not let pass."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from chaos.agreement import compare
from chaos.rounds import Size, play
from chaos.victims import Kill, Toll

from postbox import Email

KILLS = [
    Kill(0.15, "email child", 0),
    Kill(0.25, "redis", 1.0),
    Kill(0.35, "mail server", 1.0),
    Kill(0.45, "scheduler", 0),
    Kill(0.55, "postgres, killed", 1.0),
    Kill(0.65, "email worker", 0),
    Kill(0.8, "everything", 0),
]


@pytest.mark.timeout(400)
def test_killed_in_mid_send_nothing_is_lost_and_the_ledger_tells_what_arrived():
    report = play(3, Size(emails=1_000, texts=0), KILLS)
    assert report.faults == [], report.home
    assert report.verdict.counts["email sent"] + report.verdict.counts["unknown"] == 1_000
    assert report.toll.mail > 0


ALL_IS_WELL: tuple[Any, ...] = (1, "email", "sent", "a@run", "amy@example.com", None, False, ["250"], False)


def told(rows: Sequence[tuple[Any, ...]], *arrived: tuple[str, str], toll: int = 0) -> str:
    emails = [
        Email(n, address, "", b"Message-ID: <%s>\r\n\r\n" % message_id.encode(), datetime.now(UTC))
        for n, (message_id, address) in enumerate(arrived)
    ]
    station, sinks = SimpleNamespace(sql=lambda _: rows), SimpleNamespace(each_email=lambda: emails, texts=[])
    return " ".join(compare(station, sinks, Toll(mail=toll), len(rows), 0).faults)  # type: ignore[arg-type]


AMYS = ("a@run", "amy@example.com")


def changed(**values: Any) -> list[tuple[Any, ...]]:
    names = ("id", "channel", "state", "message_id", "email", "mobile", "queued", "refs", "doubted")
    return [tuple(values.get(name, well) for name, well in zip(names, ALL_IS_WELL, strict=True))]


def test_the_comparison_is_content_with_one_message_each():
    assert told([ALL_IS_WELL], AMYS) == ""


def test_it_lets_a_doubted_message_come_twice_for_each_open_connection():
    assert told(changed(doubted=True), AMYS, AMYS, toll=1) == ""
    assert "0 connections" in told(changed(doubted=True), AMYS, AMYS)
    assert "without a doubt" in told([ALL_IS_WELL], AMYS, AMYS, toll=1)
    assert "more than twice" in told(changed(doubted=True), AMYS, AMYS, AMYS, toll=2)


def test_it_blames_what_is_lost_stray_or_left():
    assert "mails lost" in told([ALL_IS_WELL])
    assert "mails lost" in told(changed(state="unknown"))
    assert "stand nowhere" in told([ALL_IS_WELL], AMYS, ("b@run", "amy@example.com"))
    assert "stand nowhere" in told([ALL_IS_WELL], AMYS, ("a@run", "bob@example.com"))
    assert "not settled" in told(changed(state="uncertain"), AMYS)
    assert "not settled" in told(changed(queued=True), AMYS)
    assert "ended otherwise" in told(changed(state="failed"), AMYS)
