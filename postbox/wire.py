"""Writes SMTP replies in order, and as slowly, split or merged as a fault asks. Knows nothing of SMTP."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds; `or_reply`: no longer than until another reply is queued."""

    seconds: float
    or_reply: bool = False


Step = bytes | Pause | Callable[[], object]


class Wire:
    """A queue of bytes to write, pauses and things to do, carried out one after another."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self._loop = loop
        self._steps: deque[Step] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._ends_on_reply = False

    def reply(self, data: bytes) -> None:
        """Queue a reply."""
        if self._ends_on_reply:
            self._end_pause()
        self._steps.append(data)

    def reply_split(self, data: bytes, seconds: float) -> None:
        """Queue a reply that leaves byte by byte, `seconds` apart."""
        for byte in data:
            self.reply(bytes((byte,)))
            self.pause(seconds)

    def reply_merged(self, data: bytes, seconds: float) -> None:
        """Queue a reply that is held until the next one, at most `seconds`, and leaves together with it."""
        self._steps.append(Pause(seconds, or_reply=True))
        self._steps.append(data)

    def pause(self, seconds: float) -> None:
        """Queue a pause."""
        self._steps.append(Pause(seconds))

    def then(self, deed: Callable[[], object]) -> None:
        """Queue something to do once everything before it is written."""
        self._steps.append(deed)

    def flush(self) -> None:
        """Carry out what is queued, up to the next pause; replies that stand together leave as one write."""
        together: list[bytes] = []
        while self._steps and self._timer is None:
            step = self._steps.popleft()
            if isinstance(step, bytes):
                together.append(step)
                continue
            self._write(together)
            if isinstance(step, Pause):
                self._begin(step)
            else:
                step()
        self._write(together)

    def stop(self) -> None:
        """Forget what is queued."""
        self._steps.clear()
        self._end_pause()

    def _write(self, together: list[bytes]) -> None:
        if together:
            self.transport.write(b"".join(together))
            together.clear()

    def _begin(self, pause: Pause) -> None:
        if pause.or_reply and len(self._steps) > 1:
            return  # the reply it waits for is queued already, behind the one that is held
        self._ends_on_reply = pause.or_reply
        self._timer = self._loop.call_later(pause.seconds, self._go_on)

    def _go_on(self) -> None:
        self._end_pause()
        self.flush()

    def _end_pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._ends_on_reply = False
