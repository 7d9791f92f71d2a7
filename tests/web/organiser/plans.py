"""Plans for tests of the organisers' pages."""

from __future__ import annotations

from people import a_step, load

from campaigns.models import Campaign, Event

TWO = [
    a_step("tip", audience="adults and 10k"),
    a_step("race-morning", channel="sms", template="race-morning", when="start - 120 min", purpose="service"),
]
SEASON = [a_step(f"tip-{number}", when=f"{number * 2} days before, 10:00") for number in range(1, 36)]


def plan_of(event: Event, name: str = "two") -> Campaign:
    """The event's plan, made if it has none: "two" steps, or a "season" of thirty-five. Nothing is approved."""
    found = Campaign.objects.filter(event=event).first()
    return found or load(event, *(SEASON if name == "season" else TWO), catch_up=True)
