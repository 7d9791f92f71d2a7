"""What a supervisor asks: is the process alive, and can it do its work. No secrets and no details."""

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from redis import RedisError

from campaigns.web import redis_client

PLAIN = "text/plain; charset=utf-8"


def alive(_request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all; it asks neither Postgres nor Redis."""
    return HttpResponse("ok\n", content_type=PLAIN)


def ready(_request: HttpRequest) -> HttpResponse:
    """200 when Postgres and Redis both answer, else 503; a line for each."""
    database, broker = _database_answers(), _redis_answers()
    lines = f"database: {_words(database)}\nredis: {_words(broker)}\n"
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


def _redis_answers() -> bool:
    try:
        return bool(redis_client.client().ping())
    except RedisError:
        return False


def _words(answers: bool) -> str:
    return "ok" if answers else "does not answer"
