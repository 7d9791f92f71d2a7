"""How long pages take and how they answer, by page. It must not know whom a page is for."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

Respond = Callable[[HttpRequest], HttpResponse]

SECONDS = Histogram(
    "aidstation_page_seconds",
    "Time a page took to answer, by page.",
    ["page"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5),
)
ANSWERS = Counter("aidstation_page_answers", "Answers by page and status.", ["page", "status"])

UNKNOWN = "none"
"""Of an address that leads nowhere: what people type is no label."""


def timed(respond: Respond) -> Respond:
    """Middleware: counts each answer and its time under the name of its page; hooks are pages too."""

    def with_time(request: HttpRequest) -> HttpResponse:
        begun = time.perf_counter()
        response = respond(request)
        match = request.resolver_match
        page = (match.view_name or match.route) if match else UNKNOWN
        SECONDS.labels(page).observe(time.perf_counter() - begun)
        ANSWERS.labels(page, str(response.status_code)).inc()
        return response

    return with_time
