"""Reads settings from the environment; a secret may also stand in a file named by NAME_FILE."""

import os
import secrets
from decimal import Decimal, InvalidOperation
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

SERVICE_VARIABLE = "AIDSTATION_SERVICE"
"""The variable by which a process knows the name that it connects to Redis under."""


def text(name: str, default: str = "") -> str:
    """The variable `name`, or the content of the file that NAME_FILE names, or `default`."""
    if file := os.environ.get(f"{name}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(
                f"{name}_FILE names {file}, which cannot be read ({error.strerror}): "
                f"correct the path, or set {name} instead."
            ) from error
    return os.environ.get(name, "").strip() or default


def rate(name: str) -> float | None:
    """Messages (or segments) per second, None for no limit."""
    value = text(name)
    if not value:
        return None
    try:
        number = float(value)
    except ValueError:
        number = 0
    if number <= 0:
        raise ImproperlyConfigured(
            f"{name} is '{value}': give a number above 0 per second, or leave it unset."
        )
    return number


def count(name: str, default: int) -> int:
    """A whole number above 0."""
    value = text(name, str(default))
    if not value.isdecimal() or int(value) < 1:
        raise ImproperlyConfigured(
            f"{name} is '{value}': give a whole number above 0, or leave it unset for {default}."
        )
    return int(value)


def one_of(name: str, words: tuple[str, ...]) -> str:
    """One of these words, or '' when it is unset."""
    value = text(name)
    if value and value not in words:
        raise ImproperlyConfigured(f"{name} is '{value}': give {', '.join(words)}, or leave it unset.")
    return value


def price(name: str) -> Decimal | None:
    """An amount of money, None where none is given."""
    value = text(name)
    if not value:
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise ImproperlyConfigured(f"{name} is '{value}': give an amount such as 0.04, or leave it unset.")
    return amount


def several(name: str) -> list[str]:
    """Words with commas between them."""
    return [word.strip() for word in text(name).split(",") if word.strip()]


def web_address(name: str) -> str:
    """An address of the web, or '' when it is unset."""
    value = text(name)
    if value and not value.startswith(("https://", "http://")):
        raise ImproperlyConfigured(f"{name} is not a web address: give https://…, or leave it unset.")
    return value


def flag(name: str) -> bool:
    """Whether the variable is set to 1, true or yes."""
    return text(name).lower() in {"1", "true", "yes"}


def home() -> Path:
    """Where embedded data and generated keys live."""
    return Path(text("AIDSTATION_HOME", "var")).resolve()


def key(name: str) -> str:
    """A secret from the environment, else one made once and kept in the home folder, readable by its owner alone."""
    if value := text(name):
        return value
    file = home() / "keys" / name.lower()
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(file, secrets.token_urlsafe(48))
    return file.read_text(encoding="utf-8").strip()


def _write_once(file: Path, value: str) -> None:
    """Writes a new file so that of two processes at once, both end with the same content."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(value, encoding="utf-8")
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
