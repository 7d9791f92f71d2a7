"""Hand texts to Twilio's REST API, several at a time. Knows nothing of races or the database.

A create has no idempotency key: what was written and not answered is in doubt and is not sent again here.
"""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeAlias

from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema, RequestException
from twilio.base.exceptions import (  # type: ignore[import-untyped]
    TwilioRestException,
    TwilioServiceException,
)
from twilio.rest import Client  # type: ignore[import-untyped]

from campaigns.channels.outcomes import ChannelDown, Kind, MayContinue, Outcome, Sms, scrub
from campaigns.channels.twilio_http import TwilioHttp, bad_certificate, never_left

Answer: TypeAlias = Outcome | ChannelDown
"""What a thread brings back: the outcome, or that Twilio could not be reached."""

_SERVICE_SID = re.compile(r"MG[0-9a-fA-F]{32}")
_LONGEST_VALIDITY = 36_000  # seconds, Twilio's limit for ValidityPeriod


class TwilioChannel:
    """One account, one `sender` (a number, an alphanumeric name or a messaging service's sid).

    Up to `in_flight` requests run at once on threads that share one client; created after any fork. A
    hand-over takes at most `connect_timeout` + `read_timeout` seconds. `base_url` stands in for Twilio's.
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        sender: str,
        base_url: str | None = None,
        in_flight: int = 16,
        connect_timeout: float = 5,
        read_timeout: float = 30,
    ) -> None:
        self._http = TwilioHttp(base_url, in_flight, connect_timeout, read_timeout)
        self._messages = Client(account_sid, auth_token, http_client=self._http).messages
        self._sender = sender
        self._in_flight = in_flight
        self._threads = ThreadPoolExecutor(in_flight, thread_name_prefix="twilio")

    def send(self, messages: Iterable[Sms], may_continue: MayContinue) -> Iterator[Outcome]:
        """Hand over each message and yield outcomes as they come, in any order.

        Raises ChannelDown, after the answers that are owed, when Twilio cannot be reached: messages without an
        outcome never left.
        """
        down: list[ChannelDown] = []
        for answer in self._answers(messages, lambda: not down and may_continue()):
            if isinstance(answer, ChannelDown):
                down.append(answer)
            else:
                yield answer
        if down:
            raise down[0]

    def _answers(self, messages: Iterable[Sms], may_continue: MayContinue) -> Iterator[Answer]:
        answers: SimpleQueue[Answer] = SimpleQueue()
        waiting = 0
        try:
            for message in messages:
                while waiting and (waiting == self._in_flight or not answers.empty()):
                    yield answers.get()
                    waiting -= 1
                if not may_continue():
                    break
                self._threads.submit(self._hand_over, message, answers)
                waiting += 1
        except Exception:  # the next message could not be drawn: what is under way still gets its answers
            yield from _remaining(answers, waiting)
            raise
        yield from _remaining(answers, waiting)

    def forget(self, sid: str) -> bool:
        """Remove a text at Twilio; whether it is gone there, which one that is still on its way cannot be (20009)."""
        try:
            return bool(self._messages(sid).delete())
        except TwilioRestException as refusal:
            return _number(refusal.status) == 404
        except (TwilioServiceException, RequestException):
            return False

    def close(self) -> None:
        """Wait for what is under way and close the connections."""
        self._threads.shutdown()
        self._http.session.close()

    def _hand_over(self, message: Sms, answers: SimpleQueue[Answer]) -> None:
        try:
            outcome: Answer = self._answer(message)
        except ChannelDown as down:
            outcome = down
        except Exception as error:  # an answer that makes no sense: it may have gone out
            outcome = _doubt(message, f"Twilio's answer could not be read ({type(error).__name__}).")
        answers.put(outcome)

    def _answer(self, message: Sms) -> Outcome:
        try:
            return self._create(message)
        except (TwilioRestException, TwilioServiceException) as refusal:
            return _refused(message, refusal)
        except RequestException as error:
            return _broken(message, error)

    def _create(self, message: Sms) -> Outcome:
        fields: dict[str, Any] = {
            "to": message.to,
            "body": message.body,
            "validity_period": max(1, min(message.validity_seconds, _LONGEST_VALIDITY)),
            **_sender_field(message.sender or self._sender),
        }
        if message.status_callback:
            fields["status_callback"] = message.status_callback
        sid = self._messages.create(**fields).sid
        if not sid:
            return _doubt(message, "The answer to the request has no message sid: is TWILIO_BASE_URL right?")
        return Outcome(message.key, Kind.ACCEPTED, "201", provider_ref=str(sid))


def _sender_field(sender: str) -> dict[str, str]:
    return {"messaging_service_sid" if _SERVICE_SID.fullmatch(sender) else "from_": sender}


def _remaining(answers: SimpleQueue[Answer], waiting: int) -> Iterator[Answer]:
    return (answers.get() for _ in range(waiting))


def _doubt(message: Sms, detail: str, code: str = "") -> Outcome:
    return Outcome(message.key, Kind.DOUBTFUL, code, detail)


_NO_URL = (InvalidSchema, InvalidURL, MissingSchema)


def _broken(message: Sms, error: RequestException) -> Outcome:
    """Read a missing answer: unsent only where no connection was made; one gone stale is a doubt.

    Raises ChannelDown where no connection was made: that is nobody's attempt.
    """
    if bad_certificate(error):
        return Outcome(message.key, Kind.POLICY, detail="The certificate of Twilio's address is not valid.")
    if never_left(error):
        raise ChannelDown(Kind.TRANSIENT, "", "Twilio cannot be reached.") from error
    if isinstance(error, _NO_URL):
        return Outcome(message.key, Kind.POLICY, detail="TWILIO_BASE_URL is not a web address.")
    return _doubt(message, "The connection to Twilio ended before the answer came.")


def _refused(message: Sms, refusal: TwilioRestException | TwilioServiceException) -> Outcome:
    """Read an answer above 299. A 5xx may have been processed; 429 never was."""
    status, code = _number(refusal.status), _number(refusal.code)
    known_as = str(code or status or "")
    words = getattr(refusal, "msg", None) or getattr(refusal, "title", "")
    detail = scrub(str(words).removeprefix("Unable to create record: "), message.to)
    if status >= 500 or status in (0, 408):
        return _doubt(message, detail, known_as)
    kind, retry_after, recognised = _meaning(status, code)
    return Outcome(message.key, kind, known_as, detail, retry_after=retry_after, recognised=recognised)


def _number(code: object) -> int:
    return int(code) if isinstance(code, int | str) and str(code).isdecimal() else 0


_PERMANENT = {21211, 21214, 21217, 21266, 21610, 21614, 21635, 30004, 30005, 30006}
_CONTENT = {21602, 21605, 21617, 21619, 21658, 30007}
_CONFIGURATION = {
    *{20003, 20005, 30002, 63038, 60728},  # login, suspended, daily and hourly account limit
    *{21212, 21601, 21603, 21606, 21607, 21612, 21659, 21660, 21661},  # the sender, or it cannot reach there
    *{21408, 21608, 21609, 21267},  # region off, trial account, callback URL
    *{21701, 21703, 21704, 21705, 35125},  # messaging service missing, empty; too many scheduled
}
_LATER = {20429: 2.0, 21611: 600.0, 30001: 60.0, 30003: 2700.0, 30008: 60.0}  # seconds: least wait


def _meaning(status: int, code: int) -> tuple[Kind, float | None, bool]:
    """Return kind, least wait and whether the code is one we recognise (twilio.com/docs/api/errors)."""
    if code in _LATER:
        return Kind.TRANSIENT, _LATER[code], True
    if code in _PERMANENT:
        return Kind.RECIPIENT, None, True
    if code in _CONTENT:
        return Kind.MESSAGE, None, True
    if status == 429 and code not in _CONFIGURATION:
        return Kind.TRANSIENT, _LATER[20429], True
    if code in _CONFIGURATION or status != 400:  # 3xx, 401, 403, 404: not about one message
        return Kind.POLICY, None, True
    return Kind.RECIPIENT, None, False
