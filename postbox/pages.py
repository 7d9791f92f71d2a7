"""The page people look at: an inbox and a phone. Shows what is stored, changes nothing."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from postbox.api import whole
from postbox.faults import Faults
from postbox.reading import FRAME_POLICY, framed_html, read
from postbox.replies import Replies
from postbox.store import Email, Store

HERE = Path(__file__).parent
EMAILS_A_PAGE = 25
NUMBERS_A_PAGE = 8
TEXTS_A_PAGE = 20

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Leaf:
    """One page of a longer list, from 1; `param` is its name in the address."""

    items: list[Any]
    page: int
    size: int
    total: int
    param: str

    @property
    def first(self) -> int:
        """Position of the first item shown, from 1."""
        return (self.page - 1) * self.size + 1

    @property
    def last(self) -> int:
        """Position of the last item shown."""
        return self.first + len(self.items) - 1

    @property
    def has_more(self) -> bool:
        """Whether another page follows."""
        return self.last < self.total


class Pages:
    """The page, the frame for one message, and the files they need."""

    def __init__(self, store: Store, faults: Faults, replies: Replies) -> None:
        self._store, self._faults, self._replies = store, faults, replies
        jinja = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        jinja.filters["moment"] = _moment
        jinja.filters["clock"] = _clock
        self._page = jinja.get_template("page.html")

    def routes(self) -> list[web.AbstractRouteDef]:
        """Its addresses."""
        return [
            web.get("/", self._show),
            web.get("/emails/{number:\\d+}/html", self._frame),
            web.static("/static", HERE / "static"),
        ]

    async def _show(self, request: web.Request) -> web.Response:
        query = request.query.get("q", "").strip()
        number = whole(request, "email", 0)
        email = self._store.email(number) if number else None
        page = self._page.render(
            query=query,
            asked=number,
            email=email,
            reading=read(email) if email else None,
            inbox=self._inbox(request, query),
            **self._phone(request, query),
            counts=self._store.counts(),
            faults=len(self._faults),
            url=_linker(request),
            host=request.host,
        )
        return web.Response(
            text=page, content_type="text/html", headers={"Content-Security-Policy": PAGE_POLICY}
        )

    def _inbox(self, request: web.Request, query: str) -> Leaf:
        page = max(1, whole(request, "p", 1))
        needle = query.lower()

        def is_wanted(email: Email) -> bool:
            return needle in email.recipient.lower()

        emails, total = self._store.newest_emails(
            is_wanted if needle else None, (page - 1) * EMAILS_A_PAGE, EMAILS_A_PAGE
        )
        return Leaf(emails, page, EMAILS_A_PAGE, total, "p")

    def _phone(self, request: web.Request, query: str) -> dict[str, Any]:
        """The numbers that got texts, and the conversation with the chosen one."""
        numbers = self._store.numbers(_number_filter(query))
        chosen = request.query.get("number") or (numbers[0] if numbers else "")
        texts = self._store.conversation(chosen)
        said = [*texts, *self._replies.to(chosen)]
        newest_first = sorted(said, key=lambda one: one.arrived_at, reverse=True)
        listed = _leaf(numbers, max(1, whole(request, "np", 1)), NUMBERS_A_PAGE, "np")
        return {
            "numbers": listed,
            "last_texts": {number: self._store.conversation(number)[-1:] for number in listed.items},
            "chosen": chosen,
            "can_answer": bool(texts) and self._replies.url is not None,
            "sender": (texts[-1].sender or "") if texts else "",
            "conversation": _leaf(newest_first, max(1, whole(request, "tp", 1)), TEXTS_A_PAGE, "tp"),
        }

    async def _frame(self, request: web.Request) -> web.Response:
        email = self._store.email(int(request.match_info["number"]))
        html = framed_html(email) if email is not None else None
        if html is None:
            raise web.HTTPNotFound(text="There is no such message, or it has no HTML part.")
        return web.Response(
            text=html, content_type="text/html", headers={"Content-Security-Policy": FRAME_POLICY}
        )


def _leaf(items: list[Any], page: int, size: int, param: str) -> Leaf:
    return Leaf(items[(page - 1) * size : page * size], page, size, len(items), param)


def _number_filter(query: str) -> Any:
    """A test for phone numbers; 07700 900123 finds +447700900123, an email address finds none."""
    if re.search(r"[^\d\s+()-]", query):
        return lambda number: query in number
    digits = re.sub(r"\D", "", query).lstrip("0")
    return lambda number: digits in number


def _linker(request: web.Request) -> Any:
    """A function that gives this page's address with some parameters changed; None drops one."""

    def url(**changes: str | int | None) -> str:
        merged: dict[str, str | int | None] = {**request.query, **changes}
        kept = {name: value for name, value in merged.items() if value not in (None, "")}
        return f"/?{urlencode(kept)}" if kept else "/"

    return url


def _moment(moment: datetime) -> str:
    """Day and time on this machine's clock, as people read it."""
    local = moment.astimezone()
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S}"


def _clock(moment: datetime) -> str:
    """The time alone for today, else the day before it, on this machine's clock."""
    local = moment.astimezone()
    if local.date() == datetime.now().astimezone().date():
        return f"{local:%H:%M:%S}"
    return f"{local.day} {local:%b, %H:%M}"
