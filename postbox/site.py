"""Puts the HTTP side together: Twilio's API, the scripts' API and the page, for callers on this machine only."""

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

_HOSTS = frozenset(("127.0.0.1", "localhost", "[::1]"))
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}
_LONGEST_REQUEST = 1024 * 1024  # bytes

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _only_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse other host names: a website must not reach this one through a name that it points to 127.0.0.1."""
    if request.host.rpartition(":")[0] not in _HOSTS and request.host not in _HOSTS:
        return web.Response(status=421, text="Postbox answers only to 127.0.0.1 and localhost.")
    return await handler(request)


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def make_site(routes: Iterable[web.AbstractRouteDef]) -> web.Application:
    """The web application with these routes."""
    site = web.Application(middlewares=[_only_here], client_max_size=_LONGEST_REQUEST)
    site.on_response_prepare.append(_add_headers)
    site.add_routes(routes)
    return site
