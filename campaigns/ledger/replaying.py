"""Replaying: the journal of a process that died, or lost its database, tells what became of its block."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction

from campaigns import journal
from campaigns.journal import Fence, Handed
from campaigns.ledger import gate
from campaigns.ledger.settling import Result, release, settle
from campaigns.models.words import Channel

FINAL = ("accepted", "recipient", "message")


def replay_the_dead(folder: Path, now: datetime) -> int:
    """Settles the blocks of every process of this folder that is dead, removes its file, and counts the rows."""
    rows = 0
    for path in journal.files(folder):
        with journal.taken_over(path) as dead:
            if dead:
                rows += replay(path.stem, journal.read(path), now)
                path.unlink()
    return rows


def replay(holder: str, handed: Mapping[Fence, Handed], now: datetime) -> int:
    """Settles every row that `holder` has claimed: answered as answered, handed over and not answered as a doubt,
    and what never left its hands is due again. Returns how many rows there were.

    A machine that was gone for so long that its block was swept finds its rows in nobody's hands. Its answers are
    evidence for those doubts.
    """
    with transaction.atomic():
        gate.by_index()
        rows = _held_by(holder)
        results = [_result(fence, handed[fence]) for fence, _ in rows if fence in handed]
        for channel in Channel:
            of_channel = {fence[0] for fence, by in rows if by == channel}
            settle(channel, [result for result in results if result and result.delivery in of_channel], now)
        settled = {(result.delivery, result.claim) for result in results if result}
        release([fence for fence, _ in rows if fence not in settled])
        proven = _settle_swept(handed, now)
    return len(rows) + proven


def _settle_swept(handed: Mapping[Fence, Handed], now: datetime) -> int:
    """Ends as sent the doubts of these very claims that were answered with a yes; returns how many there were.

    A doubt that is being sent once more at this moment ends as well: what its drain settles then finds it sent. A
    refusal is no evidence worth having, for the next try meets it again; neither is the lack of a line.
    """
    taken = [fence for fence, one in handed.items() if one.answer and one.answer.outcome == "accepted"]
    doubts = _in_doubt(taken)
    for channel in Channel:
        results = [_result(fence, handed[fence]) for fence, of in doubts if of == channel]
        settle(channel, [result for result in results if result], now)
    return len(doubts)


def _in_doubt(fences: Sequence[Fence]) -> list[tuple[Fence, str]]:
    """Those whose doubt is about this very hand-over: an earlier one proves nothing of it. Read by primary key."""
    if not fences:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT d.id, d.claim, d.channel FROM unnest(%s::bigint[], %s::int[]) AS mine (delivery_id, claim)
            JOIN deliveries d ON d.id = mine.delivery_id AND d.claim = mine.claim
            WHERE d.state IN ('uncertain', 'unknown') ORDER BY d.id FOR NO KEY UPDATE OF d""",
            [[delivery for delivery, _ in fences], [number for _, number in fences]],
        )
        return [((delivery, claim), channel) for delivery, claim, channel in cursor.fetchall()]


def _held_by(holder: str) -> list[tuple[Fence, str]]:
    """Served by outbox_leased, which holds no more rows than there are claimed."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT delivery_id, claim, channel FROM outbox WHERE lease_until IS NOT NULL AND holder = %s
            ORDER BY delivery_id FOR NO KEY UPDATE""",
            [holder],
        )
        return [((delivery, claim), channel) for delivery, claim, channel in cursor.fetchall()]


def _result(fence: Fence, handed: Handed) -> Result | None:
    """None where it is certain that nothing was taken: such a row is due again as it was."""
    answer = handed.answer
    carrier = handed.fences[0][0]
    if answer is None or answer.outcome == "doubtful":
        return Result(*fence, carrier, "doubtful", version=handed.version, body_hash=handed.body_hash)
    if answer.outcome not in FINAL:
        return None
    return Result(
        *fence,
        carrier,
        answer.outcome,
        code=answer.code,
        detail=answer.detail,
        provider_ref=answer.provider_ref,
        version=handed.version,
    )
