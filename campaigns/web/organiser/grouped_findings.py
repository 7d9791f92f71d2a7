"""What a look has found, as its page lists it: once for all steps of which it is true, with the way to its cure."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.models.words import Channel
from campaigns.preflight import Report, Severity
from campaigns.preflight.findings import Finding, StepFigures
from campaigns.said import topic


@dataclass(frozen=True)
class Way:
    """A page of the event on which something is put right, its further arguments, the place on it, the link's words."""

    page: str
    args: tuple[str, ...]
    place: str
    words: str


WAYS = {
    "minor": Way("entrants-waiting", (), "", "See who waits"),
    "held": Way("entrants-waiting", (), "", "See who is held"),
    "child_number": Way("entrants", (), "", "Find a child to add the guardian's number"),
    "missing_value": Way("event", (), "#details", "The page of the event"),
    "reply_to": Way("event", (), "#contact", "The page of the event"),
    "sign_off": Way("messages", (), "", "All messages and their sign-offs"),
}
"""By a finding's code, where it is put right for all steps."""

ADDRESSES = Way("list-new", (), "", "Bring in a list that has what is missing")

TIMES = ("at_once", "emails_a_week", "quiet_hours", "too_slow", "too_late")
"""Codes of what another time for the step puts right."""


@dataclass(frozen=True)
class Group:
    """One sentence and the steps that it is true of; none where it concerns the whole campaign."""

    words: str
    steps: list[str]
    ways: list[Way]


def grouped(report: Report, kind: Severity, *, may_edit: bool) -> list[Group]:
    """The findings of one severity in their order, each sentence once; only who may edit is led to a step."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in report.findings:
        if one.severity == kind:
            groups.setdefault((one.code, one.words), []).append(one)
    return [
        Group(said, steps, _ways(report, code, steps, may_edit))
        for (code, said), alike in groups.items()
        for steps in [[one.step for one in alike if one.step]]
    ]


def _ways(report: Report, code: str, steps: list[str], may_edit: bool) -> list[Way]:
    if code == "nobody" and may_edit:
        return _to_somebody(report, steps)
    if code in TIMES and may_edit:
        return [
            Way("step", (step,), "#id_when_number", f"Change the time of {topic(step)}") for step in steps
        ]
    return [WAYS[code]] if code in WAYS else []


def _to_somebody(report: Report, steps: list[str]) -> list[Way]:
    """What has these steps reach somebody: other people, or the addresses of those they are for."""
    found = [one for one in report.steps if one.name in steps]
    ways = [way for one in found if _lacks_mobiles(one) for way in _to_those_without_mobile(one)]
    ways += [
        Way("step", (step,), "#who", f"Change who gets {topic(step)}, or switch it off") for step in steps
    ]
    unknown = any(_lacks_mobiles(one) and one.children_without_mobile < one.audience for one in found)
    return [*ways, ADDRESSES] if unknown else ways


def _lacks_mobiles(one: StepFigures) -> bool:
    return bool(one.left_out["no_address"] or one.left_out["not_mobile"])


def _to_those_without_mobile(one: StepFigures) -> list[Way]:
    ways = [WAYS["child_number"]] if one.children_without_mobile else []
    if one.channel == Channel.SMS:
        ways.append(Way("step", (one.name,), "#id_fallback", f"Let {topic(one.name)} go by email"))
    return ways
