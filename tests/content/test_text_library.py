"""The texts that come with Aid Station. Most senders are a name, to which nobody can reply."""

import re
from pathlib import Path

import pytest

TEXTS = sorted((Path(__file__).resolve().parents[2] / "templates" / "sms").glob("*.txt"))

INVITES = re.compile(r"\b(?:reply|respond|text (?:us|back|stop|help)|send stop|answer this)\b", re.IGNORECASE)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_no_text_invites_a_reply(path):
    body = path.read_text(encoding="utf-8").partition("\n---\n")[2]
    assert body
    assert not INVITES.search(body)


def test_an_invitation_would_be_seen():
    assert INVITES.search("Reply STOP to stop.")
    assert not INVITES.search("Stop, tell a marshal.")
