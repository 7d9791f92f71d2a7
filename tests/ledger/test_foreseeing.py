"""Looking ahead: the claim's own word for everyone, at the moment of the step, without a delivery."""

from collections import Counter
from datetime import time, timedelta

import pytest
import time_machine
from people import (
    DUE,
    a_campaign,
    a_step,
    an_event,
    claim_at,
    entrant,
    entrants,
    fate,
    load,
    moment,
    queue,
    the_step,
    tick_at,
)

from campaigns import ledger, optout
from campaigns.ledger.moments import Field
from campaigns.models import Delivery, Event, Wave
from campaigns.models.words import Channel, Scope, SuppressionReason

EARLIER = DUE - timedelta(days=30)
BORN_LATE = (DUE - timedelta(days=3650)).date()


@pytest.fixture
def event(db) -> Event:
    return an_event()


def everybody(event: Event) -> None:
    """At least one for each fate that a tip can have."""
    entrants(event, 3)
    entrants(event, 2, consents=())
    entrants(event, 1, email="")
    entrants(event, 1, status="withdrawn")
    entrants(event, 1, born=BORN_LATE)
    entrants(event, 1, born=BORN_LATE, guardian=True)
    entrants(event, 1, mobile="+442079460000", mobile_ok=False)
    entrants(event, 1, mobile="")
    for name in ("Ana", "Ben"):
        entrant(event, first_name=name, email="family@example.org", mobile="+447700900999")
    gone = entrant(event)
    for channel, address in ((Channel.EMAIL, gone.email), (Channel.SMS, gone.mobile)):
        optout.suppress_hash(
            event.organiser_id,
            channel,
            optout.hash_of(channel, address),
            Scope.ALL,
            SuppressionReason.BY_HAND,
        )


STEPS = {
    "email": a_step(),
    "text": a_step(channel="sms", template="hydration"),
    "text or email": a_step(channel="sms", template="hydration", more='fallback = "email"'),
    "each": a_step(channel="sms", template="hydration", more='per = "entrant"'),
    "some": a_step(audience="half and adults"),
}


@pytest.mark.parametrize("kind", STEPS)
def test_it_says_of_everyone_what_the_claim_does_then(event, kind):
    everybody(event)
    step = the_step(a_campaign(event, STEPS[kind]))
    with time_machine.travel(EARLIER, tick=False):
        foreseen = {row.facts.entrant: row for row in ledger.foresee(step, EARLIER)}
        counted = ledger.tally(step, EARLIER)
    tick_at(DUE)
    claimed: dict[int, tuple[str, int]] = {}
    for channel in (Channel.SMS, Channel.EMAIL):
        for group in claim_at(DUE, step, channel).groups:
            claimed |= {row.entrant: (channel, group[0].entrant) for row in group}
    for row in Delivery.objects.filter(step=step):
        seen = foreseen[row.entrant_id]
        if row.entrant_id in claimed:
            assert (seen.verdict, seen.channel) == ("eligible", claimed[row.entrant_id][0])
        else:
            assert seen.verdict == (row.reason or row.state)
    assert sum(row.people for row in counted if row.is_sent) == len(claimed)
    assert sum(row.messages for row in counted if row.is_sent) == len(set(claimed.values()))
    assert Counter(row.verdict for row in foreseen.values()) == Counter(
        {verdict: n for row in counted for verdict, n in [(row.verdict, 0)]}
    ) + Counter(verdict for row in counted for verdict in [row.verdict] * row.people)


def test_the_facts_are_those_that_a_claim_gives(event):
    step = the_step(a_campaign(event))
    person = entrant(event, first_name="Zoë", bib="417")
    [seen] = ledger.foresee(step, EARLIER)
    queue(step, [person])
    [[claimed]] = claim_at(DUE, step).groups
    own = {"delivery", "claim", "carrier", "token", "message_id"}
    names = set(type(claimed).__slots__) - own
    assert {name: getattr(seen.facts, name) for name in names} == {
        name: getattr(claimed, name) for name in names
    }


