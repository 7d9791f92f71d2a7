"""What is stored of a provider's words, and what the channels may not know."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.channels.outcomes import scrub
from campaigns.channels.smtp_replies import parse_reply


@pytest.mark.parametrize(
    ("words", "private", "stored"),
    [
        ("<jo@example.test>: unknown", (), "[address]: unknown"),
        ("see https://help.test/?to=jo%40example.test now", (), "see https:[address] now"),
        ("The 'To' number +44 7700 900-123 is bad", (), "The 'To' number [number] is bad"),
        ("(07700) 900 123", (), "([number]"),
        ("User Jo.Bloggs unknown", ("jo.bloggs",), "User [address] unknown"),
        ("joint failure of jo", ("jo",), "joint failure of [address]"),
        ("a\x00b\r\nc\u2028d", (), "a b c d"),
        ("rate of 10 a second, 4.2.2", (), "rate of 10 a second, 4.2.2"),
        ("x" * 500, ("",), "x" * 200),
    ],
)
def test_words_are_stored_without_people(words: str, private: tuple[str, ...], stored: str) -> None:
    assert scrub(words, *private).startswith(stored)
    assert "900" not in scrub(words, *private)


AMONG_THEM = st.lists(
    st.sampled_from(["jo", "JO", "Jo.B", "ſ", "S", "K", "k", "é", "É", ".", " ", "-", "x"])
).map("".join)


@given(words=AMONG_THEM, secret=AMONG_THEM.filter(str.strip))
def test_a_private_word_is_hidden_in_large_letters_and_small(words: str, secret: str) -> None:
    alone = re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)", re.IGNORECASE)
    assert scrub(words, secret) == scrub(alone.sub("[address]", words))


def test_no_pattern_is_made_for_a_word_that_is_not_there(monkeypatch) -> None:
    monkeypatch.setattr(re, "sub", lambda *_, **__: pytest.fail("a pattern of its own"))
    assert scrub("mailbox full", "zoe@example.com", "zoe") == "mailbox full"


@pytest.mark.parametrize(
    ("line", "queue_id"),
    [
        (b"250 2.0.0 Ok: queued as 4XyZ12", "4XyZ12"),
        (b"250 OK id=1rABcd-0001-Zz", "1rABcd-0001-Zz"),
        (b"250 Ok 0102018abc-1234-000000", "0102018abc-1234-000000"),
        (b"250 2.0.0 OK", ""),
        (b"250 queued as <jo@example.test>", ""),
        (b"250 Great success", ""),
    ],
)
def test_a_queue_id_is_found_where_there_is_one(line: bytes, queue_id: str) -> None:
    assert parse_reply((line,)).queue_id == queue_id


@pytest.mark.parametrize(
    "lines", [[b""], [b"25 no"], [b"hello"], [b"250-a", b"550 b"], [b"250-a", b"rubbish"]]
)
def test_what_is_no_answer_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(ValueError, match="SMTP"):
        parse_reply(tuple(lines))


def test_channels_know_neither_django_nor_the_rest_of_campaigns() -> None:
    program = (
        "import sys, campaigns.channels.smtp, campaigns.channels.twilio, campaigns.channels.pacing\n"
        "others = [name for name in sys.modules if name.split('.')[0] in ('django', 'celery', 'psycopg')]\n"
        "others += [name for name in sys.modules if name.startswith('campaigns.')\n"
        "           and not name.startswith('campaigns.channels')]\n"
        "sys.exit(', '.join(others) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert result.returncode == 0
