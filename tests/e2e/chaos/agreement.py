"""The ledger held against what arrived, one by one. Believes the sinks' files and the database, nothing else."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from station import Station

from chaos.sinks import Sinks
from chaos.victims import Toll

LEDGER = """
    SELECT d.id, d.channel, d.state, d.message_id, e.email, e.mobile, o.delivery_id IS NOT NULL,
        array_remove(array_agg(a.provider_ref), NULL)
            || array(SELECT r.ref FROM receipts r WHERE r.delivery = d.id),
        bool_or(COALESCE(a.outcome = 'doubtful', false))
    FROM deliveries d JOIN entrants e ON e.id = d.entrant_id
    LEFT JOIN outbox o ON o.delivery_id = d.id LEFT JOIN attempts a ON a.delivery_id = d.id
    GROUP BY d.id, e.id, o.delivery_id ORDER BY d.id"""

ON_THE_WAY = {"due", "uncertain"}
TAKEN = {"sent", "delivered"}


@dataclass
class Row:
    """A delivery as the ledger has it."""

    id: int
    channel: str
    state: str
    message_id: str
    email: str
    mobile: str | None
    queued: bool
    refs: list[str]
    doubted: bool

    @property
    def address(self) -> str:
        return self.email if self.channel == "email" else str(self.mobile)


@dataclass
class Verdict:
    """What a comparison found; `faults` are sentences, none when all is well."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def blame(self, what: str, found: list[Any]) -> None:
        """Notes a fault that some rows or messages show."""
        if found:
            some = ", ".join(str(one) for one in found[:5])
            self.faults.append(f"{what}: {len(found)} ({some}{' …' if len(found) > 5 else ''})")


def compare(station: Station, sinks: Sinks, toll: Toll, emails: int, texts: int) -> Verdict:
    """Everyone got each message; who got one twice is explained; ledger and sinks tell the same story."""
    rows = [Row(*row) for row in station.sql(LEDGER)]
    verdict = Verdict()
    _settled(verdict, rows)
    _mail(verdict, [row for row in rows if row.channel == "email"], sinks, toll.mail, emails)
    _texts(verdict, [row for row in rows if row.channel == "sms"], sinks, toll.texts, texts)
    return verdict


def _settled(verdict: Verdict, rows: list[Row]) -> None:
    verdict.counts.update(f"{row.channel} {row.state}" for row in rows)
    verdict.counts["doubts"] = sum(row.doubted for row in rows)
    verdict.counts["unknown"] = sum(row.state == "unknown" for row in rows)
    verdict.blame(
        "not settled", [(row.id, row.state) for row in rows if row.state in ON_THE_WAY or row.queued]
    )
    allowed = TAKEN | {"unknown"}
    verdict.blame(
        "ended otherwise", [(row.id, row.state) for row in rows if row.state not in allowed | ON_THE_WAY]
    )


def _mail(verdict: Verdict, rows: list[Row], sinks: Sinks, toll: int, expected: int) -> None:
    arrived = Counter((email.message_id.strip("<>"), email.recipient) for email in sinks.each_email())
    of_ledger = {(row.message_id, row.email): row for row in rows}
    if len(of_ledger) != expected:
        verdict.faults.append(f"{len(of_ledger)} mails in the ledger, not {expected}")
    verdict.blame("mails that arrived and stand nowhere", [key for key in arrived if key not in of_ledger])
    _one_each(verdict, "mail", rows, {row.id: arrived[(row.message_id, row.email)] for row in rows}, toll)


def _texts(verdict: Verdict, rows: list[Row], sinks: Sinks, toll: int, expected: int) -> None:
    to: dict[str, list[str]] = defaultdict(list)
    for text in sinks.texts:
        to[text.to].append(text.sid)
    if len(rows) != expected:
        verdict.faults.append(f"{len(rows)} texts in the ledger, not {expected}")
    known = {row.mobile for row in rows}
    verdict.blame("texts that arrived and stand nowhere", [number for number in to if number not in known])
    verdict.blame(
        "texts of another number",
        [row.id for row in rows if not set(filter(None, row.refs)) <= set(to[row.address])],
    )
    verdict.blame(
        "texts sent without their sid",
        [row.id for row in rows if row.state in TAKEN and not any(row.refs)],
    )
    _one_each(verdict, "text", rows, {row.id: len(to[row.address]) for row in rows}, toll)


def _one_each(verdict: Verdict, what: str, rows: list[Row], arrived: dict[int, int], toll: int) -> None:
    """Lost is what did not arrive, whatever the ledger calls it; twice is bounded, and doubted in the ledger."""
    lost = [(row.id, row.state) for row in rows if not arrived[row.id]]
    twice = [row for row in rows if arrived[row.id] > 1]
    verdict.counts[f"{what}s lost"], verdict.counts[f"{what}s twice"] = len(lost), len(twice)
    verdict.blame(f"{what}s lost", lost)
    verdict.blame(f"{what}s more than twice", [row.id for row in twice if arrived[row.id] > 2])
    verdict.blame(
        f"{what}s twice without a doubt in the ledger", [row.id for row in twice if not row.doubted]
    )
    if len(twice) > toll:
        verdict.faults.append(f"{len(twice)} {what}s twice, and {toll} connections were open at kills")
