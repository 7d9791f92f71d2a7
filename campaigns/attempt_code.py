"""One attempt at a delivery in a word that a provider gives back: `<delivery's token>.<claim number>`. Pure."""

from uuid import UUID

from campaigns import view_link


def code_of(token: UUID, attempt: int) -> str:
    """One attempt in a word of letters, digits, "-", "_" and a point."""
    return f"{view_link.code_of(token)}.{attempt}"


def read(code: str) -> tuple[UUID, int] | None:
    """Token and attempt of such a word; None for what was never made here."""
    word, _, number = code.strip().partition(".")
    token = view_link.token_of(word)
    if token is None or not (number.isascii() and number.isdigit()) or len(number) > 6:
        return None
    return token, int(number)
