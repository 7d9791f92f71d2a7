"""The bytes of an email, read as bytes: parsing them back would hide the faults looked for here."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.content import ContentError, EmailHeaders, RenderedEmail, build_email

RENDERED = RenderedEmail("Shoes that fit", "<p>Hello Zoë</p>\n", "Hello Zoë\n.\n..\nFrom here\n")
HEADERS = EmailHeaders(
    from_name="Run Reigate",
    from_email="tips@runreigate.example",
    to_email="zoe@example.org",
    reply_to="hello@runreigate.example",
    message_id="<" + "a" * 90 + "@runreigate.example>",
    date=datetime(2027, 7, 27, 10, 0, tzinfo=timezone(timedelta(hours=1))),
    purpose="tips",
    list_id="tips.runreigate.example",
    list_name="Run Reigate tips",
    feedback_id="shoes:reigate-2027:tips:aidstation",
    unsubscribe_url="https://tips.example.org/u/" + "x" * 300,
    unsubscribe_mailto="unsub+" + "y" * 80 + "@tips.example.org",
)


def head(data: bytes) -> bytes:
    return data.split(b"\r\n\r\n", 1)[0] + b"\r\n"


def unix(text: str) -> str:
    return text.replace("\r\n", "\n")


def test_the_ways_out_stand_in_the_raw_bytes_whatever_their_length() -> None:
    data = head(build_email(RENDERED, HEADERS))
    members = f"<{HEADERS.unsubscribe_url}>,\r\n <mailto:{HEADERS.unsubscribe_mailto}>\r\n"
    assert f"\r\nList-Unsubscribe: {members}".encode() in data
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in data
    assert b"=?" not in data


def test_all_headers_of_a_tip_are_there_in_raw_bytes() -> None:
    data = head(build_email(RENDERED, replace(HEADERS, to_name="Zoe Example")))
    for line in (
        "From: Run Reigate <tips@runreigate.example>",
        "To: Zoe Example <zoe@example.org>",
        "Reply-To: hello@runreigate.example",
        "Subject: Shoes that fit",
        "Date: Tue, 27 Jul 2027 10:00:00 +0100",
        f"Message-ID: {HEADERS.message_id}",
        "List-Id: Run Reigate tips <tips.runreigate.example>",
        "Feedback-ID: shoes:reigate-2027:tips:aidstation",
        "X-Auto-Response-Suppress: OOF, AutoReply",
        "MIME-Version: 1.0",
    ):
        assert f"\r\n{line}\r\n".encode() in b"\r\n" + data
    assert b"Auto-Submitted" not in data


def test_a_service_message_has_no_way_out_and_is_marked_automatic() -> None:
    data = head(build_email(RENDERED, replace(HEADERS, purpose="service")))
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in data
    assert b"List-Unsubscribe" not in data


def test_one_click_is_promised_only_for_https() -> None:
    data = head(build_email(RENDERED, replace(HEADERS, unsubscribe_url="http://127.0.0.1:8000/u/x")))
    assert b"List-Unsubscribe: <http://127.0.0.1:8000/u/x>" in data
    assert b"One-Click" not in data


def test_a_list_name_outside_ascii_leaves_the_list_id_readable() -> None:
    long_id = "t" * 54 + ".runreigate.test"
    assert len(long_id) == 70
    data = head(build_email(RENDERED, replace(HEADERS, list_name="Läufe – tips", list_id=long_id)))
    assert f" <{long_id}>\r\n".encode() in data


def test_text_comes_first_and_html_last_both_quoted_printable() -> None:
    message = email.message_from_bytes(build_email(RENDERED, HEADERS), policy=email.policy.default)
    parts = list(message.iter_parts())
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert all(part["Content-Transfer-Encoding"] == "quoted-printable" for part in parts)
    assert all(part.get_content_charset() == "utf-8" for part in parts)
    assert [unix(part.get_content()) for part in parts] == [RENDERED.text, RENDERED.html]


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=400), repeats=st.integers(1, 20))
@settings(deadline=None)
def test_any_text_survives_in_short_seven_bit_lines(text: str, repeats: int) -> None:
    body = "".join(text.splitlines()) * repeats + "\n"
    data = build_email(RenderedEmail("S", f"<p>{body}", body), HEADERS)
    assert data.isascii()
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\r" not in data.replace(b"\r\n", b"")
    body_lines = data.split(b"\r\n\r\n", 1)[1].split(b"\r\n")
    assert max(map(len, body_lines)) <= 76
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert [unix(part.get_content()) for part in message.iter_parts()] == [body, f"<p>{body}"]


def test_no_line_is_too_long_for_smtp() -> None:
    longest = replace(HEADERS, unsubscribe_url="https://e.org/" + "x" * 880)
    rendered = RenderedEmail("Läufe " * 300, "<p>" + "x" * 5000, "x" * 5000)
    assert max(len(line) for line in build_email(rendered, longest).split(b"\r\n")) < 998


@pytest.mark.parametrize(
    "mark", ["\r\nBcc: a@b.example", "\n", "\r", "\x00", "\u2028", "\x85", "\x0b", "\ud800"]
)
def test_no_line_break_enters_any_header(mark: str) -> None:
    for name in [
        "from_name",
        "from_email",
        "to_email",
        "to_name",
        "reply_to",
        "message_id",
        "list_id",
        "list_name",
        "feedback_id",
        "unsubscribe_url",
        "unsubscribe_mailto",
        "purpose",
    ]:
        with pytest.raises(ContentError):
            replace(HEADERS, **{name: getattr(HEADERS, name)[:-1] + mark + "x"})
    with pytest.raises(ContentError, match="subject"):
        build_email(replace(RENDERED, subject=f"Hi{mark}"), HEADERS)


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "ads"},
        {"date": datetime(2027, 7, 27)},  # noqa: DTZ001 - the fault looked for
        {"unsubscribe_url": ""},
        {"unsubscribe_url": "mailto:a@b.example"},
        {"unsubscribe_url": "https://e.org/a,b"},
        {"unsubscribe_url": "https://e.org/ä"},
        {"unsubscribe_url": "https://e.org/>"},
        {"unsubscribe_url": "https://e.org/" + "x" * 900},
        {"message_id": "no-brackets@e.org"},
        {"message_id": "<no-domain>"},
        {"message_id": "<a b@e.org>"},
        {"list_id": "a b"},
        {"list_id": "a" * 71},
        {"list_name": "a <b>"},
        {"feedback_id": "a b"},
    ],
)
def test_headers_that_cannot_stand_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ContentError):
        replace(HEADERS, **change)  # type: ignore[arg-type]


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
def test_what_is_no_single_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(ContentError) as caught:
        build_email(RENDERED, replace(HEADERS, to_email=address))
    assert not address or address not in str(caught.value)


@given(name=st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=90))
@settings(deadline=None)
def test_a_name_in_the_address_adds_no_second_recipient(name: str) -> None:
    data = build_email(RENDERED, replace(HEADERS, to_name=name))
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert [address.addr_spec for address in message["To"].addresses] == ["zoe@example.org"]
    assert message["Bcc"] is None


def test_the_same_input_gives_the_same_bytes() -> None:
    assert build_email(RENDERED, HEADERS) == build_email(RENDERED, HEADERS)


def test_the_date_is_written_for_any_zone() -> None:
    data = build_email(RENDERED, replace(HEADERS, date=datetime(2027, 1, 5, 9, tzinfo=UTC)))
    assert re.search(rb"\r\nDate: Tue, 05 Jan 2027 09:00:00 \+0000\r\n", data)
