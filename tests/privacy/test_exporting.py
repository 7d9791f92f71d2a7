"""One person's own data, as a zip for them: facts and messages, and nothing of anybody else."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from people import DUE, a_campaign, a_step, an_event, claim_at, entrant, queue, the_step

from campaigns import ledger, privacy
from campaigns.models import Entrant
from campaigns.models.words import Channel

pytestmark = pytest.mark.django_db


def opened(person: Entrant) -> dict[str, str]:
    archive = zipfile.ZipFile(io.BytesIO(privacy.export(person)))
    return {name: archive.read(name).decode() for name in archive.namelist()}


def send(person: Entrant, channel: Channel = Channel.EMAIL) -> None:
    loaded = a_campaign(person.event, a_step(channel=channel, template="hydration"))
    step = the_step(loaded)
    queue(step, [person])
    for group in claim_at(DUE, step, channel).groups:
        results = [
            ledger.Result(c.delivery, c.claim, c.carrier, "accepted", version=step.version_id) for c in group
        ]
        ledger.settle(channel, results, DUE)


def test_it_holds_what_is_known_and_each_message(db: None) -> None:
    person = entrant(an_event(), first_name="Zoë", last_name="Quillfeather", bib="88123")
    send(person)
    files = opened(person)
    facts = json.loads(files["entrant.json"])
    assert facts["entrant"]["first_name"] == "Zoë"
    assert facts["entrant"]["email"] == person.email
    assert {row["purpose"] for row in facts["consents"]} == {"tips", "service"}
    assert facts["deliveries"][0]["state"] == "sent"
    [page] = [body for name, body in files.items() if name.endswith(".html")]
    assert "Zoë" in page


def test_a_text_is_in_it_as_it_was_sent() -> None:
    person = entrant(an_event())
    send(person, Channel.SMS)
    [body] = [body for name, body in opened(person).items() if name.endswith(".txt")]
    assert body.startswith("Run Reigate")


def test_nothing_of_anybody_else_is_in_it() -> None:
    event = an_event()
    person, other = entrant(event), entrant(event, first_name="Ottoline", last_name="Byron")
    send(person)
    for body in opened(person).values():
        assert "Ottoline" not in body
        assert other.email not in body


def test_hashes_stay_here() -> None:
    assert "identity" not in opened(entrant(an_event()))["entrant.json"]
