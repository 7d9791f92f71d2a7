"""The audit log: who did what, when; never an address or a message."""

import logging
from typing import Any

from campaigns import clock
from campaigns.models import AuditEntry

logger = logging.getLogger(__name__)


def record(who: str, act: str, *, event: str = "", **detail: Any) -> None:
    """Appends one act by a person. `detail` must survive JSON and carries ids and counts only."""
    AuditEntry.objects.create(at=clock.now(), who=who, act=act, event=event, detail=detail)
    logger.info("act", extra={"act": act, "event_slug": event})
