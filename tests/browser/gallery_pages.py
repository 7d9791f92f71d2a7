"""Pictures of the entrant's pages for docs/gallery/pages, at 390 px, light and dark. `make gallery` runs it."""

from __future__ import annotations

from typing import Any

import pytest
from gallery import FOLDER, picture
from people import DUE, a_campaign, a_step, an_event, claim_at, entrant, queue
from playwright.sync_api import Browser
from time_machine import travel

from campaigns import ledger, view_link
from campaigns.models import Entrant, Step
from campaigns.models.words import Channel

PAGES = FOLDER / "pages"
NOW = "2027-08-05T08:00:00+00:00"
STEPS = (
    ("back-warm-up", "email", "back-warm-up", "47 days before, 10:00"),
    ("back-pain", "email", "back-pain", "42 days before, 10:00"),
    ("hydration", "sms", "hydration", "35 days before, 10:00"),
    ("shoes", "email", "shoes", "28 days before, 10:00"),
)


@pytest.fixture
def person(transactional_db: None) -> Entrant:
    event = an_event(
        postal_address="1 Example Street, Reigate RH2 0AA", info_url="https://example.org/race-day",
        deferral_url="https://example.org/defer",
    )  # fmt: skip
    a_campaign(event, *(a_step(name, channel=by, template=words, when=at) for name, by, words, at in STEPS))
    return entrant(event, first_name="Zoë", bib="1234")


def _sent(person: Entrant) -> str:
    """The code of an email that was sent."""
    step = Step.objects.get(name="back-warm-up")
    [row] = queue(step, [person])
    for group in claim_at(DUE, step).groups:
        results = [
            ledger.Result(one.delivery, one.claim, one.carrier, "accepted", version=step.version_id)
            for one in group
        ]
        ledger.settle(Channel.EMAIL, results, DUE)
    row.refresh_from_db()
    return view_link.code_of(row.token)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures(chromium: Browser, live_server: Any, person: Entrant, scheme: Any) -> None:
    code = _sent(person)
    PAGES.mkdir(parents=True, exist_ok=True)
    with travel(NOW):
        page = chromium.new_page(color_scheme=scheme, viewport={"width": 390, "height": 844})
        for name, path, presses in (
            ("preferences", f"/u/{person.token}", ()),
            ("preferences-stopped", f"/u/{person.token}", ("Stop all tips",)),
            ("preferences-undone", f"/u/{person.token}", ("Undo",)),
            ("texts", f"/s/{person.short_code}", ()),
            ("texts-tips-stopped", f"/s/{person.short_code}", ("Stop tips by text",)),
            ("texts-stopped", f"/s/{person.short_code}", ("Stop every text",)),
            ("message", f"/m/{code}", ()),
            ("unknown-link", "/u/unknown", ()),
        ):
            page.goto(live_server.url + path, wait_until="networkidle")
            for words in presses:
                page.get_by_role("button", name=words).click()
                page.wait_for_load_state("networkidle")
            picture(page, PAGES / f"{name}-390-{scheme}.webp")
        page.close()
