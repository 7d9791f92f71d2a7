"""How long each page of the organisers takes with a full ledger: through the WSGI application, page by page."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

from bench.full_ledger import CALLER_EMAIL, CALLER_MOBILE, SLUG, filled
from bench.report import Line
from bench.station import station

if TYPE_CHECKING:
    from campaigns.models import Campaign, Event

TARGET = "150 ms"
WARM_UP = 2

DOWNLOADS = {"report-deliveries", "entrant-export"}
"""Files as long as what is in them, which leave as they are read: no page."""


SEARCHES = {
    "first-name": "zoe",
    "two-names": "charlotte quill",
    "letter": "q",
    "bib": "4711",
    "address": CALLER_EMAIL,
    "half-an-address": "runner4711@",
    "mobile": CALLER_MOBILE,
    "nobody": "nemo",
}
"""What people type into the box of the entrants' room, and into the one beside a message."""

CSRF = "a" * 32


@dataclass(frozen=True)
class Asked:
    """One request: an address with its query, what a form sends, and headers."""

    name: str
    address: str
    form: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What the application said to one request."""

    status: str
    size: int
    seconds: float


def run(entrants: int, deliveries: int, rounds: int, say: Callable[[str], None]) -> Iterator[Line]:
    """Fills a station of its own with so many entrants and deliveries, then asks for each page again and again."""
    with station() as aid:
        say(f"{entrants:,} entrants and {deliveries:,} deliveries")
        campaign = filled(aid, entrants, deliveries)
        yield Line("deliveries", "Deliveries", int(aid.sql("SELECT count(*) FROM deliveries")[0][0]))
        yield from _counting(campaign)
        cookie = _signed_in(campaign.event)
        say("Every page")
        for asked in [*_addresses(campaign), *_searches(), *_looks(campaign), *_programs(campaign.event)]:
            yield from _measured(asked, cookie, rounds)


def _measured(asked: Asked, cookie: str, rounds: int) -> Iterator[Line]:
    name = asked.name
    first = [_ask(asked, cookie) for _ in range(WARM_UP)][-1]
    if not (first.status.startswith("200") or (first.status.startswith("302") and name.startswith("find-"))):
        yield Line(f"{name}_skipped", f"{name}: not measured, it answers", first.status)
        return
    took = [_ask(asked, cookie).seconds * 1000 for _ in range(rounds)]
    yield Line(f"{name}_p95_ms", name, statistics.quantiles(took, n=20)[-1], "ms", TARGET)
    yield Line(f"{name}_median_ms", "half of them within", statistics.median(took), "ms", within=True)
    yield Line(f"{name}_queries", "queries", _queries(asked, cookie), within=True)
    yield Line(f"{name}_kb", "size", first.size / 1024, "KB", within=True)


def _ask(asked: Asked, cookie: str) -> Answer:
    from config.wsgi import application

    environ = _environ(asked, cookie)
    said: list[str] = []

    def start(status: str, *_: Any) -> Callable[[bytes], object]:
        said.append(status)
        return lambda _body: None

    begun = time.perf_counter()
    answer = application(environ, start)
    size = sum(map(len, answer))
    took = time.perf_counter() - begun
    if hasattr(answer, "close"):
        answer.close()
    return Answer(said[0], size, took)


def _environ(asked: Asked, cookie: str) -> dict[str, Any]:
    path, _, query = asked.address.partition("?")
    body = urlencode(asked.form).encode()
    environ: dict[str, Any] = {
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "HTTP_COOKIE": f"aidstation={cookie}; csrftoken={CSRF}",
        "HTTP_X_CSRFTOKEN": CSRF,
        "REQUEST_METHOD": "POST" if asked.form else "GET",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        **asked.headers,
    }
    setup_testing_defaults(environ)
    return environ | {"wsgi.input": BytesIO(body)}


def _queries(asked: Asked, cookie: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as seen:
        _ask(asked, cookie)
    return len(seen)


def _addresses(campaign: "Campaign") -> Iterator[Asked]:
    """Every address of the organisers' pages that can be filled in from this event."""
    from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse

    from campaigns.models import Entrant
    from campaigns.web.organiser.urls import urlpatterns

    token = Entrant.objects.order_by("id")[len(DOWNLOADS)].token
    step = campaign.steps.order_by("position")[0].name
    fillings: list[dict[str, str]] = [
        {},
        {"slug": SLUG},
        {"slug": SLUG, "token": token},
        {"slug": SLUG, "channel": "email", "name": "back-warm-up"},
    ]

    def walk(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns)
            elif pattern.name and pattern.name not in DOWNLOADS:
                yield pattern.name

    for name in walk(urlpatterns):
        named = {"slug": SLUG, "name": "heat" if name.startswith("alert") else step}
        for filling in [*fillings, named]:
            try:
                yield Asked(name, reverse(name, kwargs=filling))
                break
            except NoReverseMatch:
                continue


