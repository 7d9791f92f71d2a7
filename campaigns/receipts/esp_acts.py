"""What mail providers' reports ask for beyond their own messages: addresses that are written to no more.

| Report | Follows |
| --- | --- |
| no such mailbox | nothing more to this address |
| not delivered, three times in a row | nothing but alerts |
| complaint | nothing but alerts |
| unsubscribed at the provider | no tips and no sponsor messages |
| refused by a policy | nothing: it says something about us, not about the address |
"""

from collections.abc import Sequence

from django.db import connection

from campaigns import optout
from campaigns.models.words import Channel, Scope, SuppressionReason
from campaigns.receipts.esp_events import Code

SOFT_IN_A_ROW = 3

_FOLLOWS = {
    Code.HARD: (Scope.ALL, SuppressionReason.HARD_BOUNCE),
    Code.SOFT: (Scope.ALL_BUT_ALERTS, SuppressionReason.HARD_BOUNCE),
    Code.COMPLAINT: (Scope.ALL_BUT_ALERTS, SuppressionReason.COMPLAINT),
    Code.UNSUBSCRIBED: (Scope.TIPS_AND_SPONSOR, SuppressionReason.UNSUBSCRIBED),
}


def act(receipts: Sequence[int]) -> None:
    """Does what these reports ask for, in the caller's transaction; twice is as once."""
    for code, organiser, address in _coded(receipts):
        if code == Code.SOFT and not _keeps_bouncing(organiser, address):
            continue
        scope, reason = _FOLLOWS[Code(code)]
        optout.suppress_hash(organiser, Channel.EMAIL, address, scope, reason)


def _coded(receipts: Sequence[int]) -> list[tuple[str, int, bytes]]:
    """Code, organiser and the address's hash, in the order in which suppressions are locked."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.code, ev.organiser_id,
                COALESCE(decode(NULLIF(r.raw ->> 'address_hash', ''), 'hex'), e.email_hash) AS address
            FROM receipts r JOIN deliveries d ON d.id = r.delivery JOIN entrants e ON e.id = d.entrant_id
            JOIN events ev ON ev.id = e.event_id
            WHERE r.id = ANY(%s) AND r.provider LIKE 'esp:%%' AND r.code = ANY(%s)
            ORDER BY ev.organiser_id, address, r.id""",
            [list(receipts), list(_FOLLOWS)],
        )
        return [
            (code, organiser, bytes(address)) for code, organiser, address in cursor if address is not None
        ]


def _keeps_bouncing(organiser: int, address: bytes) -> bool:
    """Whether the last mails to this address all came back, each counted once however often it was reported.

    One that was refused for what we are says nothing of the address, and is passed over.
    Served by entrants_by_email, deliveries_by_entrant and receipts_once.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT bool_or(r.standing = 'delivered')
            FROM events ev JOIN entrants e ON e.event_id = ev.id AND e.email_hash = %s
            JOIN deliveries d ON d.entrant_id = e.id JOIN receipts r ON r.delivery = d.id
            WHERE ev.organiser_id = %s AND r.provider LIKE 'esp:%%'
                AND (r.standing = 'delivered' OR (r.standing = 'not_delivered' AND r.code <> 'policy'))
            GROUP BY d.id ORDER BY max(r.id) DESC LIMIT %s""",
            [address, organiser, SOFT_IN_A_ROW],
        )
        arrived = [row[0] for row in cursor.fetchall()]
    return arrived == [False] * SOFT_IN_A_ROW
