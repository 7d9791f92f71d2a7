"""Approval with open eyes: errors block it, recipients are kept, and what has grown or still waits is told."""

from datetime import timedelta

import pytest
import time_machine
from people import DUE, a_campaign, a_step, an_event, entrants, load, the_step

from campaigns import approval, campaign, preflight, report
from campaigns.approval import Blocked
from campaigns.campaign import CampaignError
from campaigns.models import Campaign, Event

EARLIER = DUE - timedelta(days=30)


@pytest.fixture
def event(db) -> Event:
    return an_event()


@time_machine.travel(EARLIER, tick=False)
def approved(loaded: Campaign, *names: str) -> approval.Approved:
    return approval.approve(loaded, "ann@example.org", names)


def test_who_would_get_it_is_kept_with_the_approval(event):
    entrants(event, 3)
    entrants(event, 2, consents=())
    loaded = load(event)
    [figures] = approved(loaded).steps
    step = the_step(loaded)
    assert (figures.people, step.approved_recipients, step.approved_audience) == (3, 3, 5)
    assert (step.state, step.approved_by) == ("approved", "ann@example.org")


def test_an_error_in_one_step_approves_none(event, settings):
    settings.EMAIL_RATE = 1.0
    entrants(event, 90)
    loaded = load(
        event, a_step(), a_step("slow", template="shoes", when="40 days before, 10:00", latest="1 min")
    )
    with pytest.raises(
        Blocked, match=r"Nothing is approved\. Step 'slow': At the provider's rate"
    ) as refused:
        approved(loaded)
    assert [error.code for error in refused.value.errors] == ["too_slow"]
    assert set(loaded.steps.values_list("state", flat=True)) == {"waiting"}
    assert [step.name for step in approved(loaded, "tip").steps] == ["tip"]


def test_unsigned_health_advice_is_blocked(event):
    with pytest.raises(Blocked, match="no medical sign-off"):
        approved(load(event, signed=False))


def test_a_warning_blocks_nothing(event):
    found = approved(load(event))
    assert [finding.code for finding in found.findings] == ["nobody"]


def test_what_changed_while_it_was_looked_at_is_not_approved(event, monkeypatch):
    loaded = load(event)
    look = preflight.look

    def slow_look(*words, **options):
        found = look(*words, **options)
        load(event, a_step(audience="adults"))
        return found

    monkeypatch.setattr(preflight, "look", slow_look)
    with pytest.raises(CampaignError, match="Step 'tip' changed while it was looked at"):
        approved(loaded)
    assert the_step(loaded).state == "waiting"


def test_approving_when_nothing_waits_does_nothing(event):
    assert approved(a_campaign(event)).steps == []


@pytest.mark.parametrize(("more", "shown"), [(2, {}), (3, {"tip": 13})])
def test_an_audience_that_grew_by_more_than_a_fifth_is_shown(event, more, shown):
    entrants(event, 10)
    loaded = load(event)
    approved(loaded)
    entrants(event, more, consents=())
    assert report.status(event)["audiences_grown"] == shown
    with time_machine.travel(EARLIER, tick=False):
        found = preflight.look(event, ask_dns=False)
    assert [finding.code for finding in found.findings if finding.code == "audience_grew"] == [
        "audience_grew"
    ] * len(shown)


HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("before", "within"), [(73, None), (72, 72), (25, 72), (24, 24), (3, 24), (2, 2), (1, 2), (0, None)]
)
def test_what_stands_unapproved_near_its_moment_is_found(event, before, within):
    load(event)
    found = approval.unapproved(DUE - before * HOURS)
    assert [(one.step.name, one.moment, one.within) for one in found] == (
        [("tip", DUE, within * HOURS)] if within else []
    )


def test_what_is_approved_or_over_is_not_brought_to_mind(event):
    at = DUE - HOURS
    loaded = a_campaign(event)
    assert approval.unapproved(at) == []
    load(event, a_step(audience="adults"))
    assert len(approval.unapproved(at)) == 1
    loaded.refresh_from_db()
    campaign.stop(loaded)
    assert approval.unapproved(at) == []
