"""An address that somebody ended with a slash too many leads to its page; Django itself adds only those that lack."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import is_valid_path
from django.utils.encoding import escape_uri_path, iri_to_uri
from django.utils.http import escape_leading_slashes

Respond = Callable[[HttpRequest], HttpResponse]


def without_slash(respond: Respond) -> Respond:
    """Middleware: where nothing is found and a page stands at the same address without the slash, leads there.

    On this host only, and for reading alone: a form is never sent on.
    """

    def with_a_second_look(request: HttpRequest) -> HttpResponse:
        response = respond(request)
        if response.status_code == 404 and request.method in ("GET", "HEAD") and _stands_without(request):
            return HttpResponseRedirect(_without(request))
        return response

    return with_a_second_look


def _stands_without(request: HttpRequest) -> bool:
    path = request.path_info
    return path.endswith("/") and bool(is_valid_path(path[:-1]))


def _without(request: HttpRequest) -> str:
    asked = iri_to_uri(request.META.get("QUERY_STRING", ""))
    path = escape_leading_slashes(escape_uri_path(request.path[:-1]))
    return f"{path}?{asked}" if asked else path
