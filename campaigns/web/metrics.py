"""`/metrics` for Prometheus: for who brings METRICS_TOKEN, and without a token for this very machine alone."""

import hmac
import ipaddress
import os

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from redis import RedisError

from campaigns.watch import exposition, figures
from campaigns.web import redis_client

QUEUES = ("clock", "alerts", "email", "sms")


def metrics(request: HttpRequest) -> HttpResponse:
    """Figures of this moment, then those of pages since the start. 503 when Postgres does not answer."""
    if not _may_see(request):
        answer = HttpResponse(
            "Bring METRICS_TOKEN as a bearer token.\n", status=401, content_type="text/plain"
        )
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    try:
        found = figures.read()
    except Error:
        connection.close()
        return HttpResponse("Postgres does not answer.\n", status=503, content_type="text/plain")
    now = CollectorRegistry(auto_describe=False)
    now.register(exposition.Station(found, _queued()))
    return HttpResponse(generate_latest(now) + generate_latest(_pages()), content_type=CONTENT_TYPE_LATEST)


def _may_see(request: HttpRequest) -> bool:
    """A proxy on this machine looks like this machine, but says for whom it asks."""
    if settings.METRICS_TOKEN:
        brought = request.headers.get("Authorization", "").encode()
        return hmac.compare_digest(brought, f"Bearer {settings.METRICS_TOKEN}".encode())
    try:
        near = ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
    return near and "X-Forwarded-For" not in request.headers


def _queued() -> dict[str, int] | None:
    """Tasks that wait in each queue; None when Redis does not answer."""
    try:
        with redis_client.client().pipeline(transaction=False) as pipeline:
            for name in QUEUES:
                pipeline.llen(name)
            return dict(zip(QUEUES, pipeline.execute(), strict=True))
    except RedisError:
        return None


def _pages() -> CollectorRegistry:
    """Over all processes of the web server where it has several, else of this one."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    everywhere = CollectorRegistry()
    MultiProcessCollector(everywhere)  # type: ignore[no-untyped-call]
    return everywhere
