"""What goes in and out, as the OpenAPI document tells it. Times are ISO 8601 with their zone, answers in UTC."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import AwareDatetime, ConfigDict, Field, model_validator

Channel = Literal["email", "sms"]
Purpose = Literal["service", "tips", "sponsor"]
State = Literal[
    "due", "claimed", "uncertain", "sent", "delivered", "bounced", "failed", "skipped", "held", "unknown"
]
ExternalId = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]*$")]


class ConsentIn(Schema):
    """One question of the entry form, and the answer to it. What is not answered is no."""

    model_config = ConfigDict(extra="forbid")

    channel: Channel
    purpose: Purpose = Field(
        description="service (texts about the race), tips (health tips) or sponsor: what the wording asks for"
    )
    granted: bool
    wording: str = Field(
        min_length=1, max_length=500, description="the question as the entrant read it: it is kept as proof"
    )


class EntryIn(Schema):
    """One entry as the platform knows it now. Fields left out are "not said": what is known stays."""

    model_config = ConfigDict(extra="forbid")

    first_name: str = Field(min_length=1, max_length=200)
    last_name: str = Field("", max_length=200)
    email: str = Field(
        max_length=320, description="may be empty; for a child, the address in the entry of the guardian"
    )
    birth_date: date | None = Field(
        description="null only in a race for children: else nobody could tell who is a child"
    )
    race: str = Field(min_length=1, max_length=200, description="a race of the event, by its slug or name")
    status: Literal["confirmed", "held", "withdrawn"] = "confirmed"
    phone: str | None = Field(
        None, max_length=60, description="+44… or as dialled in Britain; not kept for children"
    )
    wave: str | None = Field(None, max_length=40)
    bib: str | None = Field(None, max_length=40)
    club: str | None = Field(None, max_length=200)
    first_timer: bool | None = None
    consents: list[ConsentIn] = Field([], max_length=6, description="each channel and purpose once")
    answered_at: AwareDatetime | None = Field(
        None, description="when the questions were answered; with the zone"
    )

    @model_validator(mode="after")
    def one_answer_each(self) -> EntryIn:
        """Two answers to one question would make the last one count by chance."""
        asked = [(each.channel, each.purpose) for each in self.consents]
        if len(set(asked)) < len(asked):
            raise ValueError("each channel and purpose is answered once")
        return self


class CellProblem(Schema):
    """Something in the entry that went in without, or kept it out."""

    field: str
    problem: str
    cure: str


class EntryOut(Schema):
    """How the entry stands after the request."""

    external_id: str
    outcome: Literal["new", "changed", "unchanged", "held", "withdrawn"] = Field(
        description="what the request did; held: it waits for a person of the organiser"
    )
    status: Literal["confirmed", "held", "withdrawn"]
    waits_for: str = Field(description="what it waits for, in words; empty when it waits for nothing")
    problems: list[CellProblem] = Field(description="fields that could not be taken; all others were")


class StandingOut(Schema):
    """How an entry stands now, without names and addresses."""

    external_id: str
    status: Literal["confirmed", "held", "withdrawn"]
    waits_for: str
    race: str
    changed_at: datetime


class StepOut(Schema):
    """One step of the plan."""

    name: str
    channel: Channel
    state: Literal["draft", "waiting", "approved", "sending", "done", "paused", "off"]
    due_at: datetime | None = Field(description="its first moment; null for what has none yet")
    counts: dict[str, int] = Field(description="deliveries by state, as of counted_at")
    counted_at: datetime | None


class StatusOut(Schema):
    """How the campaign of the event stands."""

    event: str
    date: date
    campaign: Literal["none", "draft", "approved", "live", "paused", "stopped", "done"]
    incident_hold: bool
    cancelled: bool
    entrants: int = Field(description="entries known, whatever their status")
    steps: list[StepOut]


class DeliveryOut(Schema):
    """One line of the ledger: one step to one entry."""

    step: str
    external_id: str = Field(description="empty for entries that have none")
    source: str = Field(description="the platform the entry came from")
    channel: Channel
    state: State
    reason: str
    attempts: int
    message_id: str
    due_at: datetime
    sent_at: datetime | None


class DeliveriesOut(Schema):
    """A page of the ledger. Ask again with `after=next` until `next` is empty; asked for a state, one may be empty."""

    deliveries: list[DeliveryOut]
    next: str = Field(description="for `after`; empty on the last page")
