"""The audit log: who did what, when; never an address or a message."""

from typing import Any

from campaigns import clock
from campaigns.models import AuditEntry


def record(who: str, act: str, *, event: str = "", **detail: Any) -> None:
    """Appends one act by a person. `detail` must survive JSON and carries ids and counts only."""
    AuditEntry.objects.create(at=clock.now(), who=who, act=act, event=event, detail=detail)
