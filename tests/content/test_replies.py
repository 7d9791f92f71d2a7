"""A text from a name never asks to be answered."""

import pytest

from campaigns.content import replies


@pytest.mark.parametrize(
    "words",
    [
        "Reply STOP to stop.",
        "Questions? Text us.",
        "Please reply",
        "Text back if you run.",
        "Send STOP to end",
    ],
)
def test_an_invitation_to_answer_a_name_is_a_problem(words: str) -> None:
    assert "nobody can answer a text from the name RunReigate" in replies.problem("RunReigate", words)


@pytest.mark.parametrize("sender", ["+447700900000", "60006", "MG" + "0" * 32, ""])
def test_a_number_can_be_answered(sender: str) -> None:
    assert replies.problem(sender, "Reply STOP to stop.") == ""


@pytest.mark.parametrize(
    "words", ["Stop at the aid station.", "The race will stop.", "{{ stop_url }}", "No replica kit."]
)
def test_other_words_are_fine(words: str) -> None:
    assert replies.problem("RunReigate", words) == ""
