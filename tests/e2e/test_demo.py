"""The demo from outside: who should have got what is worked out from the list alone, with the csv module."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from campaigns.cli import embedded

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "tests" / "data" / "lets_do_this_start_list.csv"
RACE_TODAY = ROOT / "campaigns" / "library" / "race-today.csv"
TIPS, TEXTS = "I would like to receive race tips by email", "I would like race reminders by text message"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def home():
    folder = Path(tempfile.mkdtemp(prefix="as-", dir="/tmp"))
    yield folder
    embedded.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as source:
        return list(csv.DictReader(source))


def is_adult(row: dict[str, str], race_day: date) -> bool:
    born = date.fromisoformat(row["Date of Birth"])
    birthday_is_over = (race_day.month, race_day.day) >= (born.month, born.day)
    return row["raceTitle"] != "Kids Race" and race_day.year - born.year - (not birthday_is_over) >= 18


def messages(postbox: str, kind: str) -> list[dict[str, str]]:
    with urllib.request.urlopen(f"{postbox}api/{kind}?limit=5000", timeout=10) as answer:
        found: list[dict[str, str]] = json.load(answer)[kind]
    return found


def reply(postbox: str, number: str, body: str) -> str:
    """Answers a text on the postbox's phone; what came back to it."""
    request = urllib.request.Request(
        f"{postbox}replies", json.dumps({"number": number, "body": body}).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=30) as answer:
        done = json.load(answer)
    return " ".join([done["outcome"], *done["answers"]])


def test_the_demo_sends_each_person_exactly_what_they_should_get(home):
    race_day = datetime.now(ZoneInfo("Europe/London")).date() + timedelta(days=47)
    adults = [row for row in rows(LIST) if is_adult(row, race_day)]
    readers = [row["Email Address"].lower() for row in adults if row[TIPS] == "Yes"]
    texted = [row for row in adults if row[TEXTS] == "Yes" and row["raceTitle"] in ("Half Marathon", "10k")]
    today = [row for row in rows(RACE_TODAY) if row[TEXTS] == "Yes"]

    env = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "REDIS_URL", "EMAIL_URL")
    }
    demo = subprocess.Popen(
        [sys.executable, "-m", "campaigns.cli", "demo", "--json"],
        cwd=ROOT, env=env | {"AIDSTATION_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert demo.stdout
    said = json.loads(demo.stdout.readline())
    emails = messages(said["postbox"], "emails")
    texts = messages(said["postbox"], "texts")
    assert "no more texts" in reply(said["postbox"], texts[0]["to"], "Stop please")
    assert "Emergency: 999" in reply(said["postbox"], texts[-1]["to"], "Where is parking?")
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)

    subjects = {email["subject"] for email in emails}
    assert len(subjects) == 1
    assert Counter(email["recipient"].lower() for email in emails) == Counter(readers)
    assert Counter(text["to"] for text in texts) == Counter(row["Phone Number"] for row in [*texted, *today])
    assert said["emails"] == len(emails)
    assert said["texts"] == len(texts)
    assert {text["segments"] for text in texts} == {1}
    assert demo.returncode == 0
    assert embedded.running(home) == ()
    assert_logs_tell_ids_and_nobody((home / "demo.log").read_text(encoding="utf-8"))


def assert_logs_tell_ids_and_nobody(log: str) -> None:
    """The log of the whole run: what was claimed and settled by number, and no word of a person."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith('{"at"')]
    settled = [line for line in lines if line["event"] == "settled"]
    assert sum(len(line["deliveries"]) for line in settled if line["outcome"] == "accepted") > 500
    assert all(line["step"] and line["deliveries"] for line in lines if line["event"] == "claimed")
    people = [row for file in (LIST, RACE_TODAY) for row in rows(file)]
    private = {row["Email Address"].lower() for row in people} | {row["Phone Number"] for row in people}
    private |= {row["Last Name"].lower() for row in people if len(row["Last Name"]) > 5}
    folded = log.lower()
    assert [word for word in private if word and word in folded] == []
    assert "@" not in log.replace("clock@", "").replace("email@", "").replace("sms@", "")


@pytest.mark.parametrize("variable", ["EMAIL_URL", "TWILIO_BASE_URL"])
def test_the_demo_refuses_a_host_that_is_not_this_machine(home, variable):
    url = "smtp://mail.example.org" if variable == "EMAIL_URL" else "https://api.example.org"
    done = subprocess.run(
        [sys.executable, "-m", "campaigns.cli", "demo", "--once"],
        cwd=ROOT, env=os.environ | {"AIDSTATION_HOME": str(home), variable: url},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert variable in done.stderr
    assert not (home / "postgres").exists()
