"""The messages we ship: each compiles, reads well for odd entrants, and says nothing it must not."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from campaigns.content import Layout, RenderedEmail, compile_email, compile_sms, segments

TEMPLATES = Path(__file__).parents[2] / "templates"
EMAILS = sorted((TEMPLATES / "email").glob("*.md"))
TEXTS = sorted((TEMPLATES / "sms").glob("*.txt"))
ODD_NAMES = [
    "Zoë",
    "O'Neill",
    "Wolfeschlegelsteinhausenbergerdorff " * 5,
    "{{ 7*7 }}",
    "<script>",
    "李小龍",
    "",
]
LINK = "https://tips.runreigate.example/s/"[:25] + "abcd2345"

Values = dict[str, str]


class VisibleText(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words = ""
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        self.words += "" if self._hidden else data


def visible(html: str) -> str:
    parser = VisibleText()
    parser.feed(html)
    return parser.words


def rendered(file: Path, layout: Layout, values: Values) -> RenderedEmail:
    return compile_email(file.stem, file.read_text("utf-8"), layout).render(values)


def test_the_first_messages_are_there() -> None:
    assert {"shoes", "back-warm-up", "back-pain", "hydration", "catch-up"} <= {file.stem for file in EMAILS}
    assert {"hydration", "race-morning"} <= {file.stem for file in TEXTS}


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("file", EMAILS, ids=lambda file: file.stem)
def test_reads_well_for_an_odd_entrant(file: Path, layout: Layout, values: Values, name: str) -> None:
    email = rendered(file, layout, {**values, "names": name, "first_name": ""})
    for part in (visible(email.html), email.text, email.subject):
        prose = part.replace("{{ 7*7 }}", "Someone")
        assert not re.search(r"\{\{|\}\}|\{%|None|xj[vs]\d", prose)
        assert not re.search(r"(?<=\S)  +(?=\S)", prose)
        assert not re.search(r"[ \n][.,;:!?](\s|$)|\.\.|,,|\(\)", prose)
        assert "undefined" not in prose
    if "Hello" in email.text:
        assert f"Hello {name.strip() or 'there'}," in re.sub(r"\s+", " ", email.text)


@pytest.mark.parametrize("file", EMAILS, ids=lambda file: file.stem)
def test_text_and_html_say_the_same(file: Path, layout: Layout, values: Values) -> None:
    email = rendered(file, layout, values)
    body = visible(email.html).split("View in browser", 1)[1].split("This is general information")[0]
    in_text = set(re.findall(r"[^\W\d_]+", email.text))
    assert set(re.findall(r"[^\W\d_]+", body)) <= in_text


@pytest.mark.parametrize("file", [*EMAILS, *TEXTS], ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_promises_nothing_and_repeats_no_unsafe_advice(file: Path) -> None:
    words = re.sub(r"\s+", " ", file.read_text("utf-8").split("---", 2)[2].lower())
    for claim in (
        "prevent", "plenty of water", "drink plenty", "stay hydrated", "hydrated", "mri", "scan", "six weeks",
        "6 weeks", "injection", "guarantees", "cure", "diagnos", "posture", "lubricat", "synovial", "spire",
    ):  # fmt: skip
        assert claim not in words


@pytest.mark.parametrize("file", EMAILS, ids=lambda file: file.stem)
def test_health_advice_ends_with_where_to_turn(file: Path, layout: Layout, values: Values) -> None:
    email = compile_email(file.stem, file.read_text("utf-8"), layout)
    assert email.front.health
    assert email.front.sources
    for part in (visible(email.render(values).html), email.render(values).text):
        foot = re.sub(r"\s+", " ", part).split("This is general information, not a diagnosis.")[1]
        assert re.search(r"call 999.*call 111.*GP", foot)


@pytest.mark.parametrize("file", EMAILS, ids=lambda file: file.stem)
def test_a_message_that_speaks_of_back_pain_carries_the_red_flags(
    file: Path, layout: Layout, values: Values
) -> None:
    source = file.read_text("utf-8")
    speaks_of_backs = bool(re.search(r"\byour back\b|back pain\b", source.split("---", 2)[2], re.IGNORECASE))
    assert speaks_of_backs == ("Get help now" in rendered(file, layout, values).text.split("\n"))


@pytest.mark.parametrize("race", ["Half Marathon", "10K", "5K"])
@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.stem)
def test_a_text_is_one_segment_with_its_link(file: Path, values: Values, race: str) -> None:
    assert len(LINK) == 33
    sms = compile_sms(file.stem, file.read_text("utf-8"))
    text = sms.render({**values, "race_name": race, "stop_url": LINK, "info_url": LINK})
    counted = segments(text)
    assert (counted.count, counted.encoding) == (1, "GSM-7")
    assert text.startswith("Run Reigate")
    assert text.endswith(LINK)
    assert text.count("http") == 1
    assert not {"first_name", "names"} & sms.placeholders


def test_race_morning_names_warm_up_and_start(values: Values) -> None:
    sms = compile_sms("race-morning", (TEMPLATES / "sms" / "race-morning.txt").read_text("utf-8"))
    text = sms.render({**values, "warmup_time": "08:50", "start_time": "09:15"})
    assert "08:50" in text
    assert "09:15" in text
    assert sms.front.purpose == "service"
