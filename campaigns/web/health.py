"""What a supervisor asks: is the process alive, and can it do its work. No secrets and no details."""

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from redis import RedisError

from campaigns.watch import figures, heartbeat
from campaigns.watch.trouble import CLOCK_STOPPED, STUCK
from campaigns.web import redis_client

PLAIN = "text/plain; charset=utf-8"


def alive(_request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all; it asks neither Postgres nor Redis."""
    return HttpResponse("ok\n", content_type=PLAIN)


def ready(_request: HttpRequest) -> HttpResponse:
    """200 when Postgres and Redis both answer, else 503; a line for each.

    Two more lines say whether the clock ticks and messages leave. They change nothing of the status: the web
    process can do its own work, and taking it away would stop nothing but pages and unsubscribes.
    """
    database, broker = _database_answers(), _redis_answers()
    lines = f"database: {_words(database)}\nredis: {_words(broker)}\n"
    if database:
        lines += _sending()
    return HttpResponse(lines, status=200 if database and broker else 503, content_type=PLAIN)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (Error, ImproperlyConfigured):
        # A connection that died is not used again; the next request opens a new one.
        connection.close()
        return False
    return True


def _sending() -> str:
    beat = heartbeat.ages().get(heartbeat.TICK, float("inf"))
    late = figures.latest_s()
    clock = "ok" if beat <= CLOCK_STOPPED else "stands still"
    return f"clock: {clock}\nsending: {'ok' if late <= STUCK else 'late'}\n"


def _redis_answers() -> bool:
    try:
        return bool(redis_client.client().ping())
    except RedisError:
        return False


def _words(answers: bool) -> str:
    return "ok" if answers else "does not answer"
