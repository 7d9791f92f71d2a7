"""The token in a link that shows an email in the browser."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import view_link


@given(st.uuids())
def test_a_token_makes_a_link_of_22_characters_and_back(token: UUID) -> None:
    code = view_link.code_of(token)
    assert len(code) == 22
    assert view_link.token_of(code) == token


@pytest.mark.parametrize("code", ["", "x", "a" * 21, "a" * 23, "ä" * 22, "!" * 22, "." * 22])
def test_what_cannot_be_a_link_of_ours_names_no_token(code: str) -> None:
    assert view_link.token_of(code) is None


def test_a_token_has_one_spelling() -> None:
    code = view_link.code_of(uuid4())
    last = chr(ord(code[-1]) + 1)  # its lowest bits are padding
    assert view_link.token_of(code[:-1] + last) is None
