"""Addresses as keyed hashes: what suppressions and families are found by, without keeping the address itself."""

import hashlib
import hmac

from django.conf import settings

from campaigns.models import KeyCanary

CANARY = b"aid station suppression key"


class KeyChanged(Exception):
    """SUPPRESSION_KEY is not the one that the stored suppressions were made with."""


def address_hash(address: str) -> bytes:
    """The keyed hash (32 bytes) of a normalised email address or an E.164 number."""
    return _hash(address.encode())


def identity_hash(*parts: str) -> bytes:
    """The keyed hash (32 bytes) of what makes two rows of an entry list the same person."""
    return _hash("\x1f".join(parts).encode())


def words_hash(words: str) -> str:
    """The keyed hash of a message's words: it finds a text again whose answer was lost, and tells nothing of it."""
    return _hash(words.encode())[:16].hex()


def canary() -> bytes:
    """What SUPPRESSION_KEY makes of a fixed text: the same for the same key alone."""
    return _hash(CANARY)


def check_key() -> None:
    """Refuses a SUPPRESSION_KEY other than the first one used: with it every opt-out would be forgotten."""
    stored, _ = KeyCanary.objects.get_or_create(id=1, defaults={"value": canary()})
    if not hmac.compare_digest(bytes(stored.value), canary()):
        raise KeyChanged(
            "SUPPRESSION_KEY is not the key that this database's opt-outs were stored with: "
            "set the old key again (with another one nobody's opt-out would be found)."
        )


def _hash(data: bytes) -> bytes:
    return hmac.digest(settings.SUPPRESSION_KEY.encode(), data, hashlib.sha256)
