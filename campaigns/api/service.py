"""The API itself, version 1: which addresses there are, and what each of them calls."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Path, Query, Status
from ninja.errors import AuthenticationError, HttpError, ValidationError

from campaigns import audit, people
from campaigns.api import problems, reading
from campaigns.api.door import Token, event_of, token_of
from campaigns.api.problems import FieldProblem, Problem, Refused
from campaigns.api.schemas import (
    CellProblem,
    DeliveriesOut,
    EntryIn,
    EntryOut,
    ExternalId,
    StandingOut,
    State,
    StatusOut,
)
from campaigns.api.tokens import Scope
from campaigns.entry_lists import pushing
from campaigns.models import Entrant, Event

Slug = Annotated[str, Path(..., pattern=r"^[-a-zA-Z0-9_]{1,50}$")]
Id = Annotated[ExternalId, Path(..., description="the entry's id at the platform")]


class Service(NinjaAPI):
    """The API whose document says what is true of every refusal, and ninja cannot know."""

    def get_openapi_schema(self, **options: Any) -> Any:
        """The document, with the media type of refusals and the one for other methods."""
        schema = super().get_openapi_schema(**options)
        for operation in (act for acts in schema["paths"].values() for act in acts.values()):
            responses = operation["responses"]
            for code, response in responses.items():
                if int(code) >= HTTPStatus.BAD_REQUEST and "application/json" in response["content"]:
                    response["content"] = {problems.MEDIA_TYPE: response["content"].pop("application/json")}
            responses[HTTPStatus.METHOD_NOT_ALLOWED.value] = dict(
                responses[404], description="Method Not Allowed"
            )
        return schema


api = Service(
    title="Aid Station",
    version="1",
    description="For programs of one event: push entries as they happen, and read how its messages stand.",
    urls_namespace="api-v1",
    docs_url=None,
    auth=Token(),
)
api.add_exception_handler(Refused, problems.on_refused)  # type: ignore[arg-type]
api.add_exception_handler(AuthenticationError, problems.on_no_token)
api.add_exception_handler(ValidationError, problems.on_invalid)
api.add_exception_handler(HttpError, problems.on_unreadable)
api.add_exception_handler(Http404, problems.on_unknown)

REFUSALS = dict.fromkeys((400, 401, 403, 404, 413, 422, 429), Problem)


@api.put(
    "/events/{slug}/entrants/{external_id}",
    response={200: EntryOut, 201: EntryOut, 410: Problem, **REFUSALS},
    summary="Push an entry",
    operation_id="push_entry",
    tags=["Entries"],
)
def push_entry(request: HttpRequest, slug: Slug, external_id: Id, entry: EntryIn) -> Any:
    """The entry becomes what the same row of an entry list would make of it: cleaned, matched, compared.

    Push it again as often as you like: the same entry changes nothing. Needs `entrants:write`.
    """
    event = event_of(request, slug, Scope.ENTRANTS_WRITE)
    token = token_of(request)
    done = pushing.push(event, _pushed(external_id, entry), source=token.source, who=_who(request))
    if done.erased:
        raise Refused(HTTPStatus.GONE, "This person has been erased: nothing of the entry is kept.")
    if done.outcome == pushing.REJECTED:
        found = [FieldProblem(field=one.column, problem=one.problem, cure=one.cure) for one in done.problems]
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY, "This entry cannot go in: see problems.", problems=found
        )
    entrant = _entrant(request, event, external_id)
    noted = [CellProblem(field=one.column, problem=one.problem, cure=one.cure) for one in done.problems]
    status = HTTPStatus.CREATED if done.outcome == "new" else HTTPStatus.OK
    return Status(status, _entry(external_id, entrant, done.outcome, noted))


@api.get(
    "/events/{slug}/entrants/{external_id}",
    response={200: StandingOut, **REFUSALS},
    summary="See how an entry stands",
    operation_id="see_entry",
    tags=["Entries"],
)
def see_entry(request: HttpRequest, slug: Slug, external_id: Id) -> Any:
    """Whether a pushed entry is confirmed, held or withdrawn. Needs `entrants:write`."""
    event = event_of(request, slug, Scope.ENTRANTS_WRITE)
    entrant = _entrant(request, event, external_id)
    return {
        "external_id": external_id,
        "status": entrant.status,
        "waits_for": entrant.hold_reason,
        "race": entrant.race.slug,
        "changed_at": entrant.updated_at,
    }


@api.delete(
    "/events/{slug}/entrants/{external_id}",
    response={200: EntryOut, **REFUSALS},
    summary="Withdraw an entry",
    operation_id="withdraw_entry",
    tags=["Entries"],
)
def withdraw_entry(request: HttpRequest, slug: Slug, external_id: Id) -> Any:
    """Nothing planned goes to the entry any more; what is sent stays in the ledger. A later push brings it back.

    Withdrawing it again changes nothing. Needs `entrants:write`.
    """
    event = event_of(request, slug, Scope.ENTRANTS_WRITE)
    entrant = _entrant(request, event, external_id)
    stood = people.withdraw(entrant)
    if stood:
        audit.record(_who(request), "entrants.withdraw", event=event.slug, entrant=entrant.id)
        entrant.refresh_from_db()
    return _entry(external_id, entrant, "withdrawn" if stood else "unchanged", [])


@api.get(
    "/events/{slug}/status",
    response={200: StatusOut, **REFUSALS},
    summary="See how the campaign stands",
    operation_id="see_status",
    tags=["Campaign"],
)
def see_status(request: HttpRequest, slug: Slug) -> Any:
    """Each step with its state, its moment and its counts, which are some seconds old. Needs `status:read`."""
    return reading.status(event_of(request, slug, Scope.STATUS_READ))


@api.get(
    "/events/{slug}/deliveries",
    response={200: DeliveriesOut, **REFUSALS},
    summary="Read the ledger",
    operation_id="read_deliveries",
    tags=["Campaign"],
)
def read_deliveries(
    request: HttpRequest,
    slug: Slug,
    after: Annotated[UUID | None, Query(None, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(100, ge=1, le=1000)] = 100,
    step: Annotated[str, Query("", max_length=60, pattern=r"^[a-z0-9#-]*$")] = "",
    state: Annotated[State | None, Query(None)] = None,
) -> Any:
    """Who got which step, by the platform's own ids: no names, no addresses. Needs `deliveries:read`."""
    event = event_of(request, slug, Scope.DELIVERIES_READ)
    found = reading.deliveries(event, after=after, limit=limit, step=step, state=state or "")
    if found is None:
        raise Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "after is no cursor of this event: begin without it, from the start.",
        )
    return found


def _pushed(external_id: str, entry: EntryIn) -> pushing.Pushed:
    given = entry.model_dump(exclude={"consents"})
    consents = [pushing.Answered(**consent.model_dump()) for consent in entry.consents]
    return pushing.Pushed(registration_id=external_id, consents=consents, **given)


def _entrant(request: HttpRequest, event: Event, external_id: str) -> Entrant:
    found = pushing.find(event, token_of(request).source, external_id)
    if found is None or found.erased_at is not None:
        raise Refused(HTTPStatus.NOT_FOUND, "No entry with this id is known: push it first.")
    return found


def _entry(external_id: str, entrant: Entrant, outcome: str, noted: list[CellProblem]) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "outcome": outcome,
        "status": entrant.status,
        "waits_for": entrant.hold_reason,
        "problems": noted,
    }


def _who(request: HttpRequest) -> str:
    """As the audit log names a program."""
    return f"token {token_of(request).name}"


def nothing_here(_: HttpRequest, path: str = "") -> HttpResponse:  # noqa: ARG001 - named by the address
    """Every other address under /api/ answers in the same shape."""
    return problems.on_unknown(_, Http404())
