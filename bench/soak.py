"""Years on a virtual clock, four events in each with thousands of entrants, with faults: does anything grow for ever.

    python -m bench.soak --entrants 5000
    python -m bench.soak --entrants 200 --years 3

One process with the real tick, drain, ledger, journal, retention, tallies, Postgres, Valkey, SMTP and HTTP; the clock
alone jumps, hour by hour. It does nothing that a worker does not: what people do, such as making an event, is done in a
process apart. Meanwhile Postgres ends our session in mid-block, Redis is emptied, and a second sender is killed with
what it has in hand. Every virtual month sizes are noted, before a vacuum and after it.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click
import psutil
import psycopg
import redis

from bench import lean_twilio, people, sinks
from bench.station import Station, station

FIRST_YEAR = 2027
RACES = ((3, 21), (6, 6), (9, 19), (12, 5))
"""Month and day of each year's races."""

FULL_FROM = f"{FIRST_YEAR}-06"
"""The month from which on as much goes as comes: the facts of the first race, in March, are kept for three months."""

IMPORTED = timedelta(days=63)
"""How long before its race an event's entrants come in."""

LIBRARY = Path(__file__).parents[1] / "campaigns" / "library" / "run-reigate.toml"

TABLES = ("entrants", "consents", "deliveries", "attempts", "outbox", "enquiries", "receipts", "tallies")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entrants", type=int, default=5000, help="of each event")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--years", type=int, default=1, help="memory is flat when a later year adds none")
    parser.add_argument("--until", type=date.fromisoformat, help="an earlier end, to try it out")
    words = parser.parse_args()
    with (
        sinks.lean() as server,
        sinks.child(lean_twilio.serve, 0.0) as (port, _),
        station(
            EMAIL_URL=server.url, TWILIO_BASE_URL=f"http://127.0.0.1:{port}", EMAIL_CONNECTIONS="4"
        ) as aid,
    ):
        until = words.until or date(FIRST_YEAR + words.years, 1, 1)
        servers = {server.port: "mail server", port: "Twilio"}
        problems = Years(aid, words.entrants, random.Random(words.seed), servers).go(until)  # noqa: S311
    print("\n".join(problems) or "Nothing grew that should not.")
    sys.exit(bool(problems))


