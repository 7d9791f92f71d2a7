"""What has arrived: emails and texts in order of arrival, numbered from 1, the newest kept and all counted.

Written by the server's thread and read by any; knows nothing of SMTP, HTTP or pages.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from functools import cached_property
from itertools import islice
from time import monotonic
from typing import Generic, Protocol, TypeVar

from postbox.segments import count_segments

KEEP = 20_000
KEEP_BYTES = 256 * 1024 * 1024  # a few huge messages must not fill memory while KEEP still has room


@dataclass(eq=False)
class Email:
    """One message for one recipient, as it came after dot-unstuffing; `arrived_at` is UTC."""

    number: int
    recipient: str
    sender: str
    raw: bytes = field(repr=False)
    arrived_at: datetime

    @cached_property
    def message(self) -> EmailMessage:
        """The parsed message; parsed when first asked for, since most never are."""
        return message_from_bytes(self.raw, policy=policy.default)

    @cached_property
    def _headers(self) -> EmailMessage:
        return BytesHeaderParser(policy=policy.default).parsebytes(self.raw)

    @property
    def subject(self) -> str:
        """The decoded subject on one line, read without parsing the body; empty when there is none."""
        return header(self._headers, "Subject")

    @property
    def message_id(self) -> str:
        """Message-ID with its angle brackets; empty when there is none."""
        return header(self._headers, "Message-ID")

    @property
    def cost(self) -> int:
        """Bytes this holds in memory, near enough for the bound."""
        return len(self.raw)


def header(message: EmailMessage, name: str, nth: int = 0) -> str:
    """The nth header of that name as one decoded line; empty when absent or unreadable."""
    try:
        return " ".join(str(message.get_all(name, [])[nth]).split())
    except (IndexError, ValueError, AttributeError, TypeError, LookupError):  # malformed headers raise these
        return ""


@dataclass(eq=False)
class Text:
    """One SMS as it was accepted; times are UTC, `validity_period` is in seconds.

    `reports` holds each status callback with its outcome: ("delivered", "204").
    """

    number: int
    sid: str
    account_sid: str
    to: str
    sender: str | None
    service_sid: str | None
    body: str
    status: str
    status_callback: str | None
    validity_period: int
    arrived_at: datetime
    updated_at: datetime
    sent_at: datetime | None = None
    deleted: bool = False
    error_code: int | None = None
    reports: list[tuple[str, str]] = field(default_factory=list)

    @cached_property
    def segments(self) -> int:
        """Parts this text is charged as."""
        return count_segments(self.body)

    @property
    def cost(self) -> int:
        """Bytes this holds in memory, near enough for the bound."""
        return len(self.body)


Item = TypeVar("Item", Email, Text)


class Kept(Generic[Item]):
    """The newest items of one kind, numbered without gaps. Not locked: the Store does that."""

    def __init__(self, keep: int, keep_bytes: int) -> None:
        self.items: deque[Item] = deque()
        self.total = 0
        self.last = 0
        self._bytes = 0
        self._keep, self._keep_bytes = keep, keep_bytes

    def add(self, item: Item) -> list[Item]:
        """Append; returns what had to go."""
        self.items.append(item)
        self.total += 1
        self.last = item.number
        self._bytes += item.cost
        gone = []
        while len(self.items) > self._keep or (self._bytes > self._keep_bytes and len(self.items) > 1):
            gone.append(self.items.popleft())
            self._bytes -= gone[-1].cost
        return gone

    def get(self, number: int) -> Item | None:
        """The item of that number, or None when it is gone or never was."""
        index = number - (self.last - len(self.items) + 1)
        return self.items[index] if 0 <= index < len(self.items) else None

    def following(self, number: int, limit: int) -> list[Item]:
        """Up to `limit` items after that number, oldest first."""
        start = max(0, number - (self.last - len(self.items)))
        return list(islice(self.items, start, start + limit))

    def clear(self) -> None:
        """Forget all; numbers go on rising, so that `following` never repeats one."""
        self.items.clear()
        self.total = self._bytes = 0


class Notes(Protocol):
    """Where arrivals are noted before they are answered for. Raises OSError."""

    def email(self, email: Email) -> None: ...

    def text(self, text: Text) -> None: ...


class Store:
    """Both kinds behind one lock, with texts also grouped by the number they went to."""

    def __init__(self, keep: int = KEEP, keep_bytes: int = KEEP_BYTES, notes: Notes | None = None) -> None:
        self._notes = notes
        self._changed = threading.Condition()
        self._emails: Kept[Email] = Kept(keep, keep_bytes)
        self._texts: Kept[Text] = Kept(keep, keep_bytes)
        self._by_sid: dict[str, Text] = {}
        self._conversations: dict[str, deque[Text]] = {}  # the number last written to stands last

    def add_emails(self, recipients: list[str], sender: str, raw: bytes) -> None:
        """One email for each recipient of a transaction."""
        now = datetime.now(UTC)
        with self._changed:
            for recipient in recipients:
                email = Email(self._emails.last + 1, recipient, sender, raw, now)
                if self._notes is not None:
                    self._notes.email(email)
                self._emails.add(email)
            self._changed.notify_all()

    def add_text(self, make: Callable[[int], Text]) -> Text:
        """Store what `make` builds from its number."""
        with self._changed:
            text = make(self._texts.last + 1)
            if self._notes is not None:
                self._notes.text(text)
            self._keep_text(text)
            self._changed.notify_all()
        return text

    def restore(self, arrived: Iterable[Email | Text]) -> None:
        """Keeps what arrived in an earlier life; call it before anything else arrives."""
        with self._changed:
            for one in arrived:
                if isinstance(one, Email):
                    self._emails.add(one)
                else:
                    self._keep_text(one)

    def _keep_text(self, text: Text) -> None:
        self._by_sid[text.sid] = text
        conversation = self._conversations.pop(text.to, deque())
        conversation.append(text)
        self._conversations[text.to] = conversation
        for gone in self._texts.add(text):
            self._forget(gone)

    def _forget(self, text: Text) -> None:
        del self._by_sid[text.sid]
        conversation = self._conversations[text.to]
        conversation.popleft()
        if not conversation:
            del self._conversations[text.to]

    def counts(self) -> dict[str, int]:
        """How many arrived since the start or the last clear, and how many of them are still kept."""
        with self._changed:
            return {
                "emails": self._emails.total,
                "texts": self._texts.total,
                "emails_kept": len(self._emails.items),
                "texts_kept": len(self._texts.items),
            }

    def clear(self) -> None:
        """Empty the inbox and the phone."""
        with self._changed:
            self._emails.clear()
            self._texts.clear()
            self._by_sid.clear()
            self._conversations.clear()

    def emails(self, after: int = 0, limit: int = KEEP) -> list[Email]:
        """Kept emails numbered above `after`, in order of arrival."""
        with self._changed:
            return self._emails.following(after, limit)

    def texts(self, after: int = 0, limit: int = KEEP) -> list[Text]:
        """Kept texts numbered above `after`, in order of arrival."""
        with self._changed:
            return self._texts.following(after, limit)

    def email(self, number: int) -> Email | None:
        """One email by its number."""
        with self._changed:
            return self._emails.get(number)

    def text(self, sid: str) -> Text | None:
        """One text by its sid."""
        with self._changed:
            return self._by_sid.get(sid)

    def newest_emails(
        self, wanted: Callable[[Email], bool] | None, skip: int, limit: int
    ) -> tuple[list[Email], int]:
        """A page of the inbox, newest first, and how many there are in all."""
        with self._changed:
            newest = reversed(self._emails.items)
            if wanted is None:
                return list(islice(newest, skip, skip + limit)), len(self._emails.items)
            found = [email for email in newest if wanted(email)]
            return found[skip : skip + limit], len(found)

    def newest_texts(self) -> list[Text]:
        """Every kept text, newest first: the order of Twilio's list."""
        with self._changed:
            return list(reversed(self._texts.items))

    def numbers(self, wanted: Callable[[str], bool]) -> list[str]:
        """Numbers that got texts, the one last written to first."""
        with self._changed:
            return [number for number in reversed(self._conversations) if wanted(number)]

    def conversation(self, number: str) -> list[Text]:
        """All kept texts to one number, oldest first."""
        with self._changed:
            return list(self._conversations.get(number, ()))

    def wait_for(self, emails: int, texts: int, timeout: float) -> None:
        """Block until so many have arrived in all. Raises TimeoutError, saying how many came."""
        deadline = monotonic() + timeout
        with self._changed:
            while self._emails.total < emails or self._texts.total < texts:
                if not self._changed.wait(deadline - monotonic()):
                    raise TimeoutError(
                        f"Only {self._emails.total} of {emails} emails and {self._texts.total} of {texts} texts "
                        f"arrived within {timeout:g} s."
                    )
