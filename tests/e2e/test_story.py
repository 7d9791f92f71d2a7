"""What an organiser does with the demo, in a real browser: a list in, a mail seen, approved, started, an alert sent.

Two people in two browsers. Who should have got what is worked out from the list alone.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chromium import a_chromium
from playwright.sync_api import Browser, Page, expect

from campaigns.cli import embedded

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 30_000
GIVEN = ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "TWILIO_BASE_URL", "PUBLIC_URL")

HEADINGS = [
    "Forename",
    "Surname",
    "E-mail",
    "Mobile",
    "DOB",
    "Distance",
    "Tips by email",
    "Texts about the race",
]
"""Of no platform that is known, so that the organiser says what the consents are."""
ADULTS, CHILDREN = 300, 20

pytestmark = pytest.mark.timeout(240)


@dataclass
class Demo:
    """The demo as it runs, and what it said to whoever started it."""

    postbox: str
    web: str
    passwords: dict[str, str]

    def arrived(self, kind: str, after: int = 0) -> list[dict[str, Any]]:
        """The "emails" or "texts" of the postbox that came after that number."""
        address = f"{self.postbox}api/{kind}?limit=5000&after={after}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)[kind]
        return found


@pytest.fixture
def demo() -> Iterator[Demo]:
    home = Path(tempfile.mkdtemp(prefix="as-", dir="/tmp"))
    env = {name: value for name, value in os.environ.items() if name not in GIVEN}
    process = subprocess.Popen(
        [sys.executable, "-m", "campaigns.cli", "demo", "--json"], cwd=ROOT,
        env=env | {"AIDSTATION_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout
    try:
        told = json.loads(process.stdout.readline())
        said = "".join(iter(process.stdout.readline, "Ctrl-C ends the demo.\n"))
        yield Demo(told["postbox"], told["web"], dict(re.findall(r"^  (\S+@\S+) (\S+)$", said, re.M)))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with a_chromium() as browser:
        yield browser


def rows() -> list[dict[str, str]]:
    """Invented people: adults, some of whom agree to little, and children with a parent's address, two to each."""
    adults = [
        [f"Runner{n}", "Story", f"runner{n}@example.com", f"+4477009{n:05d}", "1985-05-05",
         "Half Marathon" if n % 2 else "10k", "Yes" if n % 3 else "No", "Yes" if n % 5 else "No"]
        for n in range(ADULTS)
    ]  # fmt: skip
    children = [
        [f"Child{n}", "Story", f"parent{n // 2}@example.com", "", "2020-05-05", "Kids Race", "Yes", "No"]
        for n in range(CHILDREN)
    ]
    return [dict(zip(HEADINGS, row, strict=True)) for row in adults + children]