class Years:
    """The time played and what was seen of it."""

    def __init__(
        self, aid: Station, entrants: int, chance: random.Random, servers: Mapping[int, str]
    ) -> None:
        from campaigns.drain import Drain
        from campaigns.models.words import Channel

        self.aid, self.entrants, self.chance, self.servers = aid, entrants, chance, servers
        self.drains = {channel: Drain(channel) for channel in Channel}
        self.faults: dict[str, int] = {}
        self.notes: list[dict[str, Any]] = []
        self.timer: threading.Timer | None = None

    def go(self, until: date) -> list[str]:
        """Hour by hour; returns what grew."""
        from campaigns import clock

        hour = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
        while hour.date() < until:
            with clock.standing_at(hour):
                self._people(hour)
                self._hour(hour)
            hour += timedelta(
                hours=1 if 3 <= hour.hour < 20 else 24 - hour.hour + 3 if hour.hour >= 20 else 3 - hour.hour
            )
            if hour.day == 1 and hour.hour == 3:
                self._note(hour)
        return self._judged()

    def _people(self, hour: datetime) -> None:
        """What people do: an event two months ahead of its race."""
        if hour.hour != 9:
            return
        for month, day in RACES:
            for year in (hour.year, hour.year + 1):  # that of early March is made in January
                race = date(year, month, day)
                if hour.date() == race - IMPORTED:
                    if self.timer is not None:
                        self.timer.join()  # a command that is cut off is given again by a person; here is none
                    _apart(partial(self._event, race))

    def _event(self, race: date) -> None:
        slug = f"race-{race:%Y-%m}"
        aid = self.aid
        aid.database = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        aid.command(
            "event", "create", "--slug", slug, "--name", f"Run Reigate {race.year}", "--date", str(race),
            "--race", "half=09:15", "--race", "10k=09:00", "--race", "5k=09:25", "--race", "kids=12:00",
            "--contact", "hello@example.org", "--venue", "Priory Park",
            "--postal-address", "1 Example Street", "--info-url", "https://example.org",
        )  # fmt: skip
        aid.command("event", "keep", slug, "--contact-days", "60", "--fact-months", "3")
        found = aid.sql(
            "SELECT r.id FROM races r JOIN events e ON e.id = r.event_id WHERE e.slug = %(slug)s AND r.slug = 'half'",
            slug=slug,
        )
        people.seed(aid, found[0][0], self.entrants, "email")
        aid.sql(people._CONSENT, race=found[0][0], first="0", channel="sms", purpose="service")
        aid.command("campaign", "load", str(LIBRARY), "--event", slug)
        rows = json.loads(aid.command("template", "list", slug, "--json"))["templates"]
        names = [row["name"] for row in rows if row["health"] and not row["sign_off"]]
        reviewer = ["--reviewer", "EXAMPLE REVIEWER, not a real clinician", "--review-by", "2099-12-31"]
        aid.command("template", "sign-off", slug, *names, *reviewer)
        self._approve(slug)
        aid.command("campaign", "start", slug)

    def _approve(self, slug: str) -> None:
        """The binding alone: making every message beforehand is preflight's, and has its own measurement."""
        from campaigns import campaign
        from campaigns.models import Campaign, Step

        found = Campaign.objects.get(event__slug=slug)
        waiting = Step.objects.filter(campaign=found, state__in=("draft", "waiting")).exclude(kind="alert")
        campaign.approve(found, "", list(waiting.values_list("name", flat=True)))

    def _hour(self, hour: datetime) -> None:
        import scheduler
        from campaigns import privacy, tallies
        from campaigns.alerts import reaching

        for _ in range(10_000):
            due = self._safely(scheduler.tick)
            if due is None:
                continue
            self._fault()
            for channel in due.channels:
                self._safely(lambda channel=channel: self.drains[channel].run(2.0))
            if not due.more and not due.channels:
                break
        self._safely(_reports)
        if hour.hour in (3, 12):  # hourly, counting what stands still would be most of the time
            self._safely(lambda: tallies.tally(hour))
            self._safely(lambda: reaching.refresh(hour))
        if hour.hour == 3:
            while (kept := self._safely(lambda: privacy.retain(hour))) is None or kept.more:
                pass

    def _safely(self, act: Any) -> Any:
        """What a task of Celery is to its worker: an error ends it, and the next begins anew."""
        from django.db import Error, connection

        connection.close_if_unusable_or_obsolete()
        try:
            return act()
        except Error:
            connection.close()
            return None

    def _fault(self) -> None:
        """Now and then something dies; who sends meanwhile finds out by itself."""
        if self.chance.random() > 0.01:
            return
        name = self.chance.choice(["session", "redis", "killed"])
        self.faults[name] = self.faults.get(name, 0) + 1
        if name == "session":
            self.timer = threading.Timer(self.chance.uniform(0.05, 0.5), self._end_sessions)
            self.timer.start()
        elif name == "redis":
            redis.Redis.from_url(os.environ["REDIS_URL"]).flushall()
        else:
            self._killed_sender()

    def _end_sessions(self) -> None:
        """Every session but this one's, whatever it is doing."""
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid NOT IN (pg_backend_pid(), %s) AND backend_type = 'client backend'",
                [self.aid.database.info.backend_pid],
            )

    def _killed_sender(self) -> None:
        """A child with a drain, a journal and connections of its own, killed in the middle of what it sends."""
        child = _forked(_send)
        time.sleep(self.chance.uniform(0.05, 0.4))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    def _note(self, hour: datetime) -> None:
        """Sizes at the turn of a month: as autovacuum has left them, and after the vacuum that a month would bring."""
        aid, process = self.aid, psutil.Process()
        dead = dict(aid.sql("SELECT relname, n_dead_tup FROM pg_stat_user_tables WHERE n_dead_tup > 0"))
        for table in TABLES:
            aid.sql(f"VACUUM (ANALYZE) {table}")
        sizes = {
            table: aid.sql(
                "SELECT pg_table_size(%(table)s::regclass), pg_indexes_size(%(table)s::regclass)", table=table
            )[0]
            for table in TABLES
        }
        sockets = process.net_connections()
        note = {
            "month": f"{hour - timedelta(days=1):%Y-%m}",
            "rss_mb": process.memory_info().rss / 1e6,
            "messages_kept": _kept(),
            "sessions": aid.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")[
                0
            ][0],
            "files": len(process.open_files()) + len(sockets),
            "sockets": dict(Counter(self.servers.get(one.raddr[1], "other") for one in sockets if one.raddr)),
            "threads": process.num_threads(),
            "journals": len(list((aid.home / "journal").glob("*"))),
            "database_mb": aid.sql("SELECT pg_database_size(current_database())")[0][0] / 1e6,
            **{f"{table}_mb": sum(sizes[table]) / 1e6 for table in ("deliveries", "outbox")},
            "indexes_mb": {table: round(index / 1e6, 1) for table, (_, index) in sizes.items()},
            "dead": {table: dead[table] for table in TABLES if table in dead},
            "rows": {table: aid.sql(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES},
            "states": dict(aid.sql("SELECT state, count(*) FROM deliveries GROUP BY 1")),
            "faults": dict(self.faults),
        }
        self.notes.append(note)
        print(json.dumps(note, default=str), flush=True)

    def _judged(self) -> list[str]:
        """What the second half of the time had more of, at its worst, than the first, beyond a little room.

        Only since retention has begun: before that an empty database fills.
        """
        full = [note for note in self.notes if note["month"] >= FULL_FROM]
        half = len(full) // 2
        grown = []
        for name, room in (
            ("rss_mb", 1.1),
            ("sessions", 1.5),
            ("files", 1.5),
            ("database_mb", 1.3),
            ("deliveries_mb", 1.3),
            ("outbox_mb", 1.5),
        ):
            before, after = (
                max((note[name] for note in part), default=0.0) for part in (full[:half], full[half:])
            )
            if after > before * room + 5:
                grown.append(f"{name} grew from {before:.0f} to {after:.0f}")
        states = self.notes[-1]["states"]
        left = {state: count for state, count in states.items() if state in ("due", "uncertain", "unknown")}
        return grown + ([f"left over: {left}"] if left else [])


