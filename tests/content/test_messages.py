"""The messages we ship: what they may not say, what they must, and that a twelve-year-old can read them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from campaigns.content import CompiledEmail, Layout, Station, compile_email, compile_sms
from campaigns.content.safety import RED_FLAGS

TEMPLATES = Path(__file__).parents[2] / "templates"
EMAILS = sorted((TEMPLATES / "email").glob("*.md"))
TEXTS = sorted((TEMPLATES / "sms").glob("*.txt"))
ABOUT_BACKS = {"back-warm-up", "back-pain", "easing-back", "catch-up"}
ABOUT_RUNNING = {"start-well", "hydration", "race-week", "recovery", "alert-heat"}
WITH_TIPS = {"niggles", "kids-race", "recovery"}

Values = dict[str, str]

every_email = pytest.mark.parametrize("file", EMAILS, ids=lambda file: file.stem)
every_message = pytest.mark.parametrize(
    "file", [*EMAILS, *TEXTS], ids=lambda file: f"{file.parent.name}-{file.stem}"
)


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


def compiled(file: Path, layout: Layout) -> CompiledEmail:
    return compile_email(file.stem, file.read_text("utf-8"), layout, station=Station(3, 10))


def body_of(file: Path) -> str:
    return file.read_text("utf-8").split("\n---\n", 1)[1]


@every_email
def test_text_and_html_say_the_same(file: Path, layout: Layout, values: Values) -> None:
    email = compiled(file, layout).render(values)
    body = visible(email.html).split("View in browser", 1)[1].split("This is general information")[0]
    in_text = set(re.findall(r"[^\W\d_]+", email.text))
    assert set(re.findall(r"[^\W\d_]+", body)) <= in_text


# Each is advice that section after section of evidence has overtaken, a promise, or a word with no place near health.
FORBIDDEN = """
    prevent|plenty of water|drink plenty|stay hydrated|hydrated|before you are thirsty|drink as much as possible
    mri|scan|x-ray|six weeks|6 weeks|injection|guarantees|guaranteed|cure|diagnos|posture|lubricat|synovial
    spire|220|maximum heart rate|10 ?%|ten per ?cent|no pain, no|push through it|heart-stopping|killer|drop dead|to die
    miracle|detox|hack|boost|crush|smash|beast|oops|unfortunately|!!
    reply stop|click here|dear |kindly
"""


@every_message
def test_promises_nothing_and_repeats_no_unsafe_advice(file: Path) -> None:
    words = re.sub(r"\s+", " ", body_of(file).lower())
    for phrase in re.split(r"\||\n", FORBIDDEN.strip("\n")):
        assert not re.search(rf"\b{phrase.strip(' ')}", words), phrase


@every_message
def test_health_advice_says_where_it_was_read(file: Path, layout: Layout) -> None:
    is_email = file.suffix == ".md"
    front = (compiled(file, layout) if is_email else compile_sms(file.stem, file.read_text("utf-8"))).front
    if front.health:
        assert front.sources
        assert all(source.id for source in front.sources)
        assert front.claims or not is_email
        assert {source for claim in front.claims for source in claim.sources} <= {s.id for s in front.sources}


def test_only_news_that_gives_no_health_advice_goes_without_sources() -> None:
    without = {file.stem for file in [*EMAILS, *TEXTS] if "\nhealth: true\n" not in file.read_text("utf-8")}
    alerts = {"alert-delay", "alert-cancel", "alert-stop", "alert-postponed", "alert-all-clear"}
    assert without == alerts | {"race-eve", "race-morning", "race-morning-kids"}


@every_email
def test_health_advice_ends_with_where_to_turn(file: Path, layout: Layout, values: Values) -> None:
    email = compiled(file, layout)
    if email.front.health:
        for part in (visible(email.render(values).html), email.render(values).text):
            foot = re.sub(r"\s+", " ", part).split("This is general information, not a diagnosis.")[1]
            assert re.search(r"call 999.*call 111.*GP", foot)


def get_help(text: str) -> str:
    """The red flags of a mail's text part, from their heading to the foot."""
    return text.split("\nGet help now\n------------\n")[1].split("\n--------------------")[0]


@pytest.mark.parametrize(("safety", "names"), [("back", ABOUT_BACKS), ("running", ABOUT_RUNNING)])
def test_red_flags_are_the_same_words_in_the_same_place(
    layout: Layout, values: Values, safety: str, names: set[str]
) -> None:
    found = {file.stem: compiled(file, layout) for file in EMAILS}
    assert {name for name, email in found.items() if email.front.safety == safety} == names
    blocks = {get_help(found[name].render(values).text) for name in names}
    assert len(blocks) == 1
    [block] = blocks
    words = set(re.findall(r"\w+", RED_FLAGS[safety].replace("(tel:999)", "").replace("(tel:111)", "")))
    assert words - set(re.findall(r"\w+", block)) == {"Get", "help", "now"} - set(re.findall(r"\w+", block))
    for name in names:
        in_page = found[name].render(values).html.split("Get help now</h2>")
        assert len(in_page) == 2, name
        assert 'class="foot"' in in_page[1].split("</table>")[1] + in_page[1].split("</table>")[0], name


