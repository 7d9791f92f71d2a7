"""Yesterday's backup after the database is lost: nobody gets anything twice, and nobody is left out without a line."""

import email
import json
import shutil
import time
from collections import Counter
from datetime import datetime, timedelta

import pytest
from station import LONDON, a_step, wait_until

from campaigns.cli import embedded

pytestmark = pytest.mark.timeout(300)


def message_ids(box) -> list[str]:
    return [email.message_from_bytes(mail.raw)["Message-ID"] for mail in box.emails]


def a_mail_log(ids: list[str]) -> str:
    """As Postfix writes it."""
    return "".join(f"Aug  3 10:00:01 mx postfix/cleanup[311]: 4F2A1: message-id={one}\n" for one in ids)


def restart(station, *, lost: bool) -> None:
    for process in station.processes:
        process.terminate()
    for process in station.processes:
        process.wait(30)
    station.processes.clear()
    embedded.stop(station.home)
    if lost:
        shutil.rmtree(station.home / "postgres")
    station.restart_servers()


def test_yesterdays_backup_sends_nothing_again_that_was_sent_since(station):
    slug = station.event()
    station.entrants(120)
    now = datetime.now(LONDON)
    soon = now + timedelta(minutes=1 if now.second < 20 else 2)
    station.campaign(a_step("tip"), a_step("later", at=soon), a_step("text", "sms", "hydration", at=soon))
    station.env |= {"EMAIL_RATE": "15"}
    station.start("scheduler", "clock", "email", "sms")
    backup = station.home / "yesterday.backup"
    wait_until(lambda: len(station.box.emails) > 40, 30)
    taken = station.json("backup", str(backup))
    assert taken["rows"] > 1000
    assert 40 < station.sql("SELECT count(*) FROM deliveries WHERE state = 'sent'")[0][0] < 240
    wait_until(lambda: (len(station.box.emails), len(station.box.texts)) == (240, 120), 120)
    station.wait_until_settled(360)
    [(organiser,)] = station.sql("SELECT slug FROM organisers")
    station.command("suppress", "add", "runner7@example.com", "--organiser", organiser)

    restart(station, lost=True)
    restored = station.json("restore", str(backup))
    assert restored["held"] > 0
    assert restored["stops_since"] == 1
    station.start("scheduler", "clock", "email", "sms")
    wait_until(lambda: station.sql("SELECT count(*) FROM deliveries") == [(360,)], 30)
    time.sleep(4)
    assert (len(station.box.emails), len(station.box.texts)) == (240, 120)

    log = station.home / "mail.log"
    log.write_text(a_mail_log(message_ids(station.box)[:-5]))
    told = json.loads(station.command("reconcile", "--mail-log", str(log), "--json"))
    assert told["held"] == [{"event": slug, "step": "later", "channel": "email", "held": 5}]
    assert station.command("reconcile", "--close", code=1) == ""
    station.command("reconcile", "--went-out", slug, "--step", "later")
    station.command("reconcile", "--close")
    assert station.states() == {"sent": 360}

    time.sleep(3)
    assert set(Counter(mail.recipient for mail in station.box.emails).values()) == {2}
    assert set(Counter(text.to for text in station.box.texts).values()) == {1}
    assert station.sql("SELECT count(*) FROM suppressions") == [(1,)]
    assert station.sql("SELECT count(*) FROM outbox") == [(0,)]


def test_what_had_not_gone_out_goes_out_once_it_is_released(station):
    """The clock stood between backup and restore: nothing had been sent."""
    slug = station.event()
    station.entrants(20)
    station.campaign(a_step("tip"), a_step("text", "sms", "hydration"))
    backup = station.home / "b"
    station.command("backup", str(backup))
    assert "holds 1 events" in refused(station, "restore", str(backup))
    station.command("restore", str(backup), "--replace", "--yes")
    station.start("scheduler", "clock", "email", "sms")
    wait_until(lambda: station.states() == {"held": 40}, 30)
    told = station.json("reconcile")
    assert told["given_back"] == 20, "Twilio has none of the texts, which proves that they were not sent"
    assert told["held"] == [{"event": slug, "step": "tip", "channel": "email", "held": 20}]
    wait_until(lambda: len(station.box.texts) == 20, 30)
    station.command("reconcile", "--release", slug)
    station.wait_until_settled(40)
    assert set(Counter(mail.recipient for mail in station.box.emails).values()) == {1}


def test_a_backup_is_refused_under_another_key_while_others_are_connected_or_damaged(station):
    station.event()
    backup = station.home / "b"
    station.command("backup", str(backup))
    assert backup.stat().st_mode & 0o777 == 0o600
    station.env["SUPPRESSION_KEY"] = "another"
    assert "SUPPRESSION_KEY is not the key" in refused(station, "restore", str(backup), "--replace", "--yes")
    del station.env["SUPPRESSION_KEY"]
    station.start("watch")
    wait_until(lambda: station.sql("SELECT count(*) FROM heartbeats WHERE name = 'watch'") == [(1,)], 30)
    assert "other connections" in refused(station, "restore", str(backup), "--replace", "--yes")
    station.processes.pop().kill()
    whole = backup.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole.replace(whole[-3000:-2990], b"x" * 10), b"no backup"):
        backup.write_bytes(damaged)
        wait_until(lambda: not others(station), 10)
        said = refused(station, "restore", str(backup), "--replace", "--yes")
        assert "damaged" in said or "no backup" in said or "cannot be read" in said
    assert station.sql("SELECT count(*) FROM events") == [(1,)]


def others(station) -> bool:
    count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    return station.sql(count) != [(0,)]


def refused(station, *words: str) -> str:
    import subprocess
    import sys

    from station import ROOT

    done = subprocess.run(
        [sys.executable, "-m", "campaigns.cli", *words],
        cwd=ROOT, env=station.env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr
