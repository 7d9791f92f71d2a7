"""Rendering one block ahead: while the database settles and claims, a thread of its own finishes messages.

Half of a rehearsal's time is the database's and half is rendering, and neither waits for the other. The thread asks
the database nothing.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime

from campaigns import clock, content, ledger, rendering
from campaigns.channels.outcomes import Email, Sms
from campaigns.ledger import Claimed
from campaigns.models.words import Channel
from campaigns.rehearsal.reading import Rendered

Made = Email | Sms | content.ContentError


@dataclass(frozen=True)
class Finished(rendering.Message):
    """A step's message whose words for one block are there already, or the error that stood in their way."""

    made: Future[dict[int, Made]] | None = None

    def finished_email(self, group: Sequence[Claimed], now: datetime) -> Email:  # noqa: ARG002 - made before
        made = self._of(group)
        assert isinstance(made, Email)
        return made

    def finished_sms(self, group: Sequence[Claimed], now: datetime) -> Sms:  # noqa: ARG002 - made before
        made = self._of(group)
        assert isinstance(made, Sms)
        return made

    def _of(self, group: Sequence[Claimed]) -> Email | Sms:
        assert self.made is not None
        made = self.made.result()[group[0].delivery]
        if isinstance(made, content.ContentError):
            raise made
        return made


@dataclass(frozen=True)
class Ahead:
    """Where blocks are rendered; what they weigh is noted in `rendered`."""

    pool: ThreadPoolExecutor
    rendered: Rendered

    def begin(self, message: rendering.Message, claim: ledger.Claim) -> Finished:
        """The message of a block, under way: asked for an entrant's words, it waits until they are there."""
        made = self.pool.submit(copy_context().run, self._make, message, claim.groups)
        fields = {name: getattr(message, name) for name in message.__dataclass_fields__}
        return Finished(**fields, made=made)

    def _make(self, message: rendering.Message, groups: Sequence[Sequence[Claimed]]) -> dict[int, Made]:
        return {group[0].delivery: self._one(message, group) for group in groups}

    def _one(self, message: rendering.Message, group: Sequence[Claimed]) -> Made:
        """One finished message without its body: that was weighed, and thousands of them are many megabytes."""
        try:
            if message.channel == Channel.SMS:
                text = message.finished_sms(group, clock.now())
                self.rendered.note(message.step_name, text)
                return text
            email = message.finished_email(group, clock.now())
            self.rendered.note(message.step_name, email)
            return replace(email, data=b"")
        except content.ContentError as error:
            return error
