"""What every refusal looks like: one shape (RFC 9457), one clear sentence, and nothing of what was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from ninja import Schema
from pydantic import Field

MEDIA_TYPE = "application/problem+json"

View = Callable[..., HttpResponseBase]


class FieldProblem(Schema):
    """One thing that is wrong with one field of what was sent."""

    field: str = Field(description="where it stands; empty for the whole")
    problem: str = Field(description="what is wrong")
    cure: str = Field("", description="what to do")


class Problem(Schema):
    """Why a request was refused."""

    status: int = Field(description="the HTTP status once more")
    title: str = Field(description="the kind of problem in a word or two")
    detail: str = Field(description="one sentence: what is wrong, and what to do")
    problems: list[FieldProblem] = Field([], description="one entry a field that is wrong")


class Refused(Exception):
    """Ends a request with a problem."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        problems: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.problems = status, detail, list(problems)
        self.headers = dict(headers or {})


def answer(refused: Refused) -> JsonResponse:
    """The problem as a response."""
    body = Problem(
        status=refused.status, title=refused.status.phrase, detail=refused.detail, problems=refused.problems
    )
    return JsonResponse(
        body.model_dump(),
        status=refused.status,
        headers=refused.headers,
        content_type=MEDIA_TYPE,
    )


def in_one_shape(view: View) -> View:
    """The same view, whose answer to a method that it does not have has the shape of every refusal."""

    @wraps(view)
    def shaped(*args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(*args, **kwargs)
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
            return response
        allowed = ", ".join(sorted(response["Allow"].split(", ")))
        return answer(
            Refused(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"This address knows {allowed}: use one of these methods.",
                headers={"Allow": allowed},
            )
        )

    return shaped


def on_refused(_: HttpRequest, error: Refused) -> JsonResponse:
    return answer(error)


def on_unknown(_: HttpRequest, __: Any) -> JsonResponse:
    return answer(Refused(HTTPStatus.NOT_FOUND, "There is nothing at this address: see /api/v1/docs."))


def on_no_token(_: HttpRequest, __: Any) -> JsonResponse:
    return answer(
        Refused(
            HTTPStatus.UNAUTHORIZED,
            "This needs an open token: send it as 'Authorization: Bearer aid_…'. An owner of the event makes one.",
            headers={"WWW-Authenticate": 'Bearer realm="Aid Station"'},
        )
    )


def on_invalid(_: HttpRequest, error: Any) -> JsonResponse:
    """What does not fit the document: each field by its place, without the value that was sent."""
    problems = [
        FieldProblem(field=".".join(str(part) for part in found["loc"][1:]), problem=_said(found), cure="")
        for found in error.errors
    ]
    return answer(
        Refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "What was sent does not fit the document of this API: see problems.",
            problems=problems,
        )
    )


def on_unreadable(_: HttpRequest, error: Any) -> JsonResponse:
    """Ninja's own refusals: a body that is no JSON."""
    return answer(
        Refused(HTTPStatus(error.status_code), "The body cannot be read: send one JSON object in UTF-8.")
    )


def _said(found: Mapping[str, Any]) -> str:
    """Pydantic's sentence, which may hold our own limits and never the value."""
    return str(found.get("msg", "is not right"))
