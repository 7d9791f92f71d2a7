"""Alerts of a small plan with short words of their own, for tests: written, loaded, armed, pressed."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import time_machine
from people import a_step, load

from campaigns import alerts
from campaigns.models import Alert, Campaign, Event
from campaigns.models.words import Channel

EMAIL = """---
topic: {name}
purpose: service
subject: "{name}: {words}"
preheader: Please read this now.
---

# {name}

{words}
"""
TEXT = "---\ntopic: {name}\npurpose: service\n---\n{name}: {words}\n"
WORDS = {
    "heat": "{{ temp }}C today. Run slower.",
    "delay": "The start is at {{ new_start }}.",
    "cancel": "The race is cancelled.",
}
ANN, BOB = "ann@example.org", "bob@example.org"


def write(folder: Path, name: str, words: str) -> None:
    """Writes an alert's email and text."""
    for channel, source, ending in (("email", EMAIL, "md"), ("sms", TEXT, "txt")):
        file = folder / channel / f"alert-{name}.{ending}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source.format(name=name, words=words))


def block(name: str, *, email: bool = True, sms: bool = True, expires: str = "3 h") -> str:
    """One `[[alert]]` of a plan."""
    lines = ["[[alert]]", f'name = "{name}"', f'expires = "{expires}"']
    lines += [f'{channel} = "alert-{name}"' for channel, has in (("email", email), ("sms", sms)) if has]
    return "\n".join(["", *lines, ""])


def loaded(
    event: Event, folder: Path, *blocks: str, steps: tuple[str, ...] = (), signed: bool = True
) -> Campaign:
    """The event's campaign with these alerts (heat, delay and cancel unless given) and no step that is due."""
    for name, words in WORDS.items():
        if not (folder / "email" / f"alert-{name}.md").exists():
            write(folder, name, words)
    (folder / "email" / "back-warm-up.md").write_text(EMAIL.format(name="tip", words="Warm up."))
    (folder / "sms" / "hydration.txt").write_text(TEXT.format(name="tip", words="Drink."))
    return load(
        event,
        *(steps or (a_step(purpose="service"),)),
        *(blocks or map(block, WORDS)),
        folder=folder,
        signed=signed,
    )


def the_alert(event: Event, name: str = "heat") -> Alert:
    return alerts.alert_named(event, name)


def arm(event: Event, name: str = "heat", **values: str) -> Alert:
    """Armed by two people."""
    alerts.arm(the_alert(event, name), ANN, values)
    assert alerts.arm(the_alert(event, name), BOB, {}) == alerts.Arming.ARMED
    return the_alert(event, name)


def press(
    alert: Alert,
    at: datetime | None = None,
    wake: Callable[[Channel], None] = lambda channel: None,
    **given: Any,
) -> alerts.Pressed:
    """A press of the button, by a clock that stands still at `at`."""
    words = {"name_typed": alert.name, "values": {}, "expires": None, "token": "", "wake": wake, **given}
    if at is None:
        return alerts.press(alert, ANN, **words)
    with time_machine.travel(at, tick=False):
        return alerts.press(alert, ANN, **words)
