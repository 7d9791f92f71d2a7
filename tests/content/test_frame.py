"""The frame gives what the email package gives: the same header bytes, the same words, for anyone."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from campaigns.channels.smtp_replies import body_on_the_wire
from campaigns.content import (
    CompiledEmail,
    ContentError,
    EmailPieces,
    EntrantHeaders,
    Frame,
    MissingValue,
    RenderedEmail,
    StepHeaders,
    build_email,
)

HEADERS = StepHeaders(
    from_name="Läufe, 100 % & “Söhne” %b",
    from_email="tips@runreigate.example",
    reply_to="hello%s@runreigate.example",
    purpose="tips",
    list_id="tips.runreigate.example",
    list_name="Läufe",
    feedback_id="shoes:reigate-2027:tips:aidstation",
)
OWN = EntrantHeaders(
    to_email="zoe@example.org",
    message_id="<1@runreigate.example>",
    date=datetime(2027, 7, 27, 10, tzinfo=UTC),
    unsubscribe_url="https://tips.example.org/u/0123456789abcdefghijkl",
)
BODY = """# Shoes that fit

Hello {{ names }}, this is a line long enough that whatever is put into it moves its soft line breaks about.

{{ first_name }}

{% if wave %}

Your wave is {{ wave }}

{% endif %}

Until then,

