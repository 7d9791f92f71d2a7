"""How pages say how long a text is, without a word of the networks' own."""

import pytest

from campaigns.web.organiser import words


@pytest.mark.parametrize(
    ("parts", "units", "encoding", "said"),
    [
        (1, 156, "GSM-7", "One text: 156 of 160 characters"),
        (2, 200, "GSM-7", "You pay for 2 texts: 200 of 306 characters"),
        (1, 70, "UCS-2", "One text: 70 of 70 characters"),
        (3, 150, "UCS-2", "You pay for 3 texts: 150 of 201 characters"),
    ],
)
def test_how_full_a_text_is(parts, units, encoding, said):
    assert words.length(parts, units, encoding) == said


def test_texts_that_count_more_than_once_say_so():
    assert words.texts(366, 366) == "366 texts"
    assert words.texts(1, 1) == "1 text"
    assert words.texts(366, 732) == "366 texts (you pay for 732: long ones count as several)"


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("start - 120 min", "2 hours before each runner’s own start"),
        ("start + 45 min", "45 minutes after each runner’s own start"),
        ("start", "at each runner’s own start"),
        ("12 days before, 10:00", ""),
        ("", ""),
    ],
)
def test_a_time_that_hangs_on_the_start_is_said_in_words(when, said):
    assert words.own_start(when) == said
