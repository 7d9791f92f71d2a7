"""How long each page of the organisers takes with a full ledger: through the WSGI application, page by page."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import campaigns
from bench import people
from bench.report import Line
from bench.station import Station, station

if TYPE_CHECKING:
    from campaigns.models import Campaign, Event, Step

SLUG = "reigate"
TARGET = "150 ms"
WARM_UP = 2

DOWNLOADS = {"report-deliveries", "entrant-export"}
"""Files as long as what is in them, which leave as they are read: no page."""


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
        campaign = _filled(aid, entrants, deliveries)
        yield Line("deliveries", "Deliveries", int(aid.sql("SELECT count(*) FROM deliveries")[0][0]))
        yield from _counting(campaign)
        cookie = _signed_in(campaign.event)
        say("Every page")
        for name, address in _addresses(campaign):
            yield from _measured(name, address, cookie, rounds)


def _measured(name: str, address: str, cookie: str, rounds: int) -> Iterator[Line]:
    first = [_get(address, cookie) for _ in range(WARM_UP)][-1]
    if not first.status.startswith("200"):
        yield Line(f"{name}_skipped", f"{name}: not measured, it answers", first.status)
        return
    took = [_get(address, cookie).seconds * 1000 for _ in range(rounds)]
    yield Line(f"{name}_p95_ms", name, statistics.quantiles(took, n=20)[-1], "ms", TARGET)
    yield Line(f"{name}_median_ms", "half of them within", statistics.median(took), "ms", within=True)
    yield Line(f"{name}_queries", "queries", _queries(address, cookie), within=True)
    yield Line(f"{name}_kb", "size", first.size / 1024, "KB", within=True)


def _get(address: str, cookie: str) -> Answer:
    from config.wsgi import application

    path, _, query = address.partition("?")
    environ: dict[str, Any] = {
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "HTTP_COOKIE": f"aidstation={cookie}",
    }
    setup_testing_defaults(environ)
    environ["wsgi.input"] = BytesIO()
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


def _queries(address: str, cookie: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        _get(address, cookie)
    return len(asked)


def _addresses(campaign: "Campaign") -> Iterator[tuple[str, str]]:
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
                yield name, reverse(name, kwargs=filling)
                break
            except NoReverseMatch:
                continue


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


def _filled(aid: Station, entrants: int, deliveries: int) -> "Campaign":
    campaign = _campaign(aid, entrants)
    steps = list(campaign.steps.filter(kind="planned").order_by("position"))
    number = max(1, min(len(steps), round(deliveries / entrants)))
    for at, step in enumerate(steps[:number]):
        _deliver(aid, step, moving=at == number - 1)
    for table in ("deliveries", "attempts", "outbox", "steps", "entrants", "consents"):
        aid.sql(f"VACUUM (ANALYZE) {table}")
    return campaign


def _campaign(aid: Station, entrants: int) -> "Campaign":
    """Run Reigate with its library plan, signed, approved and live."""
    from datetime import date, timedelta

    from campaigns import campaign as plans
    from campaigns import clock, sign_off
    from campaigns.models import Campaign, Version

    day = clock.now().date() + timedelta(days=3)
    aid.command(
        "event", "create", "--slug", SLUG, "--name", "Run Reigate", "--date", str(day), "--timezone",
        "Europe/London", "--race", "half=09:15", "--race", "10k=10:00", "--race", "5k=10:30", "--race", "kids=12:00",
        "--contact", "hello@example.org", "--venue", "Priory Park", "--postal-address", "1 Example Street",
    )  # fmt: skip
    [(race,)] = aid.sql(
        "SELECT r.id FROM races r JOIN events e ON e.id = r.event_id WHERE e.slug = %(slug)s AND r.slug = 'half'",
        slug=SLUG,
    )
    people.seed(aid, int(race), entrants)
    plan = Path(campaigns.__file__).parent / "library" / "run-reigate.toml"
    aid.command("campaign", "load", str(plan), "--event", SLUG)
    found = Campaign.objects.select_related("event__organiser").get(event__slug=SLUG)
    for version in Version.objects.filter(template__event=found.event, health=True):
        sign_off.sign(
            version, reviewer="EXAMPLE REVIEWER, not a clinician", registration="", review_by=date(2099, 12, 31),
            who="bench",
        )  # fmt: skip
    plans.approve(found, "bench", [])
    found.refresh_from_db()
    plans.start(found)
    return found


def _deliver(aid: Station, step: "Step", *, moving: bool) -> None:
    """A delivery of the step for everyone, most of them sent; of a step that moves a fifth waits."""
    aid.sql(_DELIVERIES, step=step.pk, channel=step.channel, waits=20 if moving else 0)
    aid.sql(_ATTEMPTS, step=step.pk)
    aid.sql(_OUTBOX, step=step.pk)
    aid.sql(
        "UPDATE steps s SET state = %(state)s, opened_revision = e.revision, first_opened_revision = e.revision,"
        " dated_version = e.plan_version FROM campaigns c JOIN events e ON e.id = c.event_id"
        " WHERE s.id = %(step)s AND c.id = s.campaign_id",
        step=step.pk,
        state="sending" if moving else "done",
    )


_DELIVERIES = """
INSERT INTO deliveries (step_id, entrant_id, channel, state, reason, plan_version, due_at, latest_at, message_id,
    attempts, sent_at, settled_at)
SELECT %(step)s, f.id, %(channel)s, f.state, CASE f.state WHEN 'skipped' THEN 'no_consent'
        WHEN 'bounced' THEN 'provider_refused' ELSE '' END,
    (SELECT plan_version FROM events WHERE id = f.event_id), now() - INTERVAL '1 hour', now() + INTERVAL '1 day',
    %(step)s || '.' || f.id || '@example.org', 1,
    CASE WHEN f.state IN ('sent', 'delivered', 'bounced') THEN now() END,
    CASE WHEN f.state <> 'due' THEN now() END
FROM (SELECT e.id, e.event_id, CASE WHEN e.id %% 100 < %(waits)s::int THEN 'due' WHEN e.id %% 100 < 40 THEN 'sent'
        WHEN e.id %% 100 < 90 THEN 'delivered' WHEN e.id %% 100 < 98 THEN 'skipped' ELSE 'bounced' END AS state
    FROM entrants e ORDER BY e.id) f"""

_ATTEMPTS = """
INSERT INTO attempts (delivery_id, number, channel, outcome, code, detail, provider_ref, at)
SELECT id, 1, channel, CASE state WHEN 'bounced' THEN 'recipient' ELSE 'accepted' END,
    CASE state WHEN 'bounced' THEN '550 5.1.1' ELSE '250' END,
    CASE state WHEN 'bounced' THEN 'No such user' ELSE '' END, '', now()
FROM deliveries WHERE step_id = %(step)s AND sent_at IS NOT NULL ORDER BY id"""

_OUTBOX = """
INSERT INTO outbox (delivery_id, channel, step_id, due_at, claim, holder)
SELECT id, channel, step_id, due_at, 0, '' FROM deliveries WHERE step_id = %(step)s AND state = 'due' ORDER BY id"""
