"""Who may be written to: every cell of purpose × channel × consent × suppression × kind, through the real claim."""

from itertools import chain, combinations

import pytest
from people import (
    AT,
    DUE,
    a_campaign,
    a_step,
    an_alert,
    an_event,
    claim_at,
    entrants,
    queue,
    the_step,
)

from campaigns.models import Consent, Delivery, Suppression
from campaigns.models.words import Channel

EMAIL_TIPS, EMAIL_SPONSOR = ("email", "tips"), ("email", "sponsor")
SMS_YES, SMS_TIPS, SMS_SPONSOR = ("sms", "service"), ("sms", "tips"), ("sms", "sponsor")
EVERY_YES = (EMAIL_TIPS, EMAIL_SPONSOR, SMS_YES, SMS_TIPS, SMS_SPONSOR)
SUPPRESSIONS = [
    None,
    *(
        (channel, scope)
        for channel in ("email", "sms")
        for scope in ("tips_and_sponsor", "all_but_alerts", "all")
    ),
]
CELLS = [
    (frozenset(yes), others_say_no, stop)
    for yes in chain.from_iterable(combinations(EVERY_YES, size) for size in range(6))
    for others_say_no in (False, True)
    for stop in SUPPRESSIONS
]


def expected(kind, purpose, channel, yes, stop):
    """The verdict in the words of design.md 3, without a look at the SQL."""
    alert = kind == "alert"
    if not alert:
        if channel == "sms" and SMS_YES not in yes:
            return "no_consent"
        if purpose != "service" and (channel, purpose) not in yes:
            return "no_consent"
    if stop and stop[0] == channel:
        closes = {
            "tips_and_sponsor": not alert and purpose in ("tips", "sponsor"),
            "all_but_alerts": not alert,
            "all": True,
        }
        if closes[stop[1]]:
            return "suppressed"
    return "claimed"


def the_people(event):
    """One confirmed adult for each cell, with an address, a mobile and that cell's answers and suppression."""
    people = entrants(event, len(CELLS), consents=())
    answers, stops = [], []
    for person, (yes, others_say_no, stop) in zip(people, CELLS, strict=True):
        for channel, purpose in EVERY_YES:
            granted = (channel, purpose) in yes
            if granted or others_say_no:
                words = {"channel": channel, "purpose": purpose, "granted": granted}
                answers.append(Consent(entrant=person, source="test", at=AT, **words))
        if stop:
            channel, scope = stop
            address = person.email_hash if channel == "email" else person.mobile_hash
            words = {"channel": channel, "scope": scope, "address_hash": address, "reason": "by_hand"}
            stops.append(Suppression(organiser=event.organiser, at=AT, **words))
    Consent.objects.bulk_create(answers)
    Suppression.objects.bulk_create(stops)
    return people


@pytest.mark.parametrize("kind", ["planned", "alert"])
@pytest.mark.parametrize("channel", ["email", "sms"])
@pytest.mark.parametrize("purpose", ["service", "tips", "sponsor"])
def test_who_may_be_written_to(db, purpose, channel, kind):
    event = an_event()
    template = "back-warm-up" if channel == "email" else "hydration"
    loaded = a_campaign(event, a_step(channel=channel, purpose=purpose, template=template))
    step = the_step(loaded) if kind == "planned" else an_alert(loaded, channel, purpose=purpose)
    people = the_people(event)
    queue(step, people)
    claimed = {row.entrant for group in claim_at(DUE, step, Channel(channel), 5000).groups for row in group}
    reasons = dict(Delivery.objects.values_list("entrant_id", "reason"))
    seen = [
        "claimed" if person.id in claimed else reasons[person.id] or "neither claimed nor settled"
        for person in people
    ]
    wrong = [
        (cell, verdict, should)
        for cell, verdict in zip(CELLS, seen, strict=True)
        if verdict != (should := expected(kind, purpose, channel, cell[0], cell[2]))
    ]
    assert not wrong
    assert {"claimed"} < set(seen)


def test_a_suppression_of_another_organiser_does_not_count(db):
    event = an_event()
    other = an_event().organiser.__class__.objects.create(slug="other", name="Other")
    step = the_step(a_campaign(event))
    [person] = entrants(event, 1)
    Suppression.objects.create(
        organiser=other, channel="email", address_hash=person.email_hash, scope="all", reason="by_hand", at=AT
    )
    queue(step, [person])
    assert len(claim_at(DUE, step).groups) == 1


@pytest.mark.parametrize("kind", ["planned", "alert"])
@pytest.mark.parametrize(
    ("status", "state", "reason"), [("withdrawn", "skipped", "withdrawn"), ("held", "held", "")]
)
def test_only_confirmed_entries_are_written_to(db, kind, status, state, reason):
    event = an_event()
    loaded = a_campaign(event, a_step(purpose="service"))
    step = the_step(loaded) if kind == "planned" else an_alert(loaded)
    [person] = entrants(event, 1, status=status)
    queue(step, [person])
    assert not claim_at(DUE, step).groups
    assert Delivery.objects.values_list("state", "reason").get() == (state, reason)


@pytest.mark.parametrize(
    ("channel", "facts", "reason"),
    [
        ("email", {"email": ""}, "no_address"),
        ("sms", {"mobile": ""}, "no_address"),
        ("sms", {"mobile_ok": False}, "not_mobile"),
    ],
)
def test_an_alert_needs_a_usable_address(db, channel, facts, reason):
    event = an_event()
    step = an_alert(a_campaign(event), channel)
    queue(step, entrants(event, 1, **facts))
    assert not claim_at(DUE, step, Channel(channel)).groups
    assert Delivery.objects.get().reason == reason
