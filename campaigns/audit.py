"""The audit log: who did what, when, and how the event stood then; never an address of a runner, or a message."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns import clock
from campaigns.models import AuditEntry, Event, Step

logger = logging.getLogger(__name__)


def record(who: str, act: str, *, event: str = "", **detail: Any) -> None:
    """Appends one act by a person. `detail` must survive JSON and carries ids and counts only."""
    AuditEntry.objects.create(
        at=clock.now(), who=who, act=act, event=event, detail=detail, state=_state(event) if event else None
    )
    logger.info("act", extra={"act": act, "event_slug": event})


@dataclass(frozen=True)
class Read:
    """One act, and each thing of its event that is another than at the entry before: what it was and what it is."""

    at: datetime
    who: str
    act: str
    event: str
    detail: dict[str, Any]
    changed: dict[str, tuple[Any, Any]]


def read(event: str = "", since: datetime | None = None) -> Iterator[Read]:
    """The log in the order it was written, of one event or of all."""
    rows = AuditEntry.objects.order_by("id")
    if event:
        rows = rows.filter(event=event)
    before: dict[str, dict[str, Any]] = {}
    for row in rows.iterator():
        changed = _changed(before.get(row.event), row.state)
        if row.state is not None:
            before[row.event] = row.state
        if since is None or row.at >= since:
            yield Read(row.at, row.who, row.act, row.event, row.detail, changed)


def _state(slug: str) -> dict[str, Any] | None:
    """What people decide about an event, small enough for every entry."""
    event = Event.objects.filter(slug=slug).select_related("campaign").first()
    if event is None:
        return None
    campaign = getattr(event, "campaign", None)
    steps = (
        Step.objects.filter(campaign__event=event)
        .order_by("position", "id")
        .values_list("name", "state", "when")
    )
    return {
        "date": event.date.isoformat(),
        "campaign": campaign.state if campaign else "none",
        "incident_hold": event.incident_hold,
        "cancelled": event.cancelled_at is not None,
        "contact_days": event.contact_days,
        "alert_approvers": event.alert_approvers,
        "people_changes": event.revision,
        "plan_changes": event.plan_version,
    } | {f"step {name}": f"{state} ({when})" if when else state for name, state, when in steps}


def _changed(before: dict[str, Any] | None, now: dict[str, Any] | None) -> dict[str, tuple[Any, Any]]:
    if before is None or now is None:
        return {}
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return {name: (before.get(name), now.get(name)) for name in names}
