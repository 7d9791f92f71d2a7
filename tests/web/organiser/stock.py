"""Messages for the pages' tests: those of a small plan, and more than any plan has."""

from __future__ import annotations

import hashlib

from people import AT, ROOT, a_step, load

from campaigns.models import Event, Template, Version

SOURCE = (ROOT / "templates" / "email" / "back-warm-up.md").read_text("utf-8")
NEWEST = {"version": hashlib.sha256(SOURCE.encode()).hexdigest()}
"""The query that names the version which a plan loaded from files has."""

STEPS = (
    a_step("back-warm-up"),
    a_step("drink", channel="sms", template="hydration", when="30 days before, 10:00"),
)


def give_messages(event: Event, *, more: int = 0, signed: bool = False) -> None:
    """An email and a text of a plan with a step each, and `more` emails that nothing uses."""
    if not event.templates.exists():
        load(event, *STEPS, signed=signed)
    made = Template.objects.bulk_create(
        Template(event=event, channel="email", name=f"tip-{number}") for number in range(more)
    )
    Version.objects.bulk_create(
        Version(
            template=each,
            number=1,
            source=SOURCE,
            content_hash=NEWEST["version"],
            health=True,
            created_at=AT,
        )
        for each in made
    )


def email(event: Event) -> Template:
    return event.templates.get(channel="email", name="back-warm-up")


def text(event: Event) -> Template:
    return event.templates.get(channel="sms", name="hydration")
