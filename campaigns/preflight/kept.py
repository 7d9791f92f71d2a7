"""A preflight's report as plain values that survive JSON, and back."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from campaigns.preflight.findings import Finding, Report, Severity, StepFigures

_MOMENTS = ("first", "first_minute", "last_minute")


def plain(report: Report) -> dict[str, Any]:
    """For a JSON column: moments in ISO words, money as text."""
    return {
        "slug": report.slug,
        "event": report.event,
        "timezone": report.timezone,
        "day": report.day.isoformat(),
        "at": report.at.isoformat(),
        "price": _text(report.price),
        "steps": [_step(step) for step in report.steps],
        "findings": [asdict(found) for found in report.findings],
    }


def restored(values: dict[str, Any]) -> Report:
    """The report again."""
    return Report(
        slug=values["slug"],
        event=values["event"],
        timezone=values["timezone"],
        day=date.fromisoformat(values["day"]),
        at=datetime.fromisoformat(values["at"]),
        price=_decimal(values["price"]),
        steps=[_restored_step(step) for step in values["steps"]],
        findings=[_restored_finding(found) for found in values["findings"]],
    )


def _step(step: StepFigures) -> dict[str, Any]:
    values = asdict(step)
    moments = {name: moment.isoformat() for name in _MOMENTS if (moment := values[name])}
    return values | moments | {"left_out": dict(step.left_out), "cost": _text(step.cost)}


def _restored_step(values: dict[str, Any]) -> StepFigures:
    moments = {name: datetime.fromisoformat(values[name]) for name in _MOMENTS if values[name]}
    more = {"left_out": Counter(values["left_out"]), "cost": _decimal(values["cost"])}
    return StepFigures(**(values | moments | more))


def _restored_finding(values: dict[str, Any]) -> Finding:
    return Finding(
        **(values | {"severity": Severity(values["severity"]), "entrants": tuple(values["entrants"])})
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
