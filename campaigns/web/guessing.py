"""Slows down whoever tries short codes one after the other. It must not know what a code opens."""

import ipaddress
from datetime import datetime

from django.http import HttpRequest
from redis import RedisError

from campaigns import clock
from campaigns.web import redis_client

MISSES_A_MINUTE = 30
"""At this pace the 57^8 codes of a text's link are out of reach; nobody mistypes a link this often."""

IPV6_NETWORK = 64
"""Bits: who has one IPv6 address usually has all of its network's."""


def is_blocked(request: HttpRequest) -> bool:
    """Whether this client has missed too often in this minute. When Redis is away nobody is blocked."""
    try:
        misses = redis_client.client().get(_key(request, clock.now()))
    except RedisError:
        return False
    return int(misses or 0) >= MISSES_A_MINUTE


def count_miss(request: HttpRequest) -> None:
    """Notes that this client asked for a code that does not exist."""
    key = _key(request, clock.now())
    try:
        with redis_client.client().pipeline() as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 60)
            pipeline.execute()
    except RedisError:
        return


def client_network(request: HttpRequest) -> str:
    """The client's IPv4 address or IPv6 network.

    A peer with a private address is our own proxy: the last address of X-Forwarded-For is the one that it
    has seen itself. From any other peer that header is hearsay.
    """
    peer = _address(request.META.get("REMOTE_ADDR", ""))
    if peer is None or peer.is_private:
        peer = _address(request.headers.get("X-Forwarded-For", "").rpartition(",")[2]) or peer
    if isinstance(peer, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((peer, IPV6_NETWORK), strict=False))
    return str(peer)


def client_address(request: HttpRequest) -> str:
    """One address that stands for the client's network, where something wants an address and no network."""
    found = client_network(request).partition("/")[0]
    return "0.0.0.0" if found == "None" else found  # noqa: S104 - nothing listens on it: a client behind a socket


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None


def _key(request: HttpRequest, at: datetime) -> str:
    return f"web:misses:{client_network(request)}:{at:%H%M}"