.. and 100 % of it = here.
"""
NASTY = [
    "",
    ".",
    "\r\n.\r\n",
    "\n",
    "\r\nBcc: x@e.org",
    "a  ",
    " ",
    "=",
    "=3D",
    "%",
    "%b",
    "{{ 7*7 }}",
    "<b>",
    "é",
    "李小龍",
]
NASTY += [
    "=?utf-8?q?=0D=0ABcc:_x?=",
    "x" * 1000,
    "Zoë " * 90,
    "👟" * 80,
    "ä" * 67,
    "x" * 67,
    "\u202e",
    "\u2028",
    "\x00",
]

settings.register_profile("frame", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
anyones = settings(settings.get_profile("frame"))
ANY_LINK = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), max_size=90).map(
    "https://e.org/{}".format
)
ANY_VALUE = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=90)


@pytest.fixture(scope="module")
def shoes(email_of: Callable[..., CompiledEmail]) -> CompiledEmail:
    return email_of(BODY, subject="Shoes, {{ names }}")


@pytest.fixture(scope="module")
def frame(shoes: CompiledEmail) -> Frame:
    return Frame(HEADERS, shoes)


def in_pieces(rendered: RenderedEmail) -> EmailPieces:
    return EmailPieces(rendered.subject, [rendered.html], [rendered.text])


def assert_same(made: bytes, reference: bytes) -> None:
    """The same header bytes; the same parts, each with the same header bytes and words."""
    assert made.split(b"\r\n\r\n")[0] == reference.split(b"\r\n\r\n")[0]
    ours, theirs = parsed(made), parsed(reference)
    assert ours.items() == theirs.items()
    assert not ours.defects
    for our_part, their_part in zip(ours.iter_parts(), theirs.iter_parts(), strict=True):
        assert our_part.items() == their_part.items()
        assert words(our_part) == words(their_part)
        assert not our_part.defects
    assert made.isascii()
    assert max(map(len, made.split(b"\r\n"))) < 998
    assert max(map(len, made.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76
    bare = made.replace(b"\r\n", b"")
    assert b"\r" not in bare
    assert b"\n" not in bare


def parsed(data: bytes) -> EmailMessage:
    return email.message_from_bytes(data, policy=email.policy.default)


def words(part: EmailMessage) -> str:
    return str(part.get_content()).replace("\r\n", "\n")


@given(names=ANY_VALUE, first_name=ANY_VALUE, wave=ANY_VALUE)
@example(names="Zoë", first_name=".", wave="\r\n.\r\n")
@anyones
def test_any_values_make_the_same_mail(
    frame: Frame, shoes: CompiledEmail, values: dict[str, str], names: str, first_name: str, wave: str
) -> None:
    filled = {**values, "names": names, "first_name": first_name, "wave": wave}
    made = frame.fill(shoes.render_pieces(filled), OWN)
    assert_same(made, build_email(shoes.render(filled), HEADERS, OWN))


@pytest.mark.parametrize("value", NASTY)
def test_a_nasty_value_ends_no_message_on_the_wire(
    frame: Frame, shoes: CompiledEmail, values: dict[str, str], value: str
) -> None:
    made = frame.fill(
        shoes.render_pieces({**values, "names": value, "first_name": value, "wave": value}), OWN
    )
    wire = body_on_the_wire(made)
    assert wire.find(b"\r\n.\r\n") == len(wire) - 5
    assert wire[:-3].replace(b"\r\n..", b"\r\n.") == made


@given(lines=st.lists(ANY_VALUE | st.sampled_from(["Until then,", ".. and 100 % of it = here."]), max_size=9))
@anyones
def test_any_bodies_make_the_same_mail(frame: Frame, lines: list[str]) -> None:
    """Also what no template gives: bare CR and LF, no line end at the end, nothing at all."""
    text = "\n".join(lines)
    rendered = RenderedEmail("Shoes", text, text)
    assert_same(frame.fill(in_pieces(rendered), OWN), build_email(rendered, HEADERS, OWN))


@given(subject=ANY_VALUE)
@example(subject=" Shoes")
@example(subject="Shoes ")
@example(subject="Shoes  that fit")
@example(subject="x" * 68)
@example(subject="x " * 40)
@anyones
def test_any_subject_is_written_or_refused_alike(frame: Frame, subject: str) -> None:
    rendered = RenderedEmail(subject, "<p>.\n", ".\n")
    assert_alike(frame, rendered, HEADERS, OWN)


ADDRESS = st.text("az09.+-_'\"@ =?!()<>,;:\\[]é", max_size=20) | st.sampled_from(
    [
        "a" * 64 + "@example.org",
        "a" * 71 + "@b",
        "a" * 70 + "@b",
        "a@" + "b" * 90 + ".example",
        '"a b"@example.org',
        "a@[127.0.0.1]",
        "=?utf-8?q?x?=@example.org",
        "a.@example.org",
        "a..b@example.org",
    ]
)


@given(address=st.emails() | ADDRESS | st.builds("{}@{}".format, ADDRESS, ADDRESS))
@anyones
def test_any_address_is_written_or_refused_alike(frame: Frame, address: str) -> None:
    try:
        own = replace(OWN, to_email=address)
    except ContentError:
        return
    assert_alike(frame, RenderedEmail("Shoes", "<p>.\n", ".\n"), HEADERS, own)


def assert_alike(frame: Frame, rendered: RenderedEmail, headers: StepHeaders, own: EntrantHeaders) -> None:
    made, reference = (
        outcome(frame.fill, in_pieces(rendered), own),
        outcome(build_email, rendered, headers, own),
    )
    if isinstance(made, bytes) and isinstance(reference, bytes):
        assert_same(made, reference)
    else:
        assert made == reference


def outcome(make: Callable[..., bytes], *given: object) -> bytes | str:
    """The mail, or the sentence with which it was refused."""
    try:
        return make(*given)
    except ContentError as refused:
        return str(refused)


@pytest.mark.parametrize("purpose", ["service", "tips", "sponsor"])
@pytest.mark.parametrize("url", ["https://e.org/u/" + "x" * 700, "http://127.0.0.1:8000/u/x%25", ""])
@pytest.mark.parametrize("mailto", ["", "unsub+" + "y" * 90 + "@e.org"])
def test_the_ways_out_are_the_same_bytes(shoes: CompiledEmail, purpose: str, url: str, mailto: str) -> None:
    headers = replace(HEADERS, purpose=purpose)
    own = replace(OWN, unsubscribe_url=url, unsubscribe_mailto=mailto)
    assert_alike(Frame(headers, shoes), RenderedEmail("Shoes", "<p>.\n", ".\n"), headers, own)


@given(
    date=st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)),  # noqa: DTZ001 - the zone is added below
    minutes=st.integers(-14 * 60, 14 * 60),
)
@anyones
def test_any_date_is_the_same_bytes(frame: Frame, date: datetime, minutes: int) -> None:
    own = replace(OWN, date=date.replace(tzinfo=timezone(timedelta(minutes=minutes))))
    assert_alike(frame, RenderedEmail("Shoes", "<p>.\n", ".\n"), HEADERS, own)


OF_EVERY_KIND = (
    BODY
    + """
{% if bib %}Your number is {{ bib }}, 100 % yours{% else %}no number yet{% endif %}.
{{ bib|otherwise("none") }}

{% if first_name == "Ana" %}Ana{% endif %} {{ names }}{{ names }} [choose]({{ preferences_url }})

