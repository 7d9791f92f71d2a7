"""The page that shows the API's own document to people: made here, nothing fetched from elsewhere, no script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns.api.door import LARGEST_BODY, PER_MINUTE
from campaigns.api.service import api
from campaigns.api.tokens import MEANINGS

Document = dict[str, Any]

EXAMPLES: dict[str, Any] = {
    "EntryIn": {
        "first_name": "Zoë",
        "last_name": "Ashdown",
        "email": "zoe@example.org",
        "birth_date": "1987-04-23",
        "race": "half",
        "phone": "+447700900123",
        "consents": [
            {"channel": "email", "purpose": "tips", "granted": True, "wording": "Send me race tips by email"}
        ],
        "answered_at": "2027-03-02T19:31:00Z",
    }
}
"""What the document's own words cannot show: a body that goes in."""


@dataclass(frozen=True)
class Field:
    """One line of a table: a parameter, or a field of a body."""

    name: str
    kind: str
    needed: bool
    words: str


@dataclass(frozen=True)
class Answer:
    """What comes back under these codes when all is well."""

    codes: str
    words: str
    fields: list[Field]


@dataclass(frozen=True)
class Piece:
    """Something with fields of its own that stands inside others."""

    name: str
    words: str
    fields: list[Field]


@dataclass(frozen=True)
class Operation:
    """One act, as people read of it."""

    id: str
    method: str
    path: str
    summary: str
    words: str
    parameters: list[Field]
    body: list[Field]
    example: str
    answers: list[Answer]
    refusals: str


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """`/api/v1/docs`."""
    found = document()
    shown = {
        "operations": operations(found),
        "pieces": pieces(found),
        "scopes": MEANINGS,
        "base": f"{settings.PUBLIC_URL}/api/v1",
        "per_minute": PER_MINUTE,
        "largest": LARGEST_BODY,
    }
    return render(request, "api_docs.html", shown)


def document() -> Document:
    """The OpenAPI document, as /api/v1/openapi.json gives it."""
    return dict(api.get_openapi_schema(path_prefix="/api/v1/"))


def operations(openapi: Document) -> list[Operation]:
    """Every act of the document in its order."""
    schemas = openapi["components"]["schemas"]
    return [
        _operation(path, method, found, schemas)
        for path, methods in openapi["paths"].items()
        for method, found in methods.items()
    ]


def _operation(path: str, method: str, found: Document, schemas: Document) -> Operation:
    body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = _name(body)
    return Operation(
        id=found["operationId"],
        method=method.upper(),
        path=path,
        summary=found["summary"],
        words=found.get("description", "").replace("`", ""),
        parameters=[
            Field(each["name"], _kind(each["schema"]), each["required"], each.get("description", ""))
            for each in found.get("parameters", [])
        ],
        body=_fields(name, schemas) if name else [],
        example=json.dumps(EXAMPLES[name], indent=2, ensure_ascii=False) if name in EXAMPLES else "",
        answers=_answers(found["responses"], schemas),
        refusals=", ".join(
            sorted(str(code) for code in found["responses"] if int(code) >= HTTPStatus.BAD_REQUEST)
        ),
    )


def _answers(responses: Document, schemas: Document) -> list[Answer]:
    """What comes when all is well; codes with the same content stand together."""
    by_name: dict[str, list[str]] = {}
    for code, found in responses.items():
        if int(code) < HTTPStatus.BAD_REQUEST:
            by_name.setdefault(_name(next(iter(found["content"].values()))["schema"]), []).append(str(code))
    return [
        Answer(" or ".join(codes), schemas[name].get("description", ""), _fields(name, schemas))
        for name, codes in by_name.items()
    ]


def _name(schema: Document) -> str:
    """Which of the document's pieces a schema stands for."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def pieces(openapi: Document) -> list[Piece]:
    """What stands inside bodies and answers, and what a refusal is."""
    schemas = openapi["components"]["schemas"]
    whole = {_name(each) for each in _tops(openapi)} - {"Problem"}
    return [
        Piece(name, found.get("description", ""), _fields(name, schemas))
        for name, found in schemas.items()
        if "properties" in found and name not in whole
    ]


def _tops(openapi: Document) -> Iterator[Document]:
    for acts in openapi["paths"].values():
        for act in acts.values():
            for holder in (act.get("requestBody", {}), *act["responses"].values()):
                for content in holder.get("content", {}).values():
                    yield content["schema"]


def _fields(name: str, schemas: Document) -> list[Field]:
    schema = schemas[name]
    needed = schema.get("required", [])
    return [
        Field(each, _kind(found), each in needed, found.get("description", ""))
        for each, found in schema.get("properties", {}).items()
    ]


def _kind(found: Document) -> str:
    """A type in a few words: "text", "true or false", "email or sms", "list of ConsentIn"."""
    if "anyOf" in found:
        return " or ".join(dict.fromkeys(_kind(each) for each in found["anyOf"]))
    if "enum" in found:
        return " or ".join(str(each) for each in found["enum"])
    if "$ref" in found:
        return _name(found)
    if found.get("type") == "array":
        return f"list of {_kind(found['items'])}"
    plain = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "null"}
    formats = {"date": "day, 2027-09-19", "date-time": "moment, 2027-03-02T19:31:00Z", "uuid": "cursor"}
    kind = str(found.get("type", "any"))
    return formats.get(found.get("format", ""), plain.get(kind, kind))
