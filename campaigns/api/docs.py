"""The page that shows the API's own document to people: made here, nothing fetched from elsewhere, no script."""

from __future__ import annotations

import json
from dataclasses import dataclass
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
    answers: list[tuple[str, str, list[Field]]]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """`/api/v1/docs`."""
    return render(
        request, "api_docs.html",
        {"operations": operations(document()), "scopes": MEANINGS, "base": f"{settings.PUBLIC_URL}/api/v1",
         "per_minute": PER_MINUTE, "largest": LARGEST_BODY},
    )  # fmt: skip


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
    name = body.get("$ref", "").rpartition("/")[2]
    return Operation(
        id=found["operationId"],
        method=method.upper(),
        path=path,
        summary=found["summary"],
        words=found.get("description", ""),
        parameters=[
            Field(each["name"], _kind(each["schema"]), each["required"], each.get("description", ""))
            for each in found.get("parameters", [])
        ],
        body=_fields(name, schemas) if name else [],
        example=json.dumps(EXAMPLES[name], indent=2, ensure_ascii=False) if name in EXAMPLES else "",
        answers=[_answer(str(code), each, schemas) for code, each in found["responses"].items()],
    )


def _answer(code: str, found: Document, schemas: Document) -> tuple[str, str, list[Field]]:
    content: Document = next(iter(found.get("content", {}).values()), {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    words = schemas.get(name, {}).get("description", "")
    return code, words, _fields(name, schemas) if code.startswith("2") and name else []


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
        return str(found["$ref"].rpartition("/")[2])
    if found.get("type") == "array":
        return f"list of {_kind(found['items'])}"
    plain = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "null"}
    formats = {"date": "day, 2027-09-19", "date-time": "moment, 2027-03-02T19:31:00Z", "uuid": "cursor"}
    kind = str(found.get("type", "any"))
    return formats.get(found.get("format", ""), plain.get(kind, kind))
