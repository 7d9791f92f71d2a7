"""What the content tests share: the real layout, an entrant, and short ways to compile a message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns.content import (
    PLACEHOLDERS,
    Brand,
    CompiledEmail,
    CompiledSms,
    Layout,
    Review,
    Station,
    compile_email,
    compile_sms,
)

TEMPLATES = Path(__file__).parents[2] / "templates"


@pytest.fixture(scope="session")
def layout() -> Layout:
    folder = TEMPLATES / "layouts"
    return Layout((folder / "email.html").read_text("utf-8"), (folder / "email.txt").read_text("utf-8"))


@pytest.fixture
def values() -> dict[str, str]:
    """An entrant for whom everything is known."""
    return {name: placeholder.example for name, placeholder in PLACEHOLDERS.items()}


@pytest.fixture(scope="session")
def email_of(layout: Layout) -> Callable[..., CompiledEmail]:
    """Compile an email from a body; the head has what is required, keywords add to it or replace it."""

    def compile_body(
        body: str,
        *,
        frame: Layout = layout,
        brand: Brand | None = None,
        review: Review | None = None,
        station: Station | None = None,
        **head: str,
    ) -> CompiledEmail:
        fields = {
            "topic": "A topic",
            "purpose": "tips",
            "subject": "A subject",
            "preheader": "Before",
            **head,
        }
        return compile_email(
            "sample", _source(body, fields), frame, brand=brand, review=review, station=station
        )

    return compile_body


@pytest.fixture(scope="session")
def sms_of() -> Callable[..., CompiledSms]:
    """Compile a text from its body; keywords as for `email_of`."""

    def compile_body(body: str, **head: str) -> CompiledSms:
        fields = {"topic": "A topic", "purpose": "service", **head}
        return compile_sms("sample", _source(body, fields))

    return compile_body


def _source(body: str, fields: dict[str, str]) -> str:
    return "\n".join(["---", *(f"{key}: {value}" for key, value in fields.items()), "---", body])
