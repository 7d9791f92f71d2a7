"""The demo run again: whatever was done in it before goes, and nothing that the demo did not make."""

from __future__ import annotations

from pathlib import Path

import pytest
from armed import arm, loaded, press
from people import AT, DUE, a_campaign, an_event, entrants, queue, the_step
from web.organiser.lists import a_list

from campaigns.cli import demo_story
from campaigns.models import Delivery, Entrant, Event, InboundText, Organiser, Receipt, Step

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo() -> Organiser:
    return Organiser.objects.create(slug="demo", name="Run Reigate (demo)")


def an_event_of(organiser: Organiser, **fields: str) -> Event:
    event = an_event(**fields)
    Event.objects.filter(id=event.id).update(organiser=organiser)
    event.refresh_from_db()
    return event


def a_family_mailed(event: Event, step: Step) -> list[Entrant]:
    """One delivery of theirs carries the other."""
    family = entrants(event, 2, email="ann@example.org")
    first, second = queue(step, family)
    Delivery.objects.filter(id=second.id).update(carrier=first)
    Receipt.objects.create(
        provider="twilio",
        delivery=first.id,
        attempt=1,
        ref="x",
        status="sent",
        standing="on_its_way",
        raw={},
        received_at=AT,
    )
    return family


def test_after_an_alert_a_family_and_an_answer_it_begins_anew(demo: Organiser, tmp_path: Path) -> None:
    event = an_event_of(demo)
    campaign = loaded(event, tmp_path)
    family = a_family_mailed(event, the_step(campaign))
    press(arm(event), DUE, values={"temp": "29"})
    a_list(event, "done")
    for sid, who in (("SM1", family[0]), ("SM2", None)):
        InboundText.objects.create(
            sid=sid, organiser=demo, event=event, entrant=who, kind="text", number_hash=b"x", received_at=AT
        )
    demo_story.forget(demo)
    for model in (Event, Entrant, Step, Delivery, Receipt, InboundText):
        assert not model.objects.exists(), model
    assert not demo.list_mappings.exists()


def test_an_event_of_somebody_else_stays(demo: Organiser) -> None:
    theirs = a_campaign(an_event())
    a_family_mailed(theirs.event, the_step(theirs))
    demo_story.forget(demo)
    assert Delivery.objects.count() == 2
    assert Receipt.objects.count() == 1
    an_event(slug="try-it")
    with pytest.raises(demo_story.NotTheDemos, match="'try-it' that the demo did not make"):
        demo_story.forget(demo)


def test_the_demos_approvals_have_counted_whom_they_reach_and_nobody_gets_two_emails_at_once():
    demo_story.tell()
    approved = Step.objects.filter(campaign__event__organiser__slug="demo", state="approved")
    assert approved.count() == 19
    assert not approved.filter(approved_emails=None).exists()
    tip = approved.get(name="back-pain")
    assert (tip.approved_recipients, tip.approved_audience) == (336, 437)
    assert {step.campaign.event.organiser.name for step in approved} == {"Run Reigate"}
    for event in Event.objects.filter(organiser__slug="demo"):
        whens = list(
            Step.objects.filter(
                campaign__event=event, channel="email", audience__startswith="adults"
            ).values_list("when")
        )
        assert len(whens) == len(set(whens))
