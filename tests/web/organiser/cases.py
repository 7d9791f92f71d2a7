"""Every address of the organisers' pages, with what it takes to open it. A page without a case fails the tests.

A case says how to fill in the address; which role may open it stands at the view. `states` are the ways in which
the browser tests look at it, and `wrong` is a form sent to it that has mistakes in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from people import crowd, entrants
from reigate import make_entrant, make_event
from signed_in import make_user
from web.organiser import lists
from web.organiser.plans import look_of, plan_of, rehearsal_of
from web.organiser.race_days import with_alerts
from web.organiser.sends import sending
from web.organiser.stock import NEWEST, give_messages

from campaigns.api import tokens
from campaigns.models import Event, User
from campaigns.models.words import Role

MANY = 10_000


@dataclass
class World:
    """One event and what stands in it: nothing, one of each, or ten thousand."""

    event: Event
    state: str = "one"


def world(state: str = "one") -> World:
    """An event in that state: "empty", "one" or "many" rows."""
    event = make_event()
    if state == "one":
        make_entrant(event)
    return World(event, state)


def of_the_event(world: World) -> dict[str, str]:
    return {"slug": world.event.slug}


def with_entrants(world: World) -> dict[str, str]:
    if world.state == "many" and not world.event.entrants.exists():
        crowd(world.event, MANY, race="10k")
        entrants(world.event, 60, race="10k", status="held", hold_reason="Held by hand.")
    return of_the_event(world)


def of_an_entrant(world: World) -> dict[str, str]:
    """The first of them; on their pages nobody is missing."""
    first = world.event.entrants.order_by("id").first() or make_entrant(world.event)
    return {"slug": world.event.slug, "token": first.token}


def who_may_create(world: World) -> dict[str, str]:
    User.objects.update(may_create_events=True)
    return {}


def with_colleagues(world: World) -> dict[str, str]:
    """A page of people is never empty: whoever looks at it is one."""
    if world.state == "many" and not world.event.members.exists():
        for number in range(60):
            make_user(world.event, list(Role)[number % 5])
    return of_the_event(world)


def with_a_list(world: World) -> dict[str, str]:
    lists.a_list(world.event, world.state)
    return of_the_event(world)


def of_a_list(world: World) -> dict[str, str]:
    return of_the_event(world) | lists.a_list(world.event, world.state)


def of_an_alert(world: World) -> dict[str, str]:
    return {"slug": world.event.slug, "name": with_alerts(world.event, world.state).name}


def on_race_day(world: World) -> dict[str, str]:
    if world.state != "empty":
        with_alerts(world.event, world.state)
    return of_the_event(world)


def while_sending(world: World) -> dict[str, str]:
    """Nothing sent yet; a step on its way; or ten thousand deliveries of several."""
    if world.state != "empty":
        sending(world.event, MANY if world.state == "many" else 3)
    return of_the_event(world)


def nothing(world: World) -> dict[str, str]:
    return {}


@dataclass
class Case:
    fill: Callable[[World], dict[str, str]] = of_the_event
    posts_only: bool = False
    is_page: bool = True
    states: tuple[str, ...] = ("one",)
    wrong: dict[str, str] | None = None
    query: dict[str, str] = field(default_factory=dict)


def event_with_plan(world: World) -> dict[str, str]:
    """Its plan in that state: none, two steps, or thirty-five."""
    if world.state != "empty":
        plan_of(world.event, "season" if world.state == "many" else "two")
    return of_the_event(world)


def a_look(world: World) -> dict[str, str]:
    """A preflight of its plan: done, still running, or with something to put right."""
    event_with_plan(world)
    return of_the_event(world) | {"token": look_of(world.event, world.state).token}


def a_rehearsal(world: World) -> dict[str, str]:
    """A rehearsal of its plan: done, or still running."""
    event_with_plan(world)
    return of_the_event(world) | {"token": rehearsal_of(world.event, world.state).token}


def a_step_of_it(world: World) -> dict[str, str]:
    return event_with_plan(world) | {"name": "tip"}


def of_a_message(world: World) -> dict[str, str]:
    """The address of a message; the event gets some when it has none."""
    give_messages(world.event)
    return {"slug": world.event.slug, "channel": "email", "name": "back-warm-up"}


def with_a_token(world: World) -> dict[str, str]:
    if world.state != "empty" and not world.event.api_tokens.exists():
        tokens.make(
            world.event, "platform", source="platform", scopes=list(tokens.Scope), who="ann@example.org"
        )
    return of_the_event(world)


def of_messages(world: World) -> dict[str, str]:
    """The room of messages: none, a few, or more than any plan has."""
    if world.state != "empty":
        give_messages(
            world.event, more=300 if world.state == "many" and not world.event.templates.exists() else 0
        )
    return of_the_event(world)


OPEN_TO_ALL = {"sign-in", "sign-out", "code", "join", "enter"}
"""Addresses that have no door, each for a reason: they are how one gets in and out."""

CASES: dict[str, Case] = {
    "sign-in": Case(nothing, wrong={"email": "nobody@example.org", "password": "wrong"}),
    "sign-out": Case(nothing, posts_only=True, is_page=False),
    "code": Case(nothing),
    "join": Case(lambda _: {"token": "x" * 22}),
    "enter": Case(lambda _: {"token": "x" * 22}),
    "account": Case(nothing, wrong={"old": "wrong", "password": "short"}),
    "second-factor": Case(nothing, wrong={"code": "000000"}),
    "recovery-codes": Case(nothing, posts_only=True, is_page=False),
    "sign-out-everywhere": Case(nothing, posts_only=True, is_page=False),
    "events": Case(nothing, states=("empty", "one")),
    "messages": Case(of_messages, states=("empty", "one", "many")),
    "message-new": Case(of_messages, states=("empty", "one"), wrong={"name": "No Such Name"}),
    "message": Case(of_a_message, wrong={"source": "---\ntopic: New\n---\n{{ frist_name }}"}),
    "message-edit": Case(of_a_message, posts_only=True, is_page=False),
    "message-frame": Case(of_a_message, is_page=False, query=NEWEST),
    "message-test": Case(of_a_message, posts_only=True, is_page=False),
    "message-versions": Case(of_a_message),
    "message-sign-off": Case(of_a_message, wrong={"reviewer": "", "review_by": "2020-01-01"}),
    "api-tokens": Case(with_a_token, states=("empty", "one"), wrong={"name": "", "source": "No Such Name"}),
    "api-token-end": Case(
        lambda world: with_a_token(world) | {"handle": "x"}, posts_only=True, is_page=False
    ),
    "message-revoke": Case(of_a_message, posts_only=True, is_page=False),
    "entrants": Case(with_entrants, states=("empty", "one", "many")),
    "entrants-waiting": Case(with_entrants, states=("empty", "many")),
    "entrants-guardians": Case(posts_only=True, is_page=False),
    "entrants-held": Case(posts_only=True, is_page=False),
    "entrant": Case(of_an_entrant, wrong={"reason": ""}),
    "entrant-hold": Case(of_an_entrant, posts_only=True, is_page=False),
    "entrant-release": Case(of_an_entrant, posts_only=True, is_page=False),
    "entrant-mark": Case(of_an_entrant, posts_only=True, is_page=False),
    "entrant-guardian": Case(of_an_entrant, posts_only=True, is_page=False),
    "entrant-export": Case(of_an_entrant, posts_only=True, is_page=False),
    "entrant-erase": Case(of_an_entrant),
    "report": Case(while_sending, states=("empty", "one", "many")),
    "report-steps": Case(while_sending, is_page=False),
    "report-deliveries": Case(while_sending, is_page=False),
    "event-new": Case(who_may_create, wrong={"name": "", "timezone": "Reigate"}),
    "event": Case(wrong={"colour": "green", "contact_email": "no"}),
    "event-cancel": Case(wrong={"typed": "another"}),
    "team": Case(with_colleagues, states=("one", "many"), wrong={"email": "no", "name": ""}),
    "lists": Case(with_a_list, states=("empty", "compared", "done")),
    "list-new": Case(),
    "list": Case(
        of_a_list, states=("waiting", "unclear", "compared", "done", "refused"), wrong={"column-0": ""}
    ),
    "list-progress": Case(of_a_list, is_page=False),
    "live": Case(while_sending, states=("empty", "one", "many")),
    "live-figures": Case(while_sending, is_page=False),
    "race-day": Case(on_race_day, states=("empty", "one", "sent")),
    "race-day-figures": Case(on_race_day, is_page=False),
    "alert": Case(of_an_alert, states=("one", "armed", "sent"), wrong={"temp": "warm"}),
    "alert-figures": Case(of_an_alert, is_page=False),
    "course": Case(event_with_plan, states=("empty", "one", "many")),
    "plan": Case(event_with_plan, states=("empty", "one"), wrong={"name": "", "quiet_hours": "at night"}),
    "plan-library": Case(posts_only=True, is_page=False),
    "plan-own": Case(posts_only=True, is_page=False),
    "plan-as-file": Case(event_with_plan, is_page=False),
    "step-new": Case(event_with_plan, wrong={"name": "No Name", "audience": "hafl", "latest": "long"}),
    "step": Case(a_step_of_it, wrong={"audience": "adults and", "latest": "24 years"}),
    "step-switch": Case(a_step_of_it, posts_only=True, is_page=False),
    "step-delete": Case(a_step_of_it, posts_only=True, is_page=False),
    "approve": Case(event_with_plan, states=("one", "many")),
    "approve-look": Case(a_look, states=("one", "many", "running", "wrong")),
    "approve-progress": Case(a_look, is_page=False),
    "move": Case(
        event_with_plan,
        states=("empty", "one", "many"),
        query={"day": "2027-10-03"},
        wrong={"day": "2020-01-01"},
    ),
    "move-preview": Case(event_with_plan, is_page=False, query={"day": "2027-10-03"}),
    "rehearse": Case(event_with_plan, wrong={"move_to": "2020-01-01"}),
    "rehearsal": Case(a_rehearsal, states=("one", "running")),
    "rehearsal-progress": Case(a_rehearsal, is_page=False),
    "rehearsal-report": Case(a_rehearsal, is_page=False),
    "audience": Case(posts_only=True, is_page=False),
}
