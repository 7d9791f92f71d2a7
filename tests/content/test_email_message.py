"""A compiled email: data is never markup, the frame says what it must, and nothing is fetched."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape

from campaigns.content import (
    Brand,
    CompiledEmail,
    ContentError,
    Layout,
    MissingValue,
    Review,
    Station,
    compile_email,
)
from campaigns.content.placeholders import PLACEHOLDERS, clean

TEMPLATES = Path(__file__).parents[2] / "templates"
EmailOf = Callable[..., CompiledEmail]
Values = dict[str, str]

BODY = "# Hello {{ names }}\n\nDear {{ names }}, [see]({{ info_url }}).\n\n::: do\n- **{{ names }}**\n:::"
NASTY = [
    "{{ 7*7 }}",
    "{% if x %}",
    "{#",
    "<script>alert(1)</script>",
    "</title><b>",
    '"><img src=x>',
    "'",
    "\r\nBcc: a@b",
    "\u202e",
    "\u200f",
    "&lt;",
    "xjv00000jx",
    "O'Neill",
    "**b**",
    "[x](y)",
    "\x00",
    ".\r\n.\r\n",
]
NAMES = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=20)), min_size=1, max_size=4).map("".join)


def examples() -> Values:
    return {name: placeholder.example for name, placeholder in PLACEHOLDERS.items()}


@pytest.fixture(scope="module")
def greeting(email_of: EmailOf) -> CompiledEmail:
    return email_of(BODY, subject='"For {{ names }}"')


@given(name=NAMES)
@settings(max_examples=200, deadline=None)
def test_a_name_is_only_a_name(greeting: CompiledEmail, name: str) -> None:
    plain = greeting.render({**examples(), "names": "Qqqq"})
    odd = greeting.render({**examples(), "names": name, "first_name": ""})
    shown = clean(name) or "there"
    assert odd.html == plain.html.replace("Qqqq", str(escape(shown)))
    assert odd.text == plain.text.replace("Qqqq", shown)
    assert odd.subject == plain.subject.replace("Qqqq", shown)
    assert "\n" not in odd.subject
    assert "\r" not in odd.subject
    assert "<script" not in odd.html


class Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Outline()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser.tags


def all_emails(layout: Layout) -> list[CompiledEmail]:
    return [
        compile_email(file.stem, file.read_text("utf-8"), layout)
        for file in (TEMPLATES / "email").glob("*.md")
    ]


def test_the_html_is_well_formed_accessible_and_fetches_nothing(layout: Layout) -> None:
    for email in all_emails(layout):
        html = email.render(examples()).html
        tags = outline(html)
        assert ("html", {"lang": "en-GB", "dir": "ltr", **_style(tags[0])}) == tags[0]
        assert [tag for tag, _ in tags].count("h1") == 1
        assert all(attrs.get("role") == "presentation" for tag, attrs in tags if tag == "table")
        assert not {"img", "link", "script", "iframe", "object", "form", "base"} & {tag for tag, _ in tags}
        assert not any(name in attrs for _, attrs in tags for name in ("src", "background", "srcset"))
        assert not re.search(r"url\(|@import|@font-face", html)
        assert {"name": "color-scheme", "content": "light dark"} in [
            attrs for tag, attrs in tags if tag == "meta"
        ]
        assert "@media (prefers-color-scheme: dark)" in html
        assert not re.search(r"#(000|FFF)(000|FFF)?\b", html, re.IGNORECASE)
        assert len(html.encode()) < 60_000
        assert html.startswith("<!DOCTYPE html>")


def _style(tag: tuple[str, dict[str, str | None]]) -> dict[str, str | None]:
    return {"style": tag[1]["style"]} if "style" in tag[1] else {}


def test_css_is_inlined(email_of: EmailOf, values: Values) -> None:
    tags = outline(email_of("# T\n\nLead.\n\nSecond.").render(values).html)
    styles = [attrs.get("style") or "" for tag, attrs in tags if tag in ("h1", "p")]
    assert all("font-size" in style and "line-height" in style for style in styles)
    assert len(set(styles)) > 2


def test_a_layout_cannot_make_us_fetch_or_read(email_of: EmailOf, values: Values) -> None:
    frame = (
        '<html><head><link rel="stylesheet" href="http://127.0.0.1:9/x.css">'
        '<link rel="stylesheet" href="file:///etc/passwd"></head><body>[[ body ]]</body></html>'
    )
    rendered = email_of("# T", frame=Layout(frame, "[[ body ]]")).render(values)
    assert "root:" not in rendered.html


@pytest.mark.parametrize(("purpose", "words"), [("tips", "Stop tips"), ("sponsor", "Stop these emails")])
def test_what_needs_consent_says_near_the_top_and_in_the_foot_how_to_stop_it(
    email_of: EmailOf, values: Values, purpose: str, words: str
) -> None:
    rendered = email_of("# T\n\nA.", purpose=purpose).render(values)
    link = f'<a href="{values["unsubscribe_url"]}"'
    above, below = rendered.html.split("<h1")
    assert link in above
    assert link in below
    assert above.count(words) == below.count(words) == 1
    assert rendered.text.count(f"{words}: {values['unsubscribe_url']}") == 2


def test_a_service_message_offers_no_stop_link(email_of: EmailOf, values: Values) -> None:
    email = email_of("# T\n\nA.", purpose="service")
    assert "unsubscribe_url" not in email.placeholders
    rendered = email.render({**values, "unsubscribe_url": ""})
    assert "Stop" not in rendered.html + rendered.text
    assert "You get this because you entered the 10K and Half Marathon" in rendered.html


def test_a_tips_email_without_a_stop_link_is_never_made(email_of: EmailOf, values: Values) -> None:
    with pytest.raises(MissingValue) as caught:
        email_of("# T\n\nA.").render({**values, "unsubscribe_url": ""})
    assert caught.value.placeholder == "unsubscribe_url"


def test_the_foot_names_sender_sources_and_review(email_of: EmailOf, values: Values) -> None:
    sources = "[{title: 'A & B', url: 'https://a.example/?x=1&y=2', read: 2026-11}]"
    review = Review("Dr A. Example, GP", date(2027, 7, 1))
    signed = email_of("# T\n\nA.", health="true", sources=sources, review=review).render(values)
    for part in (signed.html, signed.text):
        assert "Reviewed by Dr A. Example, GP on 1 Jul 2027." in part
        assert values["organiser_name"] in part
        assert values["organiser_address"] in part
        assert values["preferences_url"] in part
        assert "general information, not a diagnosis" in part
        assert "999" in part
        assert "111" in part
        assert "read Nov 2026" in part
    assert "A &amp; B" in signed.html
    assert "- A & B, read Nov 2026:\n  https://a.example/?x=1&y=2" in signed.text


def test_an_unsigned_message_says_nothing_of_a_review(email_of: EmailOf, values: Values) -> None:
    rendered = email_of("# T\n\nA.").render(values)
    assert "eview" not in rendered.html + rendered.text


def test_only_health_advice_carries_the_disclaimer(email_of: EmailOf, values: Values) -> None:
    rendered = email_of("# T\n\nA.").render(values)
    for part in (rendered.html, rendered.text):
        assert "diagnosis" not in part
        assert "Where this comes from" not in part


def test_the_subject_is_title_and_the_preheader_is_hidden(email_of: EmailOf, values: Values) -> None:
    html = (
        email_of("# T\n\nA.", subject='"Hi <{{ names }}> & co"', preheader='"{{ bib }} < 5"')
        .render(values)
        .html
    )
    assert "<title>Hi &lt;Ana, Ben and Zoë&gt; &amp; co</title>" in html
    preheader = re.search(r'<div class="preheader" style="([^"]*)">12345 &lt; 5</div>', html)
    assert preheader
    assert "display: none" in preheader[1]


def test_the_event_colour_fills_the_band(email_of: EmailOf, values: Values) -> None:
    html = email_of("# T", brand=Brand("#FFC93C")).render(values).html
    band = re.search(r'class="band" style="([^"]*)"', html)
    assert band
    assert Brand("#FFC93C").band in band[1]
    assert "#FFC93C" not in html


def test_a_fault_in_the_subject_has_its_place(email_of: EmailOf) -> None:
    with pytest.raises(ContentError, match=r"sample, line 4, column 17: there is no placeholder \"bob\""):
        email_of("# T", subject='"Hi {{ bob }}"')


def test_a_message_mail_programs_would_cut_is_refused(email_of: EmailOf) -> None:
    paragraph = "word " * 700 + "\n\n"
    email_of("# T\n\n" + paragraph * 5)
    with pytest.raises(ContentError, match="longer than 20 KB"):
        email_of("# T\n\n" + paragraph * 6)
    links = "[w](https://example.org) " * 150 + "\n\n"  # each costs its style anew
    with pytest.raises(ContentError, match="over 60 KB"):
        email_of("# T\n\n" + links * 5)


def test_the_same_source_gives_the_same_email(email_of: EmailOf, values: Values) -> None:
    emails = [email_of(BODY).render(values) for _ in range(2)]
    assert emails[0] == emails[1]


def test_a_child_s_mail_says_for_whom_it_is(email_of: EmailOf, values: Values) -> None:
    rendered = email_of("# T\n\nA.").render(
        {**values, "names": "Ana", "race_names": "Kids Race", "minor": "yes"}
    )
    for part in (rendered.html, rendered.text):
        assert "You get this for Ana, entered in the Kids Race" in part
        assert "because you entered" not in part


# The course


def test_the_station_of_the_message_is_filled(email_of: EmailOf, values: Values) -> None:
    rendered = email_of("# T\n\nA.", station=Station(3, 10)).render(values)
    line = rendered.html.partition("</h1>")[2].partition("</table>")[0]
    assert line.count('class="stop') == 10
    assert (line.count("stop-here"), line.count("stop-passed"), line.count("leg-passed")) == (1, 2, 2)
    assert "3\xa0of\xa010" in line or "3&nbsp;of&nbsp;10" in line
    assert "Message 3 of 10" in rendered.text


def test_outside_the_plan_there_is_no_course(email_of: EmailOf, values: Values) -> None:
    rendered = email_of("# T\n\nA.").render(values)
    assert 'class="stop' not in rendered.html
    assert "Message" not in rendered.text


# Parts that need consent, and the button

TIPS = "# T\n\nNews.\n\n::: tips\n## A tip\n\nWalk.\n\n::: do\nWalk today.\n:::\n:::\n\nMore news."
SPONSOR = "# T\n\nA tip.\n\n::: sponsor\nShoes from [us](https://example.org).\n:::"


def test_tips_in_news_are_for_those_who_agreed_and_can_be_stopped(email_of: EmailOf, values: Values) -> None:
    email = email_of(TIPS, purpose="service")
    agreed, not_agreed = (email.render({**values, "tips_agreed": yes}) for yes in ("yes", ""))
    for part in (agreed.html, agreed.text):
        assert all(
            words in part for words in ("News.", "A tip", "Walk.", "Walk today.", "More news.", "Stop tips")
        )
        assert values["unsubscribe_url"] in part
    for part in (not_agreed.html, not_agreed.text):
        assert "News." in part
        assert "More news." in part
        assert not re.search("A tip|Walk|Stop tips", part)
    assert "\n\n\n" not in agreed.text + not_agreed.text
    at_the_end = email_of("# T\n\nNews.\n\n::: tips\nWalk.\n:::", purpose="service")
    assert (
        "\n\n\n" not in at_the_end.render(values).text + at_the_end.render({**values, "tips_agreed": ""}).text
    )


def test_a_sponsor_is_shown_to_those_who_agreed(email_of: EmailOf, values: Values) -> None:
    email = email_of(SPONSOR)
    agreed, not_agreed = (email.render({**values, "sponsor_agreed": yes}) for yes in ("yes", ""))
    for part in (agreed.html, agreed.text):
        assert "From our sponsor" in part
        assert "https://example.org" in part
    for part in (not_agreed.html, not_agreed.text):
        assert "A tip." in part
        assert "Shoes" not in part
        assert "From our sponsor" not in part


def test_news_carries_no_sponsor(email_of: EmailOf) -> None:
    with pytest.raises(ContentError, match=r"line 11.*news about the race may not carry a sponsor"):
        email_of(SPONSOR, purpose="service")


def test_a_button_is_a_link_with_room_for_a_thumb(email_of: EmailOf, values: Values) -> None:
    rendered = email_of("# T\n\n::: button\n[See it]({{ info_url }})\n:::").render(values)
    button = re.search(r"<a href=\"([^\"]*)\"[^>]*style=\"([^\"]*)\"[^>]*>See it", rendered.html)
    assert button
    assert button[1] == values["info_url"]
    assert "padding: 11px 24px" in button[2]
    assert "line-height: 22px" in button[2]
    assert f"See it ({values['info_url']})" in rendered.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("# T\n\n::: button\nWords.\n:::", "a button holds one link and nothing else"),
        ("# T\n\n::: button\n[a](https://a) [b](https://b)\n:::", "a button holds one link and nothing else"),
        (
            "# T\n\n::: button\n[a](https://a)\n:::\n\n::: button\n[b](https://b)\n:::",
            "a message has one button at most",
        ),
        ("# T\n\n::: tips\nA\n\n::: do\nB\n:::\n", "this box is never closed"),
    ],
)
def test_a_wrong_box_is_refused(email_of: EmailOf, body: str, words: str) -> None:
    with pytest.raises(ContentError, match=words):
        email_of(body)


# Attacks: each ends within a second, in a sentence (the bound has wide room: all take less than a fifth of it)

ATTACKS = {
    "Python": "{{ ''.__class__.__mro__ }}",
    "an endless loop": "{% for i in range(10 ** 9) %}x{% endfor %}",
    "ten megabytes": "x" * 10_000_000,
    "ten megabytes by one tag": "{{ 'x' * 10000000 }}",
    "brackets": "[" * 19_000,
    "brackets, paragraph after paragraph": ("[" * 3_900 + "\n\n") * 5,
    "escapes, paragraph after paragraph": ("\\[" * 1_900 + "\n\n") * 5,
    "stars": ("*a **b _c " * 390 + "\n\n") * 5,
    "lines": "a\n\n" * 6_000,
    "items": "- a\n" * 5_000,
    "conditions": "{% if bib %}" * 500 + "{% endif %}" * 500,
    "boxes": "::: tips\n" * 900,
}


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_an_attack_is_over_in_a_second(email_of: EmailOf, values: Values, attack: str) -> None:
    begun = time.process_time()
    said = ""
    try:
        rendered = email_of(f"# T\n\n{ATTACKS[attack]}").render(values)
        assert len(rendered.html.encode()) < 100_000
    except ContentError as error:
        said = str(error)
    assert len(said) < 300
    assert "\n" not in said
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("subject", ["'A\\r\\nBcc: a@b'", '"A\\r\\nBcc: a@b"', '"A\\u2028B"'])
def test_a_subject_with_a_line_break_is_refused(email_of: EmailOf, subject: str) -> None:
    if subject.startswith("'"):  # in single quotes YAML knows no escapes: these are plain letters
        assert "\n" not in email_of("# T\n\nA.", subject=subject).front.subject.text
        return
    with pytest.raises(ContentError, match="subject must be one line of text"):
        email_of("# T\n\nA.", subject=subject)
