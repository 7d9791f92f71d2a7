"""The bytes of an email, read as bytes: parsing them back would hide the faults looked for here.

Both makers are held to the same: the email package alone, and the frame that real mails are made with.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.content import (
    ContentError,
    EmailPieces,
    EntrantHeaders,
    Frame,
    Layout,
    RenderedEmail,
    StepHeaders,
    build_email,
    compile_email,
)

RENDERED = RenderedEmail("Shoes that fit", "<p>Hello Zoë</p>\n", "Hello Zoë\n.\n..\nFrom here\n")
HEADERS = StepHeaders(
    from_name="Run Reigate",
    from_email="tips@runreigate.example",
    reply_to="hello@runreigate.example",
    purpose="tips",
    list_id="tips.runreigate.example",
    list_name="Run Reigate tips",
    feedback_id="shoes:reigate-2027:tips:aidstation",
)
OWN = EntrantHeaders(
    to_email="zoe@example.org",
    message_id="<" + "a" * 90 + "@runreigate.example>",
    date=datetime(2027, 7, 27, 10, 0, tzinfo=timezone(timedelta(hours=1))),
    unsubscribe_url="https://tips.example.org/u/" + "x" * 300,
    unsubscribe_mailto="unsub+" + "y" * 80 + "@tips.example.org",
)
SERVICE = replace(HEADERS, purpose="service")
EMAIL = compile_email(
    "sample",
    "---\ntopic: T\npurpose: tips\nsubject: S\npreheader: P\n---\n# Shoes that fit\n\nFrom here\n",
    Layout("[[ body ]]", "[[ body ]]"),
)

Build = Callable[[RenderedEmail, StepHeaders, EntrantHeaders], bytes]


def framed(rendered: RenderedEmail, headers: StepHeaders, own: EntrantHeaders) -> bytes:
    return Frame(headers, EMAIL).fill(EmailPieces(rendered.subject, [rendered.html], [rendered.text]), own)


by_both_makers = pytest.mark.parametrize("build", [build_email, framed])


def head(data: bytes) -> bytes:
    return data.split(b"\r\n\r\n", 1)[0] + b"\r\n"


def unix(text: str) -> str:
    return text.replace("\r\n", "\n")


@by_both_makers
def test_the_ways_out_stand_in_the_raw_bytes_whatever_their_length(build: Build) -> None:
    data = head(build(RENDERED, HEADERS, OWN))
    members = f"<{OWN.unsubscribe_url}>,\r\n <mailto:{OWN.unsubscribe_mailto}>\r\n"
    assert f"\r\nList-Unsubscribe: {members}".encode() in data
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in data
    assert b"=?" not in data


@by_both_makers
def test_all_headers_of_a_tip_are_there_in_raw_bytes(build: Build) -> None:
    data = head(build(RENDERED, HEADERS, OWN))
    for line in (
        "From: Run Reigate <tips@runreigate.example>",
        "To: zoe@example.org",
        "Reply-To: hello@runreigate.example",
        "Subject: Shoes that fit",
        "Date: Tue, 27 Jul 2027 10:00:00 +0100",
        f"Message-ID: {OWN.message_id}",
        "List-Id: Run Reigate tips <tips.runreigate.example>",
        "Feedback-ID: shoes:reigate-2027:tips:aidstation",
        "X-Auto-Response-Suppress: OOF, AutoReply",
        "MIME-Version: 1.0",
    ):
        assert f"\r\n{line}\r\n".encode() in b"\r\n" + data
    assert b"Auto-Submitted" not in data


@by_both_makers
def test_a_service_message_has_no_way_out_and_is_marked_automatic(build: Build) -> None:
    data = head(build(RENDERED, SERVICE, replace(OWN, unsubscribe_url="")))
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in data
    assert b"List-Unsubscribe" not in data


@by_both_makers
def test_a_service_message_with_a_part_of_tips_has_the_way_out_of_those(build: Build) -> None:
    data = head(build(RENDERED, SERVICE, OWN))
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in data
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in data


@by_both_makers
def test_one_click_is_promised_only_for_https(build: Build) -> None:
    data = head(build(RENDERED, HEADERS, replace(OWN, unsubscribe_url="http://127.0.0.1:8000/u/x")))
    assert b"List-Unsubscribe: <http://127.0.0.1:8000/u/x>" in data
    assert b"One-Click" not in data


@by_both_makers
def test_a_list_name_outside_ascii_leaves_the_list_id_readable(build: Build) -> None:
    long_id = "t" * 54 + ".runreigate.test"
    assert len(long_id) == 70
    data = head(build(RENDERED, replace(HEADERS, list_name="Läufe – tips", list_id=long_id), OWN))
    assert f" <{long_id}>\r\n".encode() in data


@by_both_makers
def test_text_comes_first_and_html_last_both_quoted_printable(build: Build) -> None:
    message = email.message_from_bytes(build(RENDERED, HEADERS, OWN), policy=email.policy.default)
    parts = list(message.iter_parts())
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert all(part["Content-Transfer-Encoding"] == "quoted-printable" for part in parts)
    assert all(part.get_content_charset() == "utf-8" for part in parts)
    assert [unix(part.get_content()) for part in parts] == [RENDERED.text, RENDERED.html]


@by_both_makers
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=400), repeats=st.integers(1, 20))
@settings(deadline=None)
def test_any_text_survives_in_short_seven_bit_lines(build: Build, text: str, repeats: int) -> None:
    body = "".join(text.splitlines()) * repeats + "\n"
    data = build(RenderedEmail("S", f"<p>{body}", body), HEADERS, OWN)
    assert data.isascii()
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\r" not in data.replace(b"\r\n", b"")
    body_lines = data.split(b"\r\n\r\n", 1)[1].split(b"\r\n")
    assert max(map(len, body_lines)) <= 76
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert [unix(part.get_content()) for part in message.iter_parts()] == [body, f"<p>{body}"]


@by_both_makers
def test_no_line_is_too_long_for_smtp(build: Build) -> None:
    longest = replace(OWN, unsubscribe_url="https://e.org/" + "x" * 880)
    rendered = RenderedEmail("Läufe " * 300, "<p>" + "x" * 5000, "x" * 5000)
    assert max(len(line) for line in build(rendered, HEADERS, longest).split(b"\r\n")) < 998


@by_both_makers
@pytest.mark.parametrize("spec", ["0@[", "a@[", "nobody", "a@", "@b", "zoë@example.org"])
def test_what_is_no_address_is_refused_in_a_sentence(build: Build, spec: str) -> None:
    with pytest.raises(ContentError, match="to_email is not an email address"):
        build(RENDERED, HEADERS, replace(OWN, to_email=spec))


@by_both_makers
@pytest.mark.parametrize(
    "mark", ["\r\nBcc: a@b.example", "\n", "\r", "\x00", "\u2028", "\x85", "\x0b", "\ud800"]
)
def test_no_line_break_enters_any_header(build: Build, mark: str) -> None:
    for whole in (HEADERS, OWN):
        for name in (field.name for field in fields(whole) if field.name not in ("date", "tracking")):
            with pytest.raises(ContentError):
                replace(whole, **{name: getattr(whole, name)[:-1] + mark + "x"})
    with pytest.raises(ContentError, match="X-Aid-Station"):
        replace(OWN, tracking=(("X-Aid-Station", f"a{mark}b"),))
    with pytest.raises(ContentError, match="subject"):
        build(replace(RENDERED, subject=f"Hi{mark}"), HEADERS, OWN)


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "ads"},
        {"list_id": "a b"},
        {"list_id": "a" * 71},
        {"list_name": "a <b>"},
        {"feedback_id": "a b"},
        {"feedback_id": "a,b"},
    ],
)
def test_step_headers_that_cannot_stand_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(ContentError):
        replace(HEADERS, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"date": datetime(2027, 7, 27)},  # noqa: DTZ001 - the fault looked for
        {"unsubscribe_url": "https://e.org/a,b"},
        {"unsubscribe_url": "https://e.org/ä"},
        {"unsubscribe_url": "https://e.org/>"},
        {"unsubscribe_url": "https://e.org/" + "x" * 900},
        {"message_id": "no-brackets@e.org"},
        {"message_id": "<no-domain>"},
        {"message_id": "<a b@e.org>"},
        {"message_id": "<a@e.org>,<b@e.org>"},
    ],
)
def test_an_entrants_headers_that_cannot_stand_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ContentError):
        replace(OWN, **change)


@by_both_makers
@pytest.mark.parametrize("link", ["", "mailto:a@b.example"])
def test_no_tip_goes_without_a_link_that_stops_it(build: Build, link: str) -> None:
    with pytest.raises(ContentError, match="unsubscribe_url"):
        build(RENDERED, HEADERS, replace(OWN, unsubscribe_url=link))


@by_both_makers
@pytest.mark.parametrize(
    "address",
    [
        "",
        "zoe",
        "zoe@",
        "@e.org",
        "a@b@c",
        "a b@c.org",
        "zoë@e.org",
        "a@e.org, b@e.org",
        "a@e.org>",
        "<a@e.org>",
    ],
)
def test_what_is_no_single_address_is_refused_without_repeating_it(build: Build, address: str) -> None:
    with pytest.raises(ContentError) as caught:
        build(RENDERED, HEADERS, replace(OWN, to_email=address))
    assert not address or address not in str(caught.value)


@by_both_makers
@given(name=st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=90))
@settings(deadline=None)
def test_a_senders_name_adds_no_second_address(build: Build, name: str) -> None:
    message = email.message_from_bytes(
        build(RENDERED, replace(HEADERS, from_name=name), OWN), policy=email.policy.default
    )
    assert [address.addr_spec for address in message["From"].addresses] == ["tips@runreigate.example"]
    assert [address.addr_spec for address in message["To"].addresses] == ["zoe@example.org"]
    assert message["Bcc"] is None


@by_both_makers
def test_the_same_input_gives_the_same_bytes(build: Build) -> None:
    assert build(RENDERED, HEADERS, OWN) == build(RENDERED, HEADERS, OWN)


@by_both_makers
def test_the_date_is_written_for_any_zone(build: Build) -> None:
    data = build(RENDERED, HEADERS, replace(OWN, date=datetime(2027, 1, 5, 9, tzinfo=UTC)))
    assert re.search(rb"\r\nDate: Tue, 05 Jan 2027 09:00:00 \+0000\r\n", data)
