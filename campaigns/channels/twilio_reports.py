"""What Twilio's later words about a text mean: statuses and error codes. Pure; knows no database.

Statuses: https://www.twilio.com/docs/messaging/api/message-resource#message-status-values. Codes:
https://www.twilio.com/docs/api/errors. Twilio adds words without notice: one that is not known here still
proves that the text was accepted, and no more.
"""

from enum import StrEnum

_FAILED = {"undelivered", "failed", "canceled"}
_DELIVERED = {"delivered", "read"}


class Fate(StrEnum):
    """What a status says of the text; the words of `models.receipts.Standing`."""

    ON_ITS_WAY = "on_its_way"
    AGAIN = "again"
    NOT_DELIVERED = "not_delivered"
    EXPIRED = "expired"
    DELIVERED = "delivered"


class Act(StrEnum):
    """What an error code asks for beyond this one text."""

    STOP = "stop"  # this person told the network to stop
    BAD_NUMBER = "bad_number"  # nobody is to write there again
    BLOCKED = "blocked"  # by carrier or person: twice is enough
    FILTERED = "filtered"  # taken for spam: the words are at fault
    ACCOUNT = "account"  # nothing will go until a person has seen to it


_EXPIRED = "30036"
_AGAIN = {"30001": (60, 120), "30003": (1800, 3600), "30008": (60, 120)}
"""Least and longest wait in seconds: queue full, phone off or out of reach, unknown reason."""

_ACTS = {
    "21610": Act.STOP,
    "30005": Act.BAD_NUMBER,
    "30006": Act.BAD_NUMBER,
    "21211": Act.BAD_NUMBER,
    "21614": Act.BAD_NUMBER,
    "21635": Act.BAD_NUMBER,
    "30004": Act.BLOCKED,
    "30007": Act.FILTERED,
    "30002": Act.ACCOUNT,
    "63038": Act.ACCOUNT,
}


def fate(status: str, code: str) -> Fate:
    """What a status with its error code ('' for none) says of the text."""
    if status in _DELIVERED:
        return Fate.DELIVERED
    if status not in _FAILED:
        return Fate.ON_ITS_WAY
    if code == _EXPIRED:
        return Fate.EXPIRED
    return Fate.AGAIN if code in _AGAIN else Fate.NOT_DELIVERED


def is_final(status: str) -> bool:
    """Whether Twilio will say no more of it."""
    return status in _DELIVERED | _FAILED


def retry_after(code: str, spread: int) -> int | None:
    """Seconds to wait before the one further try; None where no try is worth it.

    `spread` is any number of the text's own: it spreads the tries, and is the same whenever it is asked.
    """
    if code not in _AGAIN:
        return None
    least, longest = _AGAIN[code]
    return least + spread * 7_919 % (longest - least)


def act(code: str) -> Act | None:
    """What the code asks for beyond this text."""
    return _ACTS.get(code)
