"""Which texts prove which doubts: by words, by counts, and never one that is another's."""

from datetime import timedelta

from people import DUE

from campaigns.channels.twilio_look_ups import Found
from campaigns.ledger import Doubt
from campaigns.receipts.evidence import matched

MINUTE = timedelta(minutes=1)


def doubt(delivery: int, words: str = "Hello", since=DUE) -> Doubt:
    return Doubt(delivery, 1, words and f"hash of {words}", since, 0)


def text(sid: str, words: str = "Hello", at=DUE + MINUTE) -> Found:
    return Found(sid, "sent", "", words, at)


def pairs(doubts, texts, known=()) -> dict[int, str]:
    found = matched(doubts, texts, known, lambda words: f"hash of {words}")
    return {delivery: text.sid for delivery, text in found.items()}


def test_the_same_words_since_then_prove_a_doubt():
    assert pairs([doubt(1)], [text("A")]) == {1: "A"}


def test_other_words_prove_nothing():
    assert pairs([doubt(1)], [text("A", "Hello Ben")]) == {}


def test_a_text_from_before_proves_nothing():
    assert pairs([doubt(1)], [text("A", at=DUE - MINUTE)]) == {}


def test_a_text_that_is_accounted_for_proves_nothing():
    """A sibling on the same phone got the same words, and that one's sid we know."""
    assert pairs([doubt(1)], [text("A")], known={"A"}) == {}
    assert pairs([doubt(1)], [text("B"), text("A")], known={"A"}) == {1: "B"}


def test_two_doubts_with_the_same_words_need_two_texts():
    assert len(pairs([doubt(1), doubt(2)], [text("A")])) == 1
    assert set(pairs([doubt(1), doubt(2)], [text("A"), text("B")]).values()) == {"A", "B"}


def test_a_doubt_of_unknown_words_takes_what_no_other_claims():
    assert pairs([doubt(1, ""), doubt(2)], [text("A")]) == {2: "A"}
    assert pairs([doubt(1, ""), doubt(2)], [text("B", "Anything"), text("A")]) == {1: "B", 2: "A"}


def test_nothing_found_proves_nothing():
    assert pairs([doubt(1)], []) == {}
