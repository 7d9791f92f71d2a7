"""How the running station stands: its tables, its processes, its backups, its people."""

import time
from collections.abc import Iterator

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns import contact, ledger
from campaigns.checking import Check, good, look, wrong
from campaigns.cli.processes import WORKERS
from campaigns.models import Event, User
from campaigns.models.words import CampaignState
from campaigns.watch import figures, heartbeat
from campaigns.watch.exposition import journal_room
from campaigns.watch.trouble import troubles

ROOM = 1_000_000_000
"""Bytes that should be left for journals: when they cannot be written nothing is sent."""

BACKUP_OLD = 26 * 3600.0
"""Seconds: a nightly backup and two hours."""

WATCH_OLD = 60.0
"""Seconds after which `watch`, which looks every ten, is taken for gone."""


def checks() -> Iterator[Check]:
    """All of them. Raises django.db.Error when Postgres does not answer."""
    yield _tables()
    yield _clocks()
    found = figures.read()
    beats = found.beats
    yield _redis()
    yield _tick(beats)
    yield _watch(beats)
    yield _troubles(found)
    yield _room()
    yield _backup(beats)
    yield _restored()
    yield from _people()


def _tables() -> Check:
    executor = MigrationExecutor(connection)
    if waiting := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return wrong("migrations", f"{len(waiting)} migrations are not applied.", "Run `aidstation migrate`.")
    return good("migrations", "The tables are up to date.")


def _clocks() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        theirs = cursor.fetchone()[0]
    apart = abs(time.time() - theirs)
    if apart > 2:
        return wrong(
            "database_clock",
            f"Postgres's clock is {apart:,.0f} s away from ours.",
            "Have NTP keep both machines.",
        )
    return good("database_clock", "Postgres's clock and ours agree.")


def _redis() -> Check:
    """Each worker listens on one connection with BRPOP."""
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
    )
    try:
        listening = sum(one["cmd"] == "brpop" for one in client.client_list())
    except (redis.RedisError, OSError):
        return wrong("workers", "Redis does not answer.", "See that it runs where REDIS_URL says.")
    if listening < len(WORKERS):
        return wrong(
            "workers",
            f"{listening} of {len(WORKERS)} workers listen.",
            "Start worker-clock, worker-email, worker-sms and worker-errands, or `aidstation run`.",
        )
    return good("workers", f"{listening} workers listen.")


def _tick(beats: dict[str, float]) -> Check:
    age = beats.get(heartbeat.TICK)
    if age is None or age > 10:
        words = "never" if age is None else f"{age:,.0f} s ago"
        return wrong(
            "tick",
            f"The clock last ticked {words}.",
            "Start scheduler and worker-clock, or `aidstation run`.",
        )
    return good("tick", "The clock ticks.")


def _watch(beats: dict[str, float]) -> Check:
    age = beats.get("watch")
    if age is None or age > WATCH_OLD:
        return wrong(
            "watch", "Nobody would be told when the clock stands still.", "Start watch, or `aidstation run`."
        )
    return good("watch", "The alarm looks every ten seconds.")


def _troubles(found: figures.Figures) -> Check:
    if wrongs := troubles(found):
        return wrong(
            "sending", " ".join(trouble.words for trouble in wrongs), "Each sentence says where to look."
        )
    return good("sending", "Nothing is stuck, and no provider has stopped.")


def _room() -> Check:
    free = journal_room()
    if free < ROOM:
        return wrong(
            "journal_room",
            f"{free / 1e6:,.0f} MB are left for journals.",
            f"Make room where {settings.JOURNAL_FOLDER} is.",
        )
    return good("journal_room", f"{free / 1e9:,.0f} GB are left for journals.")


def _backup(beats: dict[str, float]) -> Check:
    age = beats.get(heartbeat.BACKUP)
    if age is None or age > BACKUP_OLD:
        words = "There is no backup" if age is None else f"The last backup is {age / 3600:,.0f} hours old"
        return wrong("backup", f"{words}.", "Have `aidstation backup FILE` run every night: docs/recover.md.")
    return good("backup", f"The last backup is {age / 3600:.1f} hours old.")


def _restored() -> Check:
    if ledger.open_restoration():
        return look("restored", "A backup was restored and is not reconciled.", "Run `aidstation reconcile`.")
    return good("restored", "No restore waits to be reconciled.")


def _people() -> Iterator[Check]:
    if not User.objects.filter(is_active=True).exists():
        yield wrong("accounts", "Nobody can sign in to the pages.", "Run `aidstation user create EMAIL`.")
    else:
        yield good("accounts", "Somebody can sign in.")
    over = Event.objects.filter(campaign__state__in=[CampaignState.STOPPED, CampaignState.DONE])
    for event in Event.objects.filter(cancelled_at=None).exclude(pk__in=over).prefetch_related("staff"):
        yield _contact(event)
        yield _staff(event)


def _contact(event: Event) -> Check:
    if not contact.is_confirmed(event):
        return wrong(
            "contact",
            f"Nobody has proved to read the mailbox that replies to {event.slug} go to.",
            f"Run `aidstation event contact {event.slug}`.",
        )
    return good("contact", f"Replies to {event.slug} are read.")


def _staff(event: Event) -> Check:
    if not event.staff.all():
        return wrong(
            "staff",
            f"{event.slug} has no staff contacts to tell.",
            f"Run `aidstation event staff add {event.slug}`.",
        )
    return good("staff", f"{event.slug} has staff to tell.")
