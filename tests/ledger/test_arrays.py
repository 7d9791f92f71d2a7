"""Lists on their way to Postgres: what arrives is what was sent."""

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.ledger import arrays

ODD = [
    "",
    "NULL",
    "null",
    '"',
    '\\"',
    "\\",
    "a,b",
    "{}",
    "{a}",
    " a ",
    "250 2.0.0 Ok: queued as 4F",
    "%s",
    "'",
    "é\n",
]


def through_postgres(literal, kind):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [literal])
        return cursor.fetchone()[0]


@pytest.mark.parametrize("words", [[], [""], ODD, ODD[::-1], ["plain", "words"]])
def test_words_arrive_as_they_are(db, words):
    assert through_postgres(arrays.words(words), "text") == words


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
@settings(max_examples=60, deadline=None)
@pytest.mark.django_db
def test_any_words_arrive_as_they_are(words):
    assert through_postgres(arrays.words(words), "text") == words


@pytest.mark.parametrize("numbers", [[], [0], [1, None, -3, 2**62], [None]])
def test_numbers_arrive_as_they_are(db, numbers):
    assert through_postgres(arrays.numbers(numbers), "bigint") == numbers