def _kept() -> int:
    """Compiled messages and frames that the process keeps: until these are full, memory may grow."""
    from campaigns import rendering

    return rendering.compiled_version.cache_info().currsize + rendering.made_frame.cache_info().currsize


def _reports() -> None:
    """Twilio reports each text it has as delivered, and the reports are interpreted."""
    from campaigns import clock
    from campaigns.models import Enquiry
    from campaigns.receipts import interpreting
    from campaigns.receipts.storing import store
    from campaigns.receipts.twilio_status import read_report

    for enquiry in Enquiry.objects.exclude(ref=""):
        report = read_report(
            sid=enquiry.ref, status="delivered", code="", attempt=enquiry.attempt, spread=enquiry.pk, raw={}
        )
        store(enquiry.pk, report)
    while interpreting.is_due():
        interpreting.interpret(clock.now())


def _forked(act: Callable[[], None]) -> int:
    """The number of a process that does it with a database session of its own, and ends."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        from django.db import connection

        connection.connection = None  # the parent's session is not spoken on
        act()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _apart(act: Callable[[], None]) -> None:
    """Does it in a process of its own, so that what it needs of memory is not taken for a worker's."""
    if os.waitpid(_forked(act), 0)[1]:
        raise click.ClickException("What people do could not be done: nothing was measured.")


def _send() -> None:
    from campaigns.drain import Drain
    from campaigns.models.words import Channel

    Drain(Channel.EMAIL).run(2.0)


if __name__ == "__main__":
    main()