def _searches() -> Iterator[Asked]:
    """The box of the entrants' room; who is found alone is shown at once."""
    from campaigns.models import Entrant

    room = f"/e/{SLUG}/entrants"
    for name, words in SEARCHES.items():
        yield Asked(f"find-{name}", f"{room}?{urlencode({'q': words})}")
    middle = Entrant.objects.order_by("id")[Entrant.objects.count() // 2].token
    yield Asked("entrants-after", f"{room}?{urlencode({'after': middle})}")


def _looks(campaign: "Campaign") -> Iterator[Asked]:
    """A message seen by different readers, framed, and while it is being written; an audience as it is typed."""
    from campaigns.models import Version

    here, htmx = f"/e/{SLUG}/messages/email/back-warm-up/", {"HTTP_HX_REQUEST": "true"}
    version = Version.objects.filter(template__event=campaign.event, template__name="back-warm-up").latest(
        "number"
    )
    for pick in ("longest", "oddest", "youngest"):
        yield Asked(f"message-{pick}", f"{here}?{urlencode({'pick': pick})}")
    for name, words in SEARCHES.items():
        yield Asked(f"message-by-{name}", f"{here}?{urlencode({'reader': words})}")
    yield Asked("message-framed", f"{here}frame?{urlencode({'version': version.content_hash})}")
    written = {
        "source": version.source.replace("Hello", "Dear"),
        "over": version.content_hash,
        "pick": "usual",
    }
    yield Asked("message-being-written", f"{here}edit", written, htmx)
    typed = {"audience": "adults and half and not first-timers"}
    yield Asked("audience-being-typed", f"/e/{SLUG}/audience", typed, htmx)


def _programs(event: "Event") -> Iterator[Asked]:
    """What programs ask again and again."""
    from campaigns.api import tokens

    scopes = [tokens.Scope.STATUS_READ, tokens.Scope.DELIVERIES_READ]
    _, secret = tokens.make(event, "bench", source="bench", scopes=scopes, who="bench")
    for name, what in {
        "api-status": "status",
        "api-deliveries": "deliveries",
        "api-deliveries-of-a-rare-state": "deliveries?state=unknown",
    }.items():
        yield Asked(name, f"/api/v1/events/{SLUG}/{what}", headers={"HTTP_AUTHORIZATION": f"Bearer {secret}"})


def _signed_in(event: "Event") -> str:
    """The session key of an owner who has just given a code."""
    from django.contrib.sessions.backends.db import SessionStore

    from campaigns import clock
    from campaigns.accounts import members
    from campaigns.models.words import Role

    user = members.add("owner@example.org", "Robin Ashdown")
    for role in (Role.OWNER, Role.REVIEWER):
        members.give(user, event, role)
    now = clock.now().isoformat()
    session = SessionStore()
    session.update(
        {
            "_auth_user_id": str(user.pk),
            "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
            "_auth_user_hash": user.get_session_auth_hash(),
            "signed_in_at": now,
            "seen_at": now,
            "code_at": now,
            "waits_for_code": False,
        }
    )
    session.create()
    return str(session.session_key)


def _counting(campaign: "Campaign") -> Iterator[Line]:
    """The tallies and the reach of alerts, which the clock keeps: made here once, and timed."""
    from campaigns import clock, tallies
    from campaigns.alerts import reaching
    from campaigns.models.words import Channel

    opened = campaign.steps.filter(opened_revision__isnull=False)
    took = []
    for step in opened:
        begun = time.perf_counter()
        tallies.count(step, clock.now())
        took.append((time.perf_counter() - begun) * 1000)
    yield Line("tally_ms", "Counting one step, by the clock", max(took), "ms")
    kept = [reaching.count(campaign.event, channel, clock.now()).took_s for channel in Channel]
    yield Line("reach_ms", "Counting whom an alert reaches, by the clock", max(kept) * 1000, "ms")
