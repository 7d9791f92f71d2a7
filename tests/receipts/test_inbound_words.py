"""What a text asks for: people write "Stop please", and "where do I stop for water?"."""

import pytest

from campaigns.receipts.inbound_words import is_urgent, kind_of, twilio_answers


@pytest.mark.parametrize(
    "body",
    ["STOP", "stop", "Stop!", " Stop. ", "stop please", "Please stop", "STOPALL", "Unsubscribe", "CANCEL", "End",
     "QUIT", "revoke", "OPTOUT", "opt out", "Opt-out please", "stop texting me", "Please stop these messages",
     "stop stop stop", "I want to stop all texts", "unsubscribe me", "Hi, please stop sending me texts, thanks"],
)  # fmt: skip
def test_words_that_stop(body):
    assert kind_of(body) == "stop"


@pytest.mark.parametrize(
    "body",
    ["Where do I stop for water?", "Is there an end of race bus?", "I had to cancel my entry", "don't stop", "bus stop",
     "I can't stop coughing", "quit the 10K?", "", "👍", "?", "Stop at mile 3 is wet", "help me", "info on parking"],
)  # fmt: skip
def test_words_that_are_just_words(body):
    assert kind_of(body) == "text"


@pytest.mark.parametrize(
    ("body", "kind"),
    [("START", "start"), ("Yes", "start"), ("unstop!", "start"), ("HELP", "help"), ("Info?", "help")],
)
def test_words_that_start_and_ask(body, kind):
    assert kind_of(body) == kind


def test_what_twilio_made_of_it_counts():
    assert kind_of("arrêt", "STOP") == "stop"
    assert kind_of("anything", "Nonsense") == "text"


@pytest.mark.parametrize(
    "body",
    ["My chest hurts", "chest pain at mile 8", "He collapsed", "She has COLLAPSED!", "call 999?", "can't breathe",
     "Help me", "he fainted", "unconscious runner at the bridge", "is it a heart attack"],
)  # fmt: skip
def test_words_that_a_life_may_hang_on(body):
    assert is_urgent(body)


@pytest.mark.parametrize(
    "body", ["Where is parking?", "my number is 1999", "orchestra", "STOP", "Great race!"]
)
def test_words_that_no_life_hangs_on(body):
    assert not is_urgent(body)


def test_twilio_answers_bare_keywords_itself():
    assert twilio_answers("STOP", "")
    assert twilio_answers(" start ", "")
    assert not twilio_answers("Stop!", "")
    assert not twilio_answers("HELP", "")
    assert twilio_answers("HELP", "HELP")
