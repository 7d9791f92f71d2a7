"""Which of the texts that Twilio has are the ones in doubt. Pure: numbers, words and times come in, pairs go out."""

from collections.abc import Callable, Collection, Sequence

from campaigns.channels.twilio_look_ups import Found
from campaigns.ledger import Doubt


def matched(
    doubts: Sequence[Doubt], texts: Sequence[Found], known: Collection[str], hash_of: Callable[[str], str]
) -> dict[int, Found]:
    """For each doubt that a text proves, that text, by the doubt's delivery.

    It is counts that are matched: siblings on one phone get equal words, so two doubts need two texts. A text
    that is accounted for (`known` sids), or older than the doubt, proves nothing. A doubt whose words are
    not known takes what no other claims.
    """
    left = [text for text in texts if text.sid not in known]
    found: dict[int, Found] = {}
    for doubt in sorted(doubts, key=lambda doubt: (not doubt.body_hash, doubt.since, doubt.delivery)):
        text = next((text for text in reversed(left) if _fits(doubt, text, hash_of)), None)
        if text is not None:
            left.remove(text)
            found[doubt.delivery] = text
    return found


def _fits(doubt: Doubt, text: Found, hash_of: Callable[[str], str]) -> bool:
    if text.created_at is not None and text.created_at < doubt.since:
        return False
    return not doubt.body_hash or hash_of(text.body) == doubt.body_hash
