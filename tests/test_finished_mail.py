"""A claimed delivery becomes a finished mail: the entrant's own times, and the frame that a step shares."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from email import message_from_bytes, policy
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pytest_django.fixtures import Settings

from campaigns import content, rendering
from campaigns.ledger import Claimed
from campaigns.models.words import Channel

NOW = datetime(2027, 8, 3, 23, 30, tzinfo=UTC)  # half past midnight of the next day in Reigate
SOURCE = (
    "---\ntopic: T\npurpose: tips\nsubject: For {{ names }}\npreheader: P\n---\n# Shoes\n\nBib {{ bib }}.\n"
)
ZOE = Claimed(
    delivery=7,
    claim=1,
    carrier=7,
    token=UUID(int=7),
    message_id="7@runreigate.example",
    attempts=0,
    due_at=NOW,
    latest_at=NOW,
    entrant=7,
    address="zoe@example.org",
    first_name="Zoë",
    bib="123",
    entrant_token="zoes-token",
    short_code="abcd2345",
    race_name="Half Marathon",
    race_start=time(9, 15),
    wave_name="",
    wave_start=None,
)
BEN = replace(
    ZOE, delivery=8, first_name="Ben", address="ben@example.org", entrant_token="bens-token", bib="456"
)


@pytest.fixture
def message() -> rendering.Message:
    return rendering.Message(
        version_id=1,
        channel=Channel.EMAIL,
        purpose="tips",
        step_name="shoes",
        event_name="Run Reigate",
        event_slug="reigate-2027",
        date=date(2027, 9, 19),
        zone=ZoneInfo("Europe/London"),
        venue="Priory Park",
        info_url="",
        deferral_url="",
        contact="hello@runreigate.example",
        organiser="Run Reigate Ltd",
        postal_address="1 Example Street",
        email=content.compile_email("shoes", SOURCE, rendering.layout()),
    )


def test_the_finished_mail_is_the_entrants_own(message: rendering.Message) -> None:
    for entrant, other in ((ZOE, BEN), (BEN, ZOE)):
        mail = message.finished_email([entrant], NOW)
        assert (mail.key, mail.recipient) == (entrant.delivery, entrant.address)
        assert f"\r\nTo: {entrant.address}\r\n".encode() in mail.data
        assert f"/u/{entrant.entrant_token}>\r\n".encode() in mail.data
        words = str(message_from_bytes(mail.data, policy=policy.default).get_body(("plain",)).get_content())
        assert f"Bib {entrant.bib}." in words
        assert other.entrant_token.encode() not in mail.data
        assert f"Bib {other.bib}." not in words


TIPS = "\n::: tips\nAn extra.\n:::\n"


@pytest.mark.parametrize(
    ("purpose", "source", "agreed", "way_out"),
    [
        ("service", TIPS, (("tips",),), True),
        ("service", TIPS, ((),), False),
        ("service", TIPS, (("tips",), ()), False),  # a part is shown to a family when all have agreed
        ("service", TIPS, (("tips",), ("tips", "sponsor")), True),
        ("service", "", (("tips",),), False),
        ("tips", "", ((),), True),
    ],
)
def test_whoever_gets_tips_can_stop_them_with_one_click_in_the_mail_program(
    message: rendering.Message, settings: Settings, purpose: str, source: str, agreed: tuple[str, ...],
    way_out: bool,
) -> None:  # fmt: skip
    settings.PUBLIC_URL = "https://tips.example.org"
    words = SOURCE.replace("purpose: tips", f"purpose: {purpose}") + source
    made = replace(message, purpose=purpose, email=content.compile_email("news", words, rendering.layout()))
    group = [replace(who, agreed=said) for who, said in zip((ZOE, BEN), agreed, strict=False)]
    data = made.finished_email(group, NOW).data
    assert (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in data) is way_out
    assert (b"An extra." in data) is (way_out and bool(source))


def test_blocks_of_one_step_share_a_frame(message: rendering.Message) -> None:
    message.finished_email([ZOE], NOW)
    made = rendering.made_frame.cache_info().misses
    replace(message).finished_email([BEN], NOW)
    assert rendering.made_frame.cache_info().misses == made
    replace(message, purpose="sponsor").finished_email([BEN], NOW)
    assert rendering.made_frame.cache_info().misses == made + 1


def test_times_hang_on_the_entrants_own_start(message: rendering.Message) -> None:
    values = message.values([replace(ZOE, wave_start=time(9, 20))], NOW)
    assert values["start_time"] == "09:20"
    assert values["pen_close"] == "09:10"
    assert values["warmup_time"] == "08:55"
    assert values["arrive_by"] == "08:20"
    assert message.values([ZOE], NOW)["start_time"] == "09:15"
    assert message.values([ZOE], NOW)["race_date"] == "Sun 19 Sep 2027"


def test_days_are_counted_by_the_races_own_calendar(message: rendering.Message) -> None:
    assert message.values([ZOE], NOW)["days_to_go"] == "46"


def test_who_lacks_a_value_gets_no_mail(message: rendering.Message) -> None:
    with pytest.raises(content.MissingValue, match="bib"):
        message.finished_email([replace(ZOE, bib="")], NOW)
