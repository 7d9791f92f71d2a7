"""Log lines: one JSON object each, with ids and never an address, a number, a name or a personal link.

What a line says is its event and simple fields. Texts of exceptions and paths of requests may carry a person's data,
so neither is written: the kind of an error and where it arose are.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

from campaigns.channels.outcomes import scrub

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

DEEPEST = 12
"""Frames of a traceback that are written, the innermost last."""


class JsonLines(logging.Formatter):
    """A record as one line of JSON: at, level, logger, event, then the fields that came as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event(record),
            "process": record.process,
        }
        line |= {
            name: said for name, value in vars(record).items() if (said := _field(name, value)) is not None
        }
        return json.dumps(line | _request(record) | _task(record) | _error(record), ensure_ascii=False)


def speak() -> None:
    """Has this process tell what it does; commands, which speak to a person themselves, say only what is wrong."""
    logging.getLogger("campaigns").setLevel(logging.INFO)


def config() -> dict[str, Any]:
    """Django's LOGGING: everything to the error stream, in one form."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "campaigns.logs.JsonLines"}},
        "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["lines"], "level": "WARNING"},
        "loggers": {
            "django": {"handlers": [], "level": "WARNING", "propagate": True},
            # Each mistyped link is a warning to Django; the page figures count them.
            "django.request": {"handlers": [], "level": "ERROR", "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
        },
    }


def _event(record: logging.LogRecord) -> str:
    """What a record says. Beside an error or a request its words are another's, with who knows what in them."""
    if record.exc_info or hasattr(record, "request"):
        return "failed" if record.exc_info else "refused"
    return scrub(record.getMessage())


def _field(name: str, value: Any) -> Any:
    """A simple value that came as `extra`; None for everything else."""
    if name in _OWN:
        return None
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, bool | int | float):
        return value
    numbers = isinstance(value, list | tuple) and all(isinstance(one, int) for one in value)
    return list(value) if numbers else None


def _request(record: logging.LogRecord) -> dict[str, Any]:
    """The name of the page and not its path, in which a personal token may stand."""
    request = getattr(record, "request", None)
    match = getattr(request, "resolver_match", None)
    return {"page": match.view_name or match.route} if match else {}


def _task(record: logging.LogRecord) -> dict[str, Any]:
    """Celery's name for what failed."""
    data = getattr(record, "data", None)
    return {"task": data["name"]} if isinstance(data, dict) and isinstance(data.get("name"), str) else {}


def _error(record: logging.LogRecord) -> dict[str, Any]:
    """The kind of an error, Postgres's code for it, and where it arose; never its words."""
    if not record.exc_info or record.exc_info[0] is None:
        return {}
    kind, error, trace = record.exc_info
    sqlstate = (
        getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None) if error else None
    )
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
    found: dict[str, Any] = {"error": f"{kind.__module__}.{kind.__qualname__}", "where": where[-DEEPEST:]}
    return found | ({"sqlstate": sqlstate} if sqlstate else {})
