"""Twilio's list of messages: filters and paging, newest first."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from postbox.store import Text
from postbox.twilio_shapes import TwilioError, message_json, uri

_MOST = 1000
_DEFAULT = 50


def list_json(texts: list[Text], account: str, query: Mapping[str, str]) -> dict[str, Any]:
    """One page of those of `texts` (newest first) that match. Raises TwilioError for a query it cannot read.

    A page's token names the last message before it, so that arrivals meanwhile shift nothing.
    """
    page, size = _whole(query, "Page", 0), min(_whole(query, "PageSize", _DEFAULT), _MOST) or _DEFAULT
    found = [text for text in texts if _matches(text, account, query)]
    start = _start(found, query.get("PageToken"), page * size)
    shown = found[start : start + size]
    more = start + size < len(found)
    return {
        "messages": [message_json(text) for text in shown],
        "first_page_uri": _page_uri(account, query, size, 0),
        "next_page_uri": _page_uri(account, query, size, page + 1, shown[-1].sid) if more else None,
        "previous_page_uri": _page_uri(account, query, size, page - 1) if page else None,
        "uri": _page_uri(account, query, size, page, query.get("PageToken", "").removeprefix("PA")),
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(0, len(shown) - 1),
    }


def _start(found: list[Text], token: str | None, offset: int) -> int:
    if token is None:
        return offset
    for index, text in enumerate(found):
        if f"PA{text.sid}" == token:
            return index + 1
    raise TwilioError(400, 20006, "Invalid PageToken")


def _page_uri(account: str, query: Mapping[str, str], size: int, page: int, after: str = "") -> str:
    filters = {name: value for name, value in query.items() if not name.startswith("Page")}
    token = {"PageToken": f"PA{after}"} if after else {}
    return uri(account, "Messages.json?") + urlencode({**filters, "PageSize": size, "Page": page, **token})


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    given = query.get(name, str(default))
    if not (given.isascii() and given.isdigit()):
        raise TwilioError(400, 20006, f"Invalid {name}")
    return int(given)


def _matches(text: Text, account: str, query: Mapping[str, str]) -> bool:
    return (
        text.account_sid == account
        and not text.deleted
        and query.get("To", text.to) == text.to
        and query.get("From", text.sender) == text.sender
        and all(
            name not in query or (text.sent_at is not None and holds(text.sent_at, query[name]))
            for name, holds in _SENT.items()
        )
    )


def _moment(given: str) -> datetime:
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise TwilioError(400, 20001, "Invalid DateSent") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _that_day(sent: datetime, given: str) -> bool:
    return sent.date() == _moment(given).astimezone(UTC).date()


def _not_after(sent: datetime, given: str) -> bool:
    # A bare date means that whole day.
    return sent.date() <= _moment(given).date() if len(given) == 10 else sent <= _moment(given) + _SECOND


def _not_before(sent: datetime, given: str) -> bool:
    return sent >= _moment(given)


_SECOND = timedelta(seconds=1)  # queries are in whole seconds, moments are not
_SENT: dict[str, Callable[[datetime, str], bool]] = {
    "DateSent": _that_day,
    "DateSent<": _not_after,
    "DateSent>": _not_before,
}
