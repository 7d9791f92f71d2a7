"""The head of a message: what must stand in it and how its faults are told."""

from __future__ import annotations

import pytest

from campaigns.content import ContentError
from campaigns.content.front_matter import FrontMatter, read_email_head, read_text_head, split

HEAD = """topic: Back
purpose: tips
subject: "Hello {{ names }}"
preheader: Soon
health: true
safety: back
sources:
  - title: NICE
    url: https://www.nice.org.uk/guidance/ng59
    read: 2026-11
"""


def read(head: str) -> FrontMatter:
    return read_email_head(split("sample", f"---\n{head}---\nbody")[0])


def test_reads_what_it_says() -> None:
    front = read(HEAD)
    assert (front.topic, front.purpose, front.health, front.safety) == ("Back", "tips", True, "back")
    assert front.subject.text == "Hello {{ names }}"
    assert (front.subject.first_line, front.subject.first_column) == (4, 11)
    assert front.sources[0].read_on == "Nov 2026"


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm() -> None:
    head, body = split("sample", "\ufeff---\r\ntopic: a\r\n---\r\nb\r\n")
    assert (head.text, body.text, body.first_line) == ("topic: a", "b\n", 4)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("topic: Back\n", "", "the head needs a topic"),
        ('subject: "Hello {{ names }}"\n', "", "the head needs a subject"),
        ("topic: Back", "topci: Back", 'line 2: the head knows no "topci"; did you mean "topic"?'),
        ("purpose: tips", "purpose: ads", "line 3: purpose must be one of: service, tips, sponsor"),
        ("health: true", 'health: "yes"', "line 6: health must be true or false"),
        ("safety: back", "safety: knee", "line 7: safety must be one of: general, back"),
        ("preheader: Soon", "preheader: |\n  Soon\n  later", "line 5: preheader must be one line"),
        ('"Hello {{ names }}"', '"Hello\\nBcc: x"', "line 4: subject must be one line"),
        ("preheader: Soon", "preheader: [1]", "line 5: preheader must be one line"),
        ("preheader: Soon", "preheader: {{ names }}", "line 5"),
        ("https://www", "http://www", "must start with https://"),
        ("read: 2026-11", "read: last week", "must be a month such as 2026-11"),
        ("read: 2026-11", "read: 2026-13", "must be a month such as 2026-11"),
        ("    read: 2026-11\n", "", "each source has a title, a url and read"),
        ("title: NICE", "title: '{{ names }}'", "may hold no placeholder"),
        ("title: NICE", "title: [a]", "each source has a title, a url and read"),
        ("topic: Back", "topic: [", "the head cannot be read"),
        ("topic: Back", "topic: !!python/name:os.system", "the head cannot be read"),
    ],
)
def test_faults_are_told_with_their_line(old: str, new: str, words: str) -> None:
    assert old in HEAD
    with pytest.raises(ContentError) as caught:
        read(HEAD.replace(old, new))
    assert words in str(caught.value)
    assert str(caught.value).startswith("sample, line")


def test_health_advice_without_a_source_is_refused() -> None:
    with pytest.raises(ContentError, match="needs at least one source"):
        read(HEAD.split("sources:")[0])


@pytest.mark.parametrize("text", ["# no head", "", "---\ntopic: a\n", "--- x\n---\n"])
def test_a_missing_or_open_head_is_refused(text: str) -> None:
    with pytest.raises(ContentError, match="---"):
        split("sample", text)


@pytest.mark.parametrize("head", ["- a\n", "1: a\n", "words\n", "[" * 3000 + "\n", "a: 2026-99-99\n"])
def test_a_head_that_is_no_list_of_keys_is_refused(head: str) -> None:
    with pytest.raises(ContentError):
        read(head)


def test_a_text_has_no_subject() -> None:
    with pytest.raises(ContentError, match='knows no "subject"'):
        read_text_head(split("sample", "---\ntopic: a\npurpose: tips\nsubject: b\n---\n")[0])
