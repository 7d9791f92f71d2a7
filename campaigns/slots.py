"""How many may send on a channel at once, over all processes and machines. Knows nothing of what they send."""

from django.db import connection

from campaigns.models.words import Channel

SLOT_KINDS = {Channel.EMAIL: 101, Channel.SMS: 102}
ALERT_SLOT_KINDS = {Channel.EMAIL: 103, Channel.SMS: 104}


def hold_slot(channel: Channel, slots: int, *, alerts: bool = False) -> int | None:
    """Takes one of the channel's slots for this database session; its number, or None when all are taken.

    Alerts have slots of their own. A session's advisory lock goes with its connection: a killed process frees it,
    and Redis has no say in it.
    """
    kind = (ALERT_SLOT_KINDS if alerts else SLOT_KINDS)[channel]
    with connection.cursor() as cursor:
        for number in range(slots):
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [kind, number])
            if cursor.fetchone()[0]:
                return number
    return None


def free_slots() -> None:
    """Gives back whatever slot this session holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock_all()")
