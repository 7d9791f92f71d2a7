"""Unsubscribe many and press pause in the middle of a large send; resume, and see who got what and when."""

import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from station import Station, wait_until

from chaos.sinks import Sinks, free_ports
from chaos.stage import Found, campaign, leave, people, run, stage

WITHIN = 2.0
"""Seconds after the press in which the last message may still arrive."""

QUIET = 6.0
"""Seconds that the pause is watched."""

# The moment at which each claim reached the database, before it could look at anyone: who was unsubscribed by then
# must not be in it.
WATCH_CLAIMS = """
    CREATE TABLE seen_claims (delivery_id bigint, asked_at timestamptz);
    CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO seen_claims VALUES (NEW.delivery_id, statement_timestamp()); RETURN NULL; END $$;
    CREATE TRIGGER note_claim AFTER UPDATE ON outbox FOR EACH ROW
        WHEN (NEW.lease_until IS NOT NULL AND OLD.lease_until IS NULL) EXECUTE FUNCTION note_claim()"""


def pause(
    count: int = 100_000,
    leavers: int = 1_000,
    rate: float | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Found:
    """Sends to `count` people; `leavers` of them, all over the list, unsubscribe at a quarter, and at half somebody
    presses pause."""
    found = Found()
    port = free_ports(1)[0]
    with stage({"EMAIL_RATE": str(rate)} if rate else {}) as (station, sinks):
        station.event()
        everyone = [person["Email Address"] for person in people(station, count)]
        station.sql(WATCH_CLAIMS)
        say(f"{count} entrants are imported")
        run(station, f"127.0.0.1:{port}")
        campaign(station, texts=False)
        _wait(station, sinks, count // 4)
        leaving = everyone[:: max(1, count // leavers)][:leavers]
        press = UnsubscribePresses(station, port)
        press.all(leaving)
        say(f"{leavers} have unsubscribed")
        _wait(station, sinks, count // 2)
        found.figures |= _pressed(station, sinks, found)
        say("the pause was kept")
        station.command("campaign", "resume", "race")
        _finish(station, sinks)
        _everyone_once(found, station, sinks, everyone, press.answered)
    leave(station, found.faults)
    return found


def _wait(station: Station, sinks: Sinks, arrived: int) -> None:
    wait_until(lambda: sinks.mail.arrived() >= arrived, 600, lambda: f"{sinks.mail.arrived()} of {arrived}")


@dataclass
class UnsubscribePresses:
    """One-click unsubscribes (RFC 8058) on the web process, several at once."""

    station: Station
    port: int
    answered: dict[str, datetime] = field(default_factory=dict)

    def all(self, addresses: Iterable[str]) -> None:
        """Presses for each and notes when the answer was there."""
        tokens = dict(self.station.sql("SELECT email, token FROM entrants"))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda address: self._one(address, str(tokens[address])), addresses))

    def _one(self, address: str, token: str) -> None:
        url = f"http://127.0.0.1:{self.port}/u/{token}"
        with urllib.request.urlopen(url, data=b"List-Unsubscribe=One-Click", timeout=30) as answer:
            assert answer.status == 200
        self.answered[address] = datetime.now(UTC)


def _pressed(station: Station, sinks: Sinks, found: Found) -> dict[str, object]:
    """Presses pause, and sees from when on it stood in the database and how long messages came after that."""
    stood: list[datetime] = []

    def look() -> None:
        while not stood:
            if station.sql("SELECT 1 FROM campaigns WHERE state = 'paused'"):
                stood.append(datetime.now(UTC))
            time.sleep(0.01)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    station.command("campaign", "pause", "race")
    watcher.join(10)
    time.sleep(QUIET)
    after = [(email.arrived_at - stood[0]).total_seconds() for email in sinks.each_email()]
    last = max(after)
    found.demand(last <= WITHIN, f"the last message came {last:.2f} s after the press")
    found.demand(
        station.sql("SELECT count(*) FROM outbox WHERE lease_until IS NOT NULL") == [(0,)],
        "something was still claimed after the pause",
    )
    found.demand(station.sql("SELECT count(*) FROM outbox") != [(0,)], "nothing was left to be resumed")
    return {
        "arrived before the press": sum(seconds <= 0 for seconds in after),
        "arrived after it": sum(seconds > 0 for seconds in after),
        "last after the press, s": f"{last:.2f}",
    }


def _finish(station: Station, sinks: Sinks) -> None:
    wait_until(
        lambda: not station.sql("SELECT 1 FROM outbox LIMIT 1"),
        900,
        lambda: f"{sinks.mail.arrived()} arrived, {station.states()}",
    )


def _everyone_once(
    found: Found, station: Station, sinks: Sinks, everyone: list[str], unsubscribed: dict[str, datetime]
) -> None:
    """Nobody twice; everyone who stayed once; of those who left only who was claimed before."""
    arrived = Counter(email.recipient for email in sinks.each_email())
    twice = [address for address, times in arrived.items() if times > 1]
    lost = [address for address in everyone if not arrived[address] and address not in unsubscribed]
    claimed = dict(
        station.sql(
            "SELECT e.email, max(s.asked_at) FROM seen_claims s JOIN deliveries d ON d.id = s.delivery_id "
            "JOIN entrants e ON e.id = d.entrant_id GROUP BY e.email"
        )
    )
    wronged = [
        address for address, at in unsubscribed.items() if address in claimed and claimed[address] > at
    ]
    states = station.states()
    found.demand(not twice, f"{len(twice)} got it twice: {twice[:5]}")
    found.demand(not lost, f"{len(lost)} got nothing: {lost[:5]}")
    found.demand(not wronged, f"{len(wronged)} were claimed after they had unsubscribed: {wronged[:5]}")
    found.demand(states["sent"] == len(arrived), f"{states} in the ledger, {len(arrived)} arrived")
    spared = sum(not arrived[address] for address in unsubscribed)
    found.demand(spared == states["skipped"], f"{spared} were spared, and {states['skipped']} skipped")
    found.demand(spared > 0, "nobody who unsubscribed was spared")
    found.figures |= {
        "arrived": len(arrived),
        "unsubscribed in mid-send": len(unsubscribed),
        "of them spared": spared,
        "of them claimed before the press": len(unsubscribed) - spared,
    }