def write(file: Path, people: list[dict[str, str]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as output:
        writer = csv.DictWriter(output, HEADINGS)
        writer.writeheader()
        writer.writerows(people)
    return file


def sign_in(chromium: Browser, demo: Demo, email: str) -> Page:
    """A browser of this person's own, at the event that nothing is done for yet."""
    context = chromium.new_context(base_url=demo.web, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(demo.passwords[email])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Reigate Hill Run").click()
    return page


def go(page: Page, *links: str) -> None:
    for name in links:
        page.get_by_role("link", name=name, exact=True).click()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def bring_in(page: Page, file: Path) -> None:
    """Upload, columns, what it would change, and a yes; the worker of errands reads it in between."""
    go(page, "Entrants", "Bring in a list")
    page.get_by_label("The list, as CSV or Excel").set_input_files(file)
    press(page, "Read this list")
    expect(page.get_by_label("Forename")).to_have_value("first name", timeout=PATIENCE_MS)
    page.get_by_label("Tips by email").select_option(label="a yes to tips by email")
    page.get_by_label("Texts about the race").select_option(label="a yes to texts about the race and tips")
    press(page, "Read it like this")
    expect(page.get_by_text(f"{ADULTS + CHILDREN} people are brought in")).to_be_visible(timeout=PATIENCE_MS)
    press(page, "Bring in this list")
    go(page, "See the entrants")
    expect(page.get_by_text(f"{ADULTS + CHILDREN} confirmed entrants")).to_be_visible()


def see_a_mail(page: Page, name: str) -> None:
    """One message as one entrant would get it, drawn while the name is typed."""
    go(page, "Messages")
    page.get_by_role("link", name="Back warm up").click()
    page.get_by_label("Or by name, bib or email address").fill(f"{name} Story")
    mail = page.frame_locator("iframe.phone")
    expect(mail.get_by_text(f"Hello {name},")).to_be_visible(timeout=PATIENCE_MS)


def approve(page: Page) -> None:
    """A look at every message, which the worker of errands makes, and a yes to just that."""
    go(page, "Course", "Look and approve")
    press(page, "Look at these")
    expect(page.get_by_text("Nothing stands in the way of")).to_be_visible(timeout=PATIENCE_MS)
    press(page, "Approve these")
    expect(page.get_by_text("The campaign is not started yet.")).to_be_visible()
    expect(page.get_by_text("2 steps are due already")).to_be_visible()


def watch_it_finish(page: Page, watcher: Page, messages: int) -> None:
    """One person starts and lands on the live page; the other has had it open, and it is never loaded again."""
    go(watcher, "Live")
    expect(watcher.get_by_text("Nothing has been sent yet.")).to_be_visible()
    watcher.evaluate("window.sameAsBefore = true")
    press(page, f"Start, and send {messages} messages now")
    for each in (page, watcher):
        expect(each.get_by_text("Nothing waits to leave")).to_be_visible(timeout=PATIENCE_MS)
        expect(each.get_by_role("row", name="Back warm up")).to_contain_text("100 %")
    assert watcher.evaluate("window.sameAsBefore")


def alert(one: Page, two: Page) -> None:
    """Armed by one, confirmed and sent by the other; the counts come by themselves."""
    go(one, "Race day", "Heat not armed")
    one.get_by_label("Temperature").fill("29")
    press(one, "Arm")
    expect(one.get_by_text("Somebody else confirms it")).to_be_visible()
    go(two, "Race day", "Heat waits for a second person")
    press(two, "Confirm and arm")
    two.get_by_label("Type “Heat” to send it").fill("Heat")
    press(two, "Send to everyone now")
    two.evaluate("window.sameAsBefore = true")
    sent = two.locator("#sent")
    expect(sent).to_contain_text(f"{ADULTS + CHILDREN} of {ADULTS + CHILDREN} by email", timeout=PATIENCE_MS)
    expect(sent).to_contain_text(f"{ADULTS} of {ADULTS + CHILDREN} by text", timeout=PATIENCE_MS)
    assert two.evaluate("window.sameAsBefore")


def test_from_a_list_to_an_alert(demo: Demo, chromium: Browser, tmp_path: Path) -> None:
    people = rows()
    mails, texts = (max(one["number"] for one in demo.arrived(kind)) for kind in ("emails", "texts"))
    robin = sign_in(chromium, demo, "robin@example.org")
    bring_in(robin, write(tmp_path / "entries.csv", people))
    see_a_mail(robin, "Runner1")
    approve(robin)
    assert demo.arrived("emails", mails) == demo.arrived("texts", texts) == []
    sam = sign_in(chromium, demo, "sam@example.org")
    watch_it_finish(robin, sam, readers(people).total() + texted(people).total())
    everyone_has_the_tips_once(demo, people, mails, texts)
    alert(robin, sam)
    everyone_has_the_alert_once(demo, people, mails, texts)


def everyone_has_the_tips_once(demo: Demo, people: list[dict[str, str]], mails: int, texts: int) -> None:
    """An email and a text to each adult who agreed to them, and nothing to anybody else."""
    by_subject: dict[str, Counter[str]] = {}
    for mail in demo.arrived("emails", mails):
        by_subject.setdefault(mail["subject"], Counter())[mail["recipient"]] += 1
    assert list(by_subject.values()) == [readers(people)]
    assert Counter(text["to"] for text in demo.arrived("texts", texts)) == texted(people)


def readers(people: list[dict[str, str]]) -> Counter[str]:
    """The addresses of adults who agreed to tips by email."""
    adults = [one for one in people if one["Distance"] != "Kids Race"]
    return Counter(one["E-mail"] for one in adults if one["Tips by email"] == "Yes")


def texted(people: list[dict[str, str]]) -> Counter[str]:
    """The phones of those who agreed to texts."""
    return Counter(one["Mobile"] for one in people if one["Texts about the race"] == "Yes")


def everyone_has_the_alert_once(demo: Demo, people: list[dict[str, str]], mails: int, texts: int) -> None:
    """An alert needs no consent: one email to each address, so one to a family, and one text to each phone."""
    heat = [mail for mail in demo.arrived("emails", mails) if "29°C" in mail["subject"]]
    assert Counter(mail["recipient"] for mail in heat) == Counter({one["E-mail"] for one in people})
    hot = [text for text in demo.arrived("texts", texts) if "HEAT: 29C" in text["body"]]
    assert Counter(text["to"] for text in hot) == Counter(one["Mobile"] for one in people if one["Mobile"])
