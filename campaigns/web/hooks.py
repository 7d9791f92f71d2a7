"""The short way to the hooks. It must not know what a hook does."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, resolve

Respond = Callable[[HttpRequest], HttpResponse]

ADDRESSES = "/hooks/"


def straight(respond: Respond) -> Respond:
    """Middleware: a call to a hook goes past all that serves people with a browser.

    A provider has no session, no cookie, no user and no form of ours, and proves itself to the hook. What else stands
    in the way of hundreds of calls a second costs more than a hook itself.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(ADDRESSES):
            return respond(request)
        match: ResolverMatch = resolve(request.path_info)
        request.resolver_match = match
        answered: HttpResponse = match.func(request, *match.args, **match.kwargs)
        return answered

    return answer