def test_each_wave_has_a_moment_of_its_own(event):
    Wave.objects.create(race=event.races.get(slug="half"), name="B", start=time(9, 25))
    step = the_step(a_campaign(event, a_step(when="start - 120 min")))
    entrant(event)
    entrant(event, wave=Wave.objects.get())
    assert [f"{row.leaves_at:%H:%M}" for row in ledger.tally(step, EARLIER)] == ["06:15", "06:25"]


@pytest.mark.parametrize(("latest", "sent"), [("24 h", True), ("13 h", False)])
def test_quiet_hours_move_a_text_or_end_it(event, latest, sent):
    words = a_step(channel="sms", template="hydration", when="47 days before, 20:00", latest=latest)
    step = the_step(a_campaign(event, words, quiet_hours="20:00-09:00"))
    entrant(event)
    [row] = ledger.tally(step, EARLIER)
    assert (row.verdict, row.leaves_at, row.is_sent) == ("quiet", moment("2027-08-04 08:00"), sent)


def test_what_is_too_late_by_now_is_too_late(event):
    step = the_step(a_campaign(event))
    entrant(event)
    assert [row.verdict for row in ledger.tally(step, DUE + timedelta(hours=23))] == ["eligible"]
    assert [row.verdict for row in ledger.tally(step, DUE + timedelta(hours=24))] == ["too_late"]


def test_of_a_step_that_has_begun_only_those_count_who_still_wait(event):
    step = the_step(a_campaign(event))
    sent, waiting, unasked = entrants(event, 3)
    queue(step, [sent, waiting])
    Delivery.objects.filter(entrant=sent).update(state="sent")
    step.first_opened_revision = 1
    step.save()
    assert [row.facts.entrant for row in ledger.foresee(step, DUE)] == [waiting.id]
    assert fate(sent) == ("sent", "")
    assert unasked.id


def test_of_a_step_that_a_move_closed_again_nobody_counts_who_has_had_it(event):
    step = the_step(a_campaign(event))
    sent, left_out, unasked = entrants(event, 3)
    queue(step, [sent, left_out])
    Delivery.objects.filter(entrant=sent).update(state="sent")
    Delivery.objects.filter(entrant=left_out).update(state="skipped", reason="no_consent")
    step.first_opened_revision = None
    step.save()
    ahead = {row.facts.entrant for row in ledger.foresee(step, EARLIER)}
    assert ahead == {left_out.id, unasked.id}
    assert [row.facts.entrant for row in ledger.foresee(step, DUE + timedelta(hours=1))] == [unasked.id]
    assert ledger.went_to([step]) == {step.id: 1}


def test_audiences_are_counted_without_asking_for_consent(event):
    entrants(event, 2, consents=())
    entrants(event, 1, race="10k")
    entrants(event, 1, status="withdrawn")
    loaded = load(event, a_step("all"), a_step("some", audience="half"))
    sizes = ledger.audience_sizes(event, list(loaded.steps.order_by("position")))
    assert list(sizes.values()) == [3, 2]
    assert ledger.audience_sizes(event, []) == {}


def test_a_crowd_tells_who_waits_for_a_guardian_inside_and_outside_of_an_audience(event):
    entrants(event, 3)
    entrants(event, 2, born=BORN_LATE)
    entrant(event, born=BORN_LATE, guardian=True)
    entrant(event, born=BORN_LATE, status="held")
    words = ("all", "adults", "guardians", "not guardians", "guardians and half", "guardians or adults")
    found = ledger.audience_counts(Field.of(event), words)
    assert {word: tuple(crowd) for word, crowd in found.items()} == {
        "all": (6, 2, 2),
        "adults": (3, 0, 0),
        "guardians": (1, 0, 2),
        "not guardians": (5, 2, 0),
        "guardians and half": (1, 0, 2),
        "guardians or adults": (4, 0, 2),
    }
    assert (found["all"].ready, found["guardians"].ready) == (4, 1)
