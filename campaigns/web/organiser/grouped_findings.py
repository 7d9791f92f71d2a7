"""What a look has found, as its page lists it: once for all steps of which it is true, with the way to its cure."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.preflight import Report, Severity
from campaigns.preflight.findings import Finding

WAYS = {
    "minor": ("entrants-waiting", "", "See who waits"),
    "held": ("entrants-waiting", "", "See who is held"),
    "missing_value": ("event", "#details", "The page of the event"),
    "reply_to": ("event", "#contact", "The page of the event"),
    "sign_off": ("messages", "", "All messages and their sign-offs"),
}
"""By a finding's code, the name of the page on which it is put right, the place on it, and how the link is called."""


@dataclass(frozen=True)
class Group:
    """One sentence and the steps that it is true of; none where it concerns the whole campaign."""

    words: str
    steps: list[str]
    way: tuple[str, str, str] | None


def grouped(report: Report, kind: Severity) -> list[Group]:
    """The findings of one severity in their order, each sentence once."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in report.findings:
        if one.severity == kind:
            groups.setdefault((one.code, one.words), []).append(one)
    return [
        Group(said, [one.step for one in alike if one.step], WAYS.get(code))
        for (code, said), alike in groups.items()
    ]
