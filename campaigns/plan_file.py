"""A plan as the text of its file: what `plan.load_plan` reads back to an equal plan.

Pure, as `plan` is: no Django and no database.
"""

from __future__ import annotations

import json

from campaigns.plan import Plan, PlannedAlert, PlannedStep
from campaigns.schedule import written_duration


def written(plan: Plan) -> str:
    """The plan as TOML. What has its usual value is left out, as a person would leave it out."""
    head = [f"name = {_text(plan.name)}", f"quiet_hours = {_text(str(plan.quiet_hours or 'off'))}"]
    parts = ["\n".join(head), *(_step(step) for step in plan.steps)]
    if plan.catch_up:
        parts.append(f"[catch_up]\ntemplate = {_text(plan.catch_up.template)}")
    parts += [_alert(alert) for alert in plan.alerts]
    return "\n\n".join(parts) + "\n"


def _step(step: PlannedStep) -> str:
    values: dict[str, str | bool] = {
        "name": step.name,
        "channel": step.channel,
        "template": step.template,
        "when": str(step.when),
        "audience": step.audience,
        "purpose": step.purpose,
        "latest": written_duration(step.latest),
        "late_entrants": step.late_entrants,
        "fallback": step.fallback,
        "per": step.per,
        "quiet_exempt": step.quiet_exempt,
        "enabled": step.enabled,
    }
    usual = {
        "latest": "24 h",
        "late_entrants": "catch-up",
        "fallback": "",
        "per": "entrant" if step.purpose == "service" else "address",
        "quiet_exempt": False,
        "enabled": True,
    }
    return "[[step]]\n" + _lines({key: value for key, value in values.items() if value != usual.get(key)})


def _alert(alert: PlannedAlert) -> str:
    values = {
        "name": alert.name,
        "email": alert.email,
        "sms": alert.sms,
        "expires": written_duration(alert.expires),
    }
    return "[[alert]]\n" + _lines({key: value for key, value in values.items() if value})


def _lines(values: dict[str, str | bool]) -> str:
    return "\n".join(
        f"{key} = {str(value).lower() if isinstance(value, bool) else _text(value)}"
        for key, value in values.items()
    )


def _text(value: str) -> str:
    """A basic string of TOML: as JSON writes one, and DEL, which TOML does not allow in it, escaped as well."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