@every_email
def test_a_message_that_speaks_of_back_pain_carries_the_red_flags(file: Path) -> None:
    speaks_of_backs = bool(re.search(r"\byour back\b|back pain\b", body_of(file), re.IGNORECASE))
    assert speaks_of_backs == (file.stem in ABOUT_BACKS)


@pytest.mark.parametrize("name", sorted(WITH_TIPS))
def test_news_stands_alone_without_its_tips(layout: Layout, values: Values, name: str) -> None:
    email = compiled(TEMPLATES / "email" / f"{name}.md", layout)
    agreed, not_agreed = (email.render({**values, "tips_agreed": yes}) for yes in ("yes", ""))
    tips = re.search(
        r"^::: tips\n(.*?)^:::$", body_of(TEMPLATES / "email" / f"{name}.md"), re.MULTILINE | re.DOTALL
    )
    assert tips
    heading = re.findall("## (.*)", tips[1])[0]
    assert heading in agreed.text
    assert heading not in not_agreed.text
    assert "Stop tips" in agreed.text
    assert "Stop tips" not in not_agreed.text
    assert "One thing to do" in not_agreed.text


def test_only_the_last_mail_holds_a_sponsor_and_only_for_those_who_agreed(
    layout: Layout, values: Values
) -> None:
    holding = [file for file in EMAILS if "::: sponsor" in body_of(file)]
    assert [file.stem for file in holding] == ["easing-back"]
    email = compiled(holding[0], layout)
    assert "sponsor" not in email.render({**values, "sponsor_agreed": ""}).text.lower()


def test_age_is_a_paragraph_and_never_in_a_subject(layout: Layout, values: Values) -> None:
    email = compiled(TEMPLATES / "email" / "back-pain.md", layout)
    young, middle, older, family = (
        email.render({**values, "ages": ages}).text for ages in ("18-29", "30-49", "50-plus", "30-49 50-plus")
    )
    paragraphs = ("In your thirties or forties?", "Fifty or over?")
    assert [[words in text for words in paragraphs] for text in (young, middle, older, family)] == [
        [False, False], [True, False], [False, True], [True, True],
    ]  # fmt: skip
    for file in EMAILS:
        assert not re.search(r"age|old|fift|thirt|man\b|woman", compiled(file, layout).front.subject.text)


# Readability: the grade of Flesch and Kincaid is the school year (US) that can read a text; year 6 is age 11 to 12.

MOST_GRADE, MOST_WORDS = 6.5, 32


def sentences(file: Path) -> list[str]:
    """The sentences of a body, without tags, marks and box lines; an item of a list is a sentence."""
    text = re.sub(r"\{%.*?%\}|^:::.*$|^#.*$", "\n\n", body_of(file), flags=re.MULTILINE)
    text = re.sub(r"\{\{.*?\}\}", "Reigate", re.sub(r"\]\([^)]*\)", "", text))
    parts = re.split(r"(?<=[.!?:])\s+|\n\s*\n|\n(?=- |\d\. )", re.sub(r"[*\[]", "", text))
    return [part for part in parts if re.search(r"[a-z]", part)]


def syllables(word: str) -> int:
    groups = len(re.findall(r"[aeiouy]+", word.lower()))
    silent = bool(re.search(r"[^aeiouyl]e(s|d)?$", word.lower())) and groups > 1
    return max(1, groups - silent)


def grade(found: list[str]) -> float:
    words = [word for sentence in found for word in re.findall(r"[A-Za-z’']+", sentence)]
    return 0.39 * len(words) / len(found) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


@every_message
def test_a_twelve_year_old_can_read_it(file: Path) -> None:
    found = sentences(file)
    assert grade(found) <= MOST_GRADE
    assert max(len(sentence.split()) for sentence in found) <= MOST_WORDS


def test_the_measure_of_reading_tells_hard_from_easy() -> None:
    easy = ["The cat sat on the mat.", "It was a big cat."]
    hard = [
        "Overconsumption of hypotonic fluid precipitates hyponatraemia in susceptible endurance participants."
    ]
    assert grade(easy) < 2
    assert grade(hard) > 15


@every_email
def test_an_email_is_short_and_says_one_thing(file: Path, layout: Layout, values: Values) -> None:
    body = body_of(file)
    assert body.count("::: do\n") == 1
    assert len(re.findall(r"\w+", body)) <= 480
    email = compiled(file, layout)
    subject = email.render(values).subject
    assert len(subject) <= 60
    assert "!" not in subject
    assert 20 <= len(email.front.preheader.text) <= 100
