"""A mail's text part on a page: headings without underlines, paragraphs without the breaks of a mail program."""

from __future__ import annotations

import pytest

from campaigns.web.organiser.mail_words import Block, blocks

MAIL = """Heat alert for Run Reigate
==========================

29°C is forecast. The race goes on, but please run it differently today
than you had planned.

- Wear a cap and light clothes, and put on sun cream before you leave for
  the start.
- Drink when you are thirsty.

Get help now
------------

Dizzy or confused? Stop and call 999.

----------------------------------------------------------------------

Run Reigate Ltd
1 Example Street
Reigate RH2 0AA
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_mail_is_read_in_blocks(ends: str) -> None:
    assert list(blocks(MAIL.replace("\n", ends))) == [
        Block(True, "Heat alert for Run Reigate"),
        Block(
            False,
            "29°C is forecast. The race goes on, but please run it differently today than you had planned.",
        ),
        Block(
            False,
            "- Wear a cap and light clothes, and put on sun cream before you leave for the start.\n"
            "- Drink when you are thirsty.",
        ),
        Block(True, "Get help now"),
        Block(False, "Dizzy or confused? Stop and call 999."),
        Block(False, "Run Reigate Ltd\n1 Example Street\nReigate RH2 0AA"),
    ]


def test_a_heading_of_two_lines_is_one() -> None:
    assert list(blocks("A heading\nof two lines\n============\n")) == [Block(True, "A heading of two lines")]


@pytest.mark.parametrize("text", ["", "\n", "a - b", "-"])
def test_nothing_is_lost_of_other_texts(text: str) -> None:
    assert "".join(block.words for block in blocks(text)) == text.strip("\n")


def test_a_long_word_that_stood_alone_in_its_line_stays_with_its_sentence() -> None:
    address = "https://example.org/" + "x" * 60
    assert list(blocks(f"All is said at\n{address}\nand nowhere else.")) == [
        Block(False, f"All is said at {address} and nowhere else.")
    ]