{{ race_name }} at {{ start_time|clock }}
"""
)


@pytest.fixture(scope="module")
def whole(email_of: Callable[..., CompiledEmail]) -> CompiledEmail:
    return email_of(OF_EVERY_KIND, subject="Shoes, {{ names }} of {{ race_name }}")


@pytest.fixture(scope="module")
def stencilled(whole: CompiledEmail) -> Frame:
    return Frame(HEADERS, whole)


@given(names=ANY_VALUE, first_name=ANY_VALUE | st.just("Ana"), bib=ANY_VALUE, link=ANY_LINK)
@example(names="x" * 76, first_name="", bib="x" * 75, link="https://e.org/" + "=" * 80)
@anyones
def test_any_words_of_ones_own_make_the_mail_that_jinja_and_the_email_package_make(
    stencilled: Frame,
    whole: CompiledEmail,
    values: dict[str, str],
    names: str,
    first_name: str,
    bib: str,
    link: str,
) -> None:
    own = {"names": names, "first_name": first_name, "bib": bib, "preferences_url": link}
    filled = {**values, **own}
    made = stencilled.mail(filled, OWN)
    assert_same(made, build_email(whole.render(filled), HEADERS, OWN))
    assert body_on_the_wire(made) == made + b".\r\n"


@given(race=ANY_VALUE, wave=ANY_VALUE)
@anyones
def test_any_words_that_many_share_make_the_same_mail(
    whole: CompiledEmail, values: dict[str, str], race: str, wave: str
) -> None:
    filled = {**values, "race_name": f"10K {race}", "wave": wave}
    made = Frame(HEADERS, whole).mail(filled, OWN)
    assert body_on_the_wire(made) == made + b".\r\n"
    assert_same(made, build_email(whole.render(filled), HEADERS, OWN))


def test_what_is_asked_and_not_only_printed_is_asked_for_each_reader(
    stencilled: Frame, values: dict[str, str]
) -> None:
    named = [stencilled.mail({**values, "first_name": name}, OWN) for name in ("Ana", "Ben", "Ana")]
    assert named[0] == named[2] != named[1]
    with_number, without = (stencilled.mail({**values, "bib": bib}, OWN) for bib in ("77", ""))
    assert "no number yet" in str(parsed(without).get_body(("plain",)))
    assert "no number yet" not in str(parsed(with_number).get_body(("plain",)))


def test_a_crowd_is_rendered_once(
    whole: CompiledEmail, values: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = Frame(HEADERS, whole)
    frame.mail({**values, "names": "Ana"}, OWN)
    monkeypatch.setattr(CompiledEmail, "render_with", None)
    monkeypatch.setattr(CompiledEmail, "render_pieces", None)
    assert b"Ben" in frame.mail({**values, "names": "Ben"}, OWN)


def test_more_crowds_than_there_are_stencils_get_their_own_words(
    whole: CompiledEmail, values: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.content.frame.MOST_STENCILS", 1)
    frame = Frame(HEADERS, whole)
    for wave in ("A", "B", "C"):
        filled = {**values, "wave": wave}
        made = frame.mail(filled, OWN)
        assert body_on_the_wire(made) == made + b".\r\n"
        assert_same(made, build_email(whole.render(filled), HEADERS, OWN))


@pytest.mark.parametrize("name", ["bib", "nothing", "race_name", ""])
def test_a_source_with_the_marks_that_stand_for_words_is_read_as_it_stands(
    values: dict[str, str], email_of: Callable[..., CompiledEmail], name: str
) -> None:
    made = email_of(f"# T\n\nHello {{{{ names }}}} \x01{name}\x02.")
    text = words(parsed(Frame(HEADERS, made).mail(values, OWN)).get_body(("plain",)))
    assert f"Hello {values['names']}" in text


def test_a_word_that_is_needed_and_missing_makes_no_mail(
    values: dict[str, str], email_of: Callable[..., CompiledEmail]
) -> None:
    numbered = email_of("# T\n\nNumber {{ bib }}")
    made = Frame(HEADERS, numbered)
    made.mail({**values, "bib": "7"}, OWN)
    with pytest.raises(MissingValue):
        made.mail({**values, "bib": ""}, OWN)


def test_a_mail_that_grows_too_long_is_refused(
    values: dict[str, str], email_of: Callable[..., CompiledEmail]
) -> None:
    made = Frame(HEADERS, email_of("# T\n\n" + "{{ names }} " * 150))
    made.mail({**values, "names": "Ana"}, OWN)
    with pytest.raises(ContentError, match="longer than"):
        made.mail({**values, "names": "x" * 1_900}, OWN)


def test_one_entrants_mail_holds_nothing_of_another(
    frame: Frame, shoes: CompiledEmail, values: dict[str, str]
) -> None:
    first = replace(OWN, to_email="ana@example.org", unsubscribe_url="https://tips.example.org/u/ana")
    frame.mail({**values, "names": "Anastasia", "first_name": "1111"}, first)
    made = frame.mail({**values, "names": "Bernadette", "first_name": "2222"}, OWN)
    for other in (b"ana@", b"/u/ana", b"Anastasia", b"1111", b"frame.invalid"):
        assert other not in made


def test_a_sender_that_is_no_address_makes_no_frame(shoes: CompiledEmail) -> None:
    with pytest.raises(ContentError, match="from_email"):
        Frame(replace(HEADERS, from_email="tips"), shoes)
    with pytest.raises(ContentError, match="reply_to"):
        Frame(replace(HEADERS, reply_to="tips@"), shoes)


def test_all_but_values_is_known_beforehand(shoes: CompiledEmail, values: dict[str, str]) -> None:
    pieces = shoes.render_pieces(values)
    for body, template in ((pieces.html, shoes.html), (pieces.text, shoes.text)):
        assert {piece for piece in body if piece not in template.fixed} <= set(values.values())
        assert any(len(piece) > 40 for piece in body if piece in template.fixed)
