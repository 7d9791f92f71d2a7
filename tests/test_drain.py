"""Draining: what is due leaves once, over real connections to a real mail server and a real telephone provider."""

import email
import email.policy
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import OperationalError, connection
from people import (
    DUE,
    a_campaign,
    a_step,
    an_alert,
    an_event,
    claim_at,
    elsewhere,
    entrant,
    entrants,
    fate,
    queue,
    sign_everything,
    the_library,
    the_step,
)

from campaigns import campaign, circuit, journal, ledger, rendering, view_link
from campaigns.block import Block, InHand
from campaigns.channels.outcomes import Outcome
from campaigns.channels.pacing import Pacing
from campaigns.drain import Drain, shared_pacing
from campaigns.journal import Journal, JournalFull
from campaigns.models import Attempt, Circuit, Delivery, Entrant, Outbox, Step, Suppression
from campaigns.models.words import Channel
from postbox import Postbox

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
TEXT = {"channel": "sms", "template": "hydration"}


@pytest.fixture
def box(settings) -> Iterator[Postbox]:
    """A postbox that the settings name as mail server and as Twilio."""
    with Postbox() as box:
        settings.EMAIL_URL, settings.EMAIL_CONNECTIONS = box.email_url, 1
        settings.TWILIO_BASE_URL = box.twilio_base_url
        settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = f"AC{'0' * 32}", "token"
        settings.TWILIO_FROM = "+447700900900"
        yield box


def drain(
    channel: Channel = Channel.EMAIL, at=DUE, seconds: float = 10, *, alerts_only: bool = False
) -> bool:
    """One slice of a drain whose clock goes on from `at`."""
    sending = Drain(channel, alerts_only=alerts_only)
    with time_machine.travel(at):
        try:
            return sending.run(seconds)
        finally:
            if "carrier" in sending.__dict__:
                sending.carrier.close()


def a_send(count: int, step: str = "", *, event=None, folder: Path | None = None, **fields):
    """A live campaign with one step, and `count` people in its queue."""
    event = event or an_event()
    loaded = a_campaign(event, step or a_step(), **({"folder": folder} if folder else {}))
    people = entrants(event, count, **fields)
    queue(the_step(loaded), people)
    return loaded, people


def states() -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Delivery.objects.values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def parsed(mail):
    return email.message_from_bytes(mail.raw, policy=email.policy.default)


# The whole path


def test_everyone_gets_one_email_and_the_ledger_knows(box):
    loaded, people = a_send(5)
    assert drain() is False
    assert sorted(mail.recipient for mail in box.emails) == sorted(person.email for person in people)
    assert states() == {"sent": 5}
    assert not Outbox.objects.exists()
    rows = Delivery.objects.select_related("entrant")
    ids = {row.entrant.email: f"<{row.message_id}>" for row in rows}
    assert {mail.recipient: parsed(mail)["Message-ID"] for mail in box.emails} == ids
    assert {row.version_id for row in rows} == {the_step(loaded).version_id}
    assert set(Attempt.objects.values_list("outcome", "number")) == {("accepted", 1)}
    assert drain() is False
    assert len(box.emails) == 5


def test_everyone_gets_one_text(box):
    _, people = a_send(5, a_step(**TEXT))
    drain(Channel.SMS)
    assert sorted(text.to for text in box.texts) == sorted(person.mobile for person in people)
    assert states() == {"sent": 5}
    assert all(ref.startswith("SM") for ref in Attempt.objects.values_list("provider_ref", flat=True))


def test_every_text_names_the_address_at_which_its_attempt_is_reported(box):
    a_send(1, a_step(**TEXT))
    box.faults.add("twilio", "refuse", "create", code=429, error=20429, count=1)
    drain(Channel.SMS)
    drain(Channel.SMS, at=DUE + MINUTE)
    [text] = box.texts
    token = view_link.code_of(Delivery.objects.get().token)
    assert text.status_callback == f"https://tips.example.org/hooks/twilio/status/{token}.2#rc=3&rp=all"


def test_a_family_is_greeted_by_all_its_names_in_one_email(box):
    event = an_event()
    loaded, _ = a_send(1, event=event)
    family = [entrant(event, email="family@example.org", first_name=name) for name in ("Ana", "Ben", "Zoë")]
    queue(the_step(loaded), family)
    drain()
    [mail] = [mail for mail in box.emails if mail.recipient == "family@example.org"]
    assert "Ana, Ben and Zoë" in parsed(mail).get_body(("plain",)).get_content()
    carrier, *carried = Delivery.objects.filter(entrant__in=family).order_by("id")
    assert {row.carrier_id for row in carried} == {carrier.id}
    assert states() == {"sent": 4}


def test_nothing_leaves_for_those_who_may_not_be_written_to(box):
    event = an_event()
    loaded, _ = a_send(2, event=event)
    silent = entrants(event, 2, consents=())
    queue(the_step(loaded), silent)
    drain()
    assert len(box.emails) == 2
    assert {fate(person) for person in silent} == {("skipped", "no_consent")}


def test_two_drains_at_once_send_to_nobody_twice(box):
    a_send(40)
    start = threading.Barrier(2)

    def run() -> None:
        sending = Drain(Channel.EMAIL)
        start.wait(5)
        while sending.run(5):
            pass
        sending.carrier.close()

    with time_machine.travel(DUE):
        for running in [elsewhere(run), elsewhere(run)]:
            running.result(30)
    assert len({mail.recipient for mail in box.emails}) == len(box.emails) == 40
    assert states() == {"sent": 40}


def test_a_slice_that_is_over_says_that_there_is_more(box):
    a_send(1)
    assert drain(seconds=0) is True
    assert not box.emails


# Stopping in the middle


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.SMS])
def test_a_pause_in_the_middle_gives_the_rest_back_untouched(box, channel):
    stage = {"email": ("smtp", "dot"), "sms": ("twilio", "create")}[channel]
    box.faults.add(stage[0], "slow", stage[1], seconds=0.1 if channel == "email" else 0.6)
    loaded, people = a_send(70, a_step() if channel == "email" else a_step(**TEXT))
    running = elsewhere(lambda: drain(channel, seconds=20))
    box.wait_for(**{"emails" if channel == "email" else "texts": 1})
    campaign.pause(loaded)
    paused = time.monotonic()
    running.result(20)
    assert time.monotonic() - paused < 2
    arrived = len(box.emails) + len(box.texts)
    assert 1 <= arrived < 70
    assert states() == {"sent": arrived, "due": 70 - arrived}
    assert set(Outbox.objects.values_list("lease_until", "holder")) == {(None, "")}
    assert not Delivery.objects.filter(state="due", attempts__gt=0).exists()
    box.faults.clear()
    campaign.resume(loaded)
    drain(channel)
    assert states() == {"sent": 70}
    to = [mail.recipient for mail in box.emails] + [text.to for text in box.texts]
    assert len(to) == len(set(to)) == len(people)


def test_what_a_person_did_not_fill_in_is_held_and_the_others_are_sent(box, tmp_path):
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / "number.md").write_text(
        "---\ntopic: Number\npurpose: service\nsubject: Your number\npreheader: Bring it.\n---\n# Your number\n\n"
        "Hello {{ names }}, your number is {{ bib }}. Write to {{ organiser_contact }}.\n"
    )
    event = an_event()
    loaded, [known] = a_send(
        1, a_step(template="number", purpose="service"), event=event, folder=tmp_path, bib="123"
    )
    unknown = entrant(event)
    queue(the_step(loaded), [unknown])
    drain()
    assert [mail.recipient for mail in box.emails] == [known.email]
    assert fate(unknown) == ("held", "missing_value")
    assert not Outbox.objects.exists()
    assert Delivery.objects.get(entrant=unknown).attempts == 0


def test_a_message_that_cannot_be_made_at_all_leaves_nothing_claimed(box):
    """A fault of ours: it is raised, and nobody's message becomes a doubt that never left this machine."""
    a_send(3)
    Step.objects.update(version=None)
    with pytest.raises(AssertionError):
        drain()
    assert set(Outbox.objects.values_list("lease_until", flat=True)) == {None}
    assert states() == {"due": 3}


# What providers refuse


def test_an_address_that_does_not_exist_is_not_written_to_again(box):
    _, [bad, good] = a_send(2)
    box.faults.add("smtp", "refuse", "rcpt", code=550, text="5.1.1 No such user", match=bad.email)
    drain()
    assert (fate(bad), fate(good)) == (("failed", "provider_refused"), ("sent", ""))
    stop = Suppression.objects.get()
    assert (bytes(stop.address_hash), stop.scope, stop.reason) == (bad.email_hash, "all", "hard_bounce")
    assert Circuit.objects.get(channel="email").opened_at is None


def test_a_refusal_of_no_known_meaning_suppresses_nobody(box):
    _, [bad] = a_send(1)
    box.faults.add("smtp", "refuse", "rcpt", code=555, text="5.9.9 Computer says no")
    drain()
    assert fate(bad) == ("failed", "provider_refused")
    assert not Suppression.objects.exists()


def test_five_refusals_of_no_known_meaning_in_a_row_open_the_circuit(box):
    """One may be that person's own; in a row they are the provider's, and the others are not used up on it."""
    a_send(12)
    box.faults.add("smtp", "refuse", "rcpt", code=555, text="5.9.9 Computer says no", after=2)
    drain()
    assert states() == {"sent": 2, "failed": 5, "due": 5}
    state = Circuit.objects.get(channel="email")
    assert state.opened_at is not None
    assert "no known meaning" in state.reason


def test_more_than_a_tenth_of_unknown_refusals_open_the_circuit(box):
    _, people = a_send(50)
    for person in people[::4]:
        box.faults.add("smtp", "refuse", "rcpt", code=555, text="5.9.9 Computer says no", match=person.email)
    drain()
    assert states()["failed"] == 6
    assert states()["due"] == 50 - 21
    assert Circuit.objects.get(channel="email").opened_at is not None


@pytest.mark.parametrize(("error", "reason"), [(21610, "stop"), (21211, "bad_number")])
def test_a_number_that_said_stop_or_is_none_gets_no_more_texts(box, error, reason):
    _, [bad, good] = a_send(2, a_step(**TEXT))
    box.faults.add("twilio", "refuse", "create", code=400, error=error, match=bad.mobile)
    drain(Channel.SMS)
    assert (fate(bad), fate(good)) == (("failed", "provider_refused"), ("sent", ""))
    stop = Suppression.objects.get()
    assert (stop.channel, bytes(stop.address_hash), stop.reason) == ("sms", bad.mobile_hash, reason)


def test_a_message_that_the_provider_refuses_stops_its_step_at_the_first(box):
    """The others are not used up on words that nobody will get: they wait for better ones."""
    loaded, _ = a_send(10)
    box.faults.add("smtp", "refuse", "dot", code=552, text="5.3.4 Message too big")
    drain()
    step = the_step(loaded)
    assert step.state == "paused"
    assert "too big" in step.state_reason
    assert states() == {"failed": 1, "due": 9}
    assert set(Outbox.objects.values_list("lease_until", flat=True)) == {None}
    assert drain() is False


@pytest.mark.parametrize(
    ("stage", "code", "text"),
    [("mail", 550, "5.7.1 Not from you"), ("mail", 530, "Log in first"), ("dot", 550, "5.7.26 DKIM fails")],
)
def test_a_refusal_of_everyone_costs_nobody_an_attempt_and_opens_the_circuit(box, stage, code, text):
    a_send(10)
    box.faults.add("smtp", "refuse", stage, code=code, text=text)
    drain()
    assert states() == {"due": 10}
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert set(Outbox.objects.values_list("lease_until", flat=True)) == {None}
    assert Attempt.objects.count() == 1
    state = Circuit.objects.get(channel="email")
    assert state.opened_at is not None
    assert state.reason
    assert not box.emails
    box.faults.clear()
    drain(at=DUE + timedelta(seconds=30))
    assert not box.emails, "nothing leaves before the probe's time"


def test_one_message_probes_and_closes_the_circuit_for_all(box):
    a_send(6)
    circuit.opened(Channel.EMAIL, "policy", "The password is wrong.", DUE)
    allowed = [circuit.allowance(Channel.EMAIL, DUE + MINUTE).limit for _ in range(3)]
    assert allowed == [1, 0, 0]
    drain(at=DUE + 2 * MINUTE)
    assert len(box.emails) == 6
    state = Circuit.objects.get(channel="email")
    assert (state.opened_at, state.reason) == (None, "")


def test_a_probe_that_is_refused_leaves_the_circuit_open(box):
    a_send(6)
    circuit.opened(Channel.EMAIL, "policy", "The password is wrong.", DUE)
    box.faults.add("smtp", "refuse", "mail", code=535, text="5.7.8 Wrong password")
    drain(at=DUE + 2 * MINUTE)
    assert Attempt.objects.count() == 1
    assert Circuit.objects.get(channel="email").opened_at == DUE
    assert states() == {"due": 6}


def test_a_probe_is_not_used_up_on_those_who_may_not_be_written_to(box):
    event = an_event()
    loaded, _ = a_send(3, event=event, consents=())
    [willing] = entrants(event, 1)
    queue(the_step(loaded), [willing])
    circuit.opened(Channel.EMAIL, "policy", "The password is wrong.", DUE)
    drain(at=DUE + 2 * MINUTE)
    assert [mail.recipient for mail in box.emails] == [willing.email]


def test_what_is_refused_for_now_comes_again(box):
    _, [slow, quick] = a_send(2)
    box.faults.add("smtp", "refuse", "rcpt", code=451, text="4.7.1 Greylisted", match=slow.email, count=1)
    drain()
    assert (fate(slow), fate(quick)) == (("due", ""), ("sent", ""))
    drain(at=DUE + MINUTE)
    assert fate(slow) == ("sent", "")
    assert Delivery.objects.get(entrant=slow).attempts == 2
    assert len(box.emails) == 2


def test_a_mail_server_that_is_away_costs_nobody_an_attempt(box, settings):
    a_send(3)
    there, settings.EMAIL_URL = settings.EMAIL_URL, "smtp://127.0.0.1:1"
    drain()
    assert states() == {"due": 3}
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert Circuit.objects.get(channel="email").opened_at is not None
    settings.EMAIL_URL = there
    drain(at=DUE + MINUTE)
    assert states() == {"sent": 3}


def test_a_twilio_that_is_away_costs_nobody_an_attempt(box, settings):
    a_send(3, a_step(**TEXT))
    there, settings.TWILIO_BASE_URL = settings.TWILIO_BASE_URL, "http://127.0.0.1:1"
    drain(Channel.SMS)
    assert states() == {"due": 3}
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert set(Outbox.objects.values_list("lease_until", flat=True)) == {None}
    assert Circuit.objects.get(channel="sms").opened_at is not None
    settings.TWILIO_BASE_URL = there
    drain(Channel.SMS, at=DUE + MINUTE)
    assert states() == {"sent": 3}


@pytest.mark.parametrize(
    ("channel", "missing"), [(Channel.EMAIL, "EMAIL_URL"), (Channel.SMS, "TWILIO_AUTH_TOKEN")]
)
def test_a_channel_that_is_not_set_up_says_what_is_missing(box, settings, channel, missing):
    a_send(2, a_step() if channel == Channel.EMAIL else a_step(**TEXT))
    setattr(settings, missing, "")
    drain(channel)
    assert states() == {"due": 2}
    assert missing in Circuit.objects.get(channel=channel).reason


def test_an_email_without_an_answer_is_sent_once_more_under_the_same_message_id(box):
    _, [person] = a_send(1)
    box.faults.add("smtp", "close", "dot", kept=True, count=1)
    drain()
    assert fate(person)[0] == "uncertain"
    drain(at=DUE + timedelta(seconds=50))
    assert len(box.emails) == 1
    drain(at=DUE + 2 * MINUTE)
    assert fate(person) == ("sent", "")
    first, second = box.emails
    assert parsed(first)["Message-ID"] == parsed(second)["Message-ID"]


def test_a_text_without_an_answer_is_not_sent_again(box):
    _, [person] = a_send(1, a_step(**TEXT))
    box.faults.add("twilio", "close", "create", kept=True, count=1)
    drain(Channel.SMS)
    drain(Channel.SMS, at=DUE + 5 * MINUTE)
    assert fate(person)[0] == "uncertain"
    assert len(box.texts) == 1


def test_one_channel_that_is_down_does_not_stop_the_other(box, settings):
    event = an_event()
    loaded = a_campaign(event, a_step(), a_step("text", **TEXT))
    people = entrants(event, 2)
    queue(the_step(loaded), people)
    queue(the_step(loaded, "text"), people)
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    drain()
    drain(Channel.SMS)
    assert len(box.texts) == 2
    assert circuit.allowance(Channel.SMS, DUE).limit is None


# Alerts


def an_alert_and_a_tip(channel: str = "email", count: int = 3):
    """A released alert and a tip that was due an hour earlier, to the same people."""
    event = an_event()
    step = a_step() if channel == "email" else a_step(**TEXT)
    loaded = a_campaign(event, step)
    people = entrants(event, count)
    queue(the_step(loaded), people, DUE - 60 * MINUTE)
    alert = an_alert(loaded, channel, source=HEAT[channel])
    queue(alert, people)
    return loaded, alert, people


HEAT = {
    "email": (
        "---\ntopic: Heat\npurpose: service\nsubject: Heat alert\npreheader: Take care.\n---\n"
        "# Heat alert\n\nIt is hot.\n"
    ),
    "sms": "---\ntopic: Heat\npurpose: service\n---\nHEAT ALERT.\n",
}


@pytest.mark.parametrize("channel", list(Channel))
def test_an_alert_goes_before_what_was_due_earlier(box, channel):
    _, alert, people = an_alert_and_a_tip(channel)
    drain(channel)
    mails = [parsed(mail)["Subject"] for mail in box.emails] or [text.body for text in box.texts]
    assert len(mails) == 2 * len(people)
    assert all("alert" in words.lower() for words in mails[: len(people)])
    assert {row.state for row in Delivery.objects.filter(step=alert)} == {"sent"}


def test_a_drain_for_alerts_takes_nothing_else(box):
    loaded, _, people = an_alert_and_a_tip()
    assert drain(alerts_only=True) is False
    assert [parsed(mail)["Subject"] for mail in box.emails] == ["Heat alert"] * len(people)
    assert Delivery.objects.filter(step=the_step(loaded), state="due").count() == len(people)


def test_an_alert_waits_for_no_probe_and_opens_the_way_for_the_others(box):
    """On a quiet morning nothing else is due that could show that the mail server is back."""
    an_alert_and_a_tip()
    circuit.opened(Channel.EMAIL, "policy", "535 Wrong password.", DUE)
    drain()
    assert states() == {"sent": 6}
    assert Circuit.objects.get(channel="email").opened_at is None


def test_an_alert_that_a_stopped_provider_refuses_is_due_again_and_knocks_every_few_seconds(box):
    _, alert, people = an_alert_and_a_tip()
    box.faults.add("smtp", "refuse", "mail", code=550, text="5.7.1 No", count=3)
    drain()
    assert box.emails == []
    rows = Delivery.objects.filter(step=alert)
    assert {(row.state, row.attempts) for row in rows} == {("due", 0)}
    for later in range(3):
        drain(at=DUE + timedelta(seconds=4 * later))
        drain(at=DUE + timedelta(seconds=4 * later + 1))
    assert sum(fault.played for fault in box.faults) == 3
    assert {row.state for row in Delivery.objects.filter(step=alert)} == {"sent"}
    assert len(box.emails) == 2 * len(people)


def test_an_alert_has_a_sender_of_its_own_when_one_is_set(box, settings):
    settings.TWILIO_ALERT_FROM = "RRAlert"
    an_alert_and_a_tip("sms")
    drain(Channel.SMS)
    assert {(text.sender, "ALERT" in text.body) for text in box.texts} == {
        ("RRAlert", True),
        ("+447700900900", False),
    }


# Leases


def test_a_lease_that_ran_out_under_a_drain_is_swept_and_its_late_answer_counts(box):
    """The drain stood still for too long; the row is in doubt; the answer it then brings settles the doubt."""
    _, [person] = a_send(1)
    box.faults.add("smtp", "slow", "dot", seconds=1.0)
    running = elsewhere(drain)
    wait_until_claimed()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox SET lease_until = clock_timestamp() - interval '11 minutes'")
    assert ledger.sweep(DUE) == 1
    assert fate(person)[0] == "uncertain"
    running.result(10)
    assert fate(person) == ("sent", "")
    assert not Outbox.objects.exists()


def wait_until_claimed() -> None:
    for _ in range(500):
        if Outbox.objects.filter(lease_until__isnull=False).exists():
            return
        time.sleep(0.01)
    raise AssertionError("nothing was claimed")


# Several connections


@pytest.fixture
def lanes(box, settings) -> Postbox:
    """A mail server that takes a moment over each mail, so that several connections are open."""
    settings.EMAIL_CONNECTIONS = 4
    box.faults.add("smtp", "slow", "dot", seconds=0.02)
    return box


def test_several_connections_bring_everyone_one_email(lanes):
    _, people = a_send(60)
    drain()
    assert sorted(mail.recipient for mail in lanes.emails) == sorted(person.email for person in people)
    assert states() == {"sent": 60}


def test_of_each_connection_at_most_one_message_is_handed_over_without_an_answer(lanes, monkeypatch):
    """What the journal would tell if the process were killed at any moment."""
    a_send(60)
    doubts: list[int] = []
    written = Journal._append

    def look(own: Journal, entry: dict[str, object]) -> None:
        written(own, entry)
        doubts.append(len({id(handed) for handed in own.read().values() if handed.answer is None}))

    monkeypatch.setattr(Journal, "_append", look)
    drain()
    assert states() == {"sent": 60}
    assert 2 <= max(doubts) <= 4


def test_the_line_is_written_before_the_body_and_not_with_the_envelope(box, settings):
    """An answer to DATA that is slow in coming is waited for before anything is in doubt."""
    a_send(1)
    box.faults.add("smtp", "slow", "data", seconds=0.5)
    running = elsewhere(drain)
    wait_until_claimed()
    time.sleep(0.2)
    [holder] = set(Outbox.objects.values_list("holder", flat=True))
    assert journal.read(settings.JOURNAL_FOLDER / f"{holder}.journal") == {}
    running.result(10)
    assert states() == {"sent": 1}


def test_a_journal_that_fills_up_loses_no_answer_and_stops_the_channel(lanes, monkeypatch):
    a_send(40)
    written = Journal._append
    lines: list[object] = []

    def until_full(own: Journal, entry: dict[str, object]) -> None:
        if len(lines) >= 21:
            raise JournalFull("The journal cannot be written (the disk is full).")
        lines.append(entry)
        written(own, entry)

    monkeypatch.setattr(Journal, "_append", until_full)
    drain()
    arrived = len(lanes.emails)
    assert 0 < arrived < 40
    assert states() == {"sent": arrived, "due": 40 - arrived}
    assert "disk is full" in Circuit.objects.get(channel="email").reason


def test_what_was_handed_over_when_the_drain_itself_fails_is_in_doubt_and_never_simply_due(
    lanes, monkeypatch
):
    a_send(40)
    taken = Block.take

    def fail_at_the_tenth(block: Block, outcome: Outcome) -> None:
        if len(block.results) == 10 and outcome.kind == "accepted":
            raise RuntimeError("a fault of ours")
        taken(block, outcome)

    monkeypatch.setattr(Block, "take", fail_at_the_tenth)
    with pytest.raises(RuntimeError, match="ours"):
        drain()
    found = states()
    assert found["sent"] == 10
    assert 1 <= found["uncertain"] <= 4
    in_doubt = Delivery.objects.filter(state="uncertain").values_list("entrant__email", flat=True)
    answered = {row.entrant.email for row in Delivery.objects.filter(state="sent").select_related("entrant")}
    assert {mail.recipient for mail in lanes.emails} <= answered | set(in_doubt)


def test_unknown_refusals_on_several_connections_open_the_circuit(lanes):
    a_send(40)
    lanes.faults.add("smtp", "refuse", "rcpt", code=555, text="5.9.9 Computer says no", after=8)
    drain()
    found = states()
    assert 5 <= found["failed"] <= 5 + 4
    assert found["due"] + found["failed"] + found["sent"] == 40
    assert Circuit.objects.get(channel="email").opened_at is not None


# Slices


def test_a_slow_mail_server_does_not_stretch_a_slice(box):
    """What the slice cuts off is given back at once, untouched."""
    box.faults.add("smtp", "slow", "dot", seconds=0.05)
    a_send(60)
    begun = time.monotonic()
    assert drain(seconds=0.5) is True
    assert time.monotonic() - begun < 1.5
    arrived = len(box.emails)
    assert 1 <= arrived < 60
    assert states() == {"sent": arrived, "due": 60 - arrived}
    assert set(Outbox.objects.values_list("lease_until", flat=True)) == {None}
    while drain(seconds=10):
        pass
    assert len({mail.recipient for mail in box.emails}) == len(box.emails) == 60


def test_a_slice_that_is_over_before_its_first_mail_still_sends_one(box):
    a_send(3)
    sending = Drain(Channel.EMAIL)
    sending.slice_ends = time.monotonic() - 1
    with time_machine.travel(DUE):
        sending._block()
    sending.carrier.close()
    assert len(box.emails) == 1
    assert states() == {"sent": 1, "due": 2}


@pytest.mark.parametrize(("sent", "seconds", "fitting"), [(100, 0.02, 500), (100, 0.5, 100), (3, 9.0, 20)])
def test_a_block_is_what_the_mail_server_takes_in_half_a_second(sent, seconds, fitting):
    sending = Drain(Channel.EMAIL)
    sending._fit(sent, seconds)
    assert sending.fitting == fitting


def claims_of(monkeypatch, size: int, after=lambda number: None) -> list[ledger.Claim]:
    """The claims of a drain whose blocks are of one size, as they are made; `after` each its number is told."""
    made: list[ledger.Claim] = []
    real = ledger.claim

    def claim(*args, **words):
        made.append(real(*args, **words))
        after(len(made))
        return made[-1]

    monkeypatch.setattr(ledger, "claim", claim)
    monkeypatch.setattr("campaigns.drain.FIRST_EMAILS", size)
    monkeypatch.setattr("campaigns.drain.FEWEST_EMAILS", size)
    monkeypatch.setattr("campaigns.drain.EACH_CONNECTION", 0)
    monkeypatch.setattr("campaigns.drain.BLOCK", dict.fromkeys(Channel, size))
    return made


def test_what_another_gives_back_in_front_of_the_mark_is_sent_in_the_same_slice(box, monkeypatch):
    loaded, _ = a_send(5)
    given_back = claim_at(DUE, the_step(loaded), limit=1).fences
    claims_of(monkeypatch, 2, lambda number: ledger.release(given_back) if number == 2 else None)
    drain()
    assert states() == {"sent": 5}


# The next block, while the last answers are on their way


def test_the_next_block_is_claimed_before_the_last_answers_have_come(box, settings, monkeypatch, tmp_path):
    settings.EMAIL_CONNECTIONS, settings.JOURNAL_FOLDER = 2, tmp_path
    box.faults.add("smtp", "slow", "dot", seconds=0.3)
    a_send(6)
    unanswered = []

    def look(_number: int) -> None:
        [file] = journal.files(settings.JOURNAL_FOLDER)
        unanswered.append([one for one in journal.read(file).values() if one.answer is None])

    claims = claims_of(monkeypatch, 2, look)
    drain()
    assert states() == {"sent": 6}
    assert [len(claim.groups) for claim in claims[:3]] == [2, 2, 2]
    assert unanswered[1]
    assert unanswered[2]


def test_a_plan_that_was_edited_between_two_blocks_is_read_anew_for_the_next(box, monkeypatch):
    """Who was claimed before the edit may have the old words; nobody who is claimed after it."""
    loaded, _ = a_send(6)
    step = the_step(loaded)

    def edit(number: int) -> None:
        if number == 1:
            Step.objects.filter(id=step.id).update(name="edited")
            ledger.bump_stop_signal()

    claims = claims_of(monkeypatch, 2, edit)
    drain()
    assert states() == {"sent": 6}
    names = {mail.recipient: parsed(mail)["Feedback-ID"].partition(":")[0] for mail in box.emails}
    later = [group[0].address for claim in claims[1:] for group in claim.groups]
    assert {names[address] for address in later} == {"edited"}


def test_an_alert_that_comes_in_between_goes_before_the_next_block(box, monkeypatch):
    loaded, people = a_send(6)

    def warn(number: int) -> None:
        if number == 1:
            queue(an_alert(loaded, "email", source=HEAT["email"]), people)

    claims_of(monkeypatch, 2, warn)
    drain()
    subjects = [parsed(mail)["Subject"] for mail in box.emails]
    assert len(subjects) == 12
    assert subjects[2:8] == ["Heat alert"] * 6


def test_a_pause_between_two_blocks_gives_back_all_that_has_not_left(box, monkeypatch):
    box.faults.add("smtp", "slow", "dot", seconds=0.05)
    loaded, _ = a_send(40)
    claims = claims_of(monkeypatch, 10, lambda number: campaign.pause(loaded) if number == 2 else None)
    drain()
    arrived = len(box.emails)
    assert len(claims) == 2
    assert arrived < 40
    assert states() == {"sent": arrived, "due": 40 - arrived}
    assert set(Outbox.objects.values_list("lease_until", "holder")) == {(None, "")}


def test_a_fault_with_two_blocks_in_hand_leaves_every_row_of_both_settled_or_due(lanes, monkeypatch):
    lanes.faults.add("smtp", "slow", "dot", seconds=0.2)
    a_send(40)
    taken = Block.take

    def fail_after_the_second_claim(block: Block, outcome: Outcome) -> None:
        if len(claims) == 2 and outcome.kind == "accepted":
            raise RuntimeError("a fault of ours")
        taken(block, outcome)

    claims = claims_of(monkeypatch, 10)
    monkeypatch.setattr(Block, "take", fail_after_the_second_claim)
    with pytest.raises(RuntimeError, match="ours"):
        drain()
    found = states()
    assert found["due"] >= 20
    assert found["uncertain"] >= 1
    assert set(Outbox.objects.values_list("lease_until", "holder")) == {(None, "")}
    in_doubt = set(Delivery.objects.filter(state="uncertain").values_list("entrant__email", flat=True))
    sent = set(Delivery.objects.filter(state="sent").values_list("entrant__email", flat=True))
    assert {mail.recipient for mail in lanes.emails} <= sent | in_doubt


def test_a_further_claim_whose_answer_was_lost_is_given_back_by_the_next_slice(box, monkeypatch):
    a_send(6)

    def lose(number: int) -> None:
        if number == 2:
            raise OSError("the connection broke after the commit")

    claims_of(monkeypatch, 2, lose)
    sending = Drain(Channel.EMAIL)
    with time_machine.travel(DUE):
        with pytest.raises(OSError, match="after the commit"):
            sending.run(10)
        assert Outbox.objects.exclude(lease_until=None).count() == 2
        sending.run(10)
        sending.carrier.close()
    assert states() == {"sent": 6}
    assert len(box.emails) == 6


def test_a_block_with_all_its_answers_is_out_of_hand_while_its_send_goes_on(box, monkeypatch):
    a_send(40)
    blocks = []
    settle = InHand.settle_known

    def noted(hand: InHand) -> None:
        settle(hand)
        blocks.append(len(hand._blocks))

    monkeypatch.setattr(InHand, "settle_known", noted)
    claims_of(monkeypatch, 4)
    drain()
    assert states() == {"sent": 40}
    assert max(blocks) <= 2


def test_a_block_is_no_larger_than_what_the_slice_has_time_for():
    sending = Drain(Channel.EMAIL)
    sending._fit(400, 0.5)
    assert [sending._fitting_into(seconds) for seconds in (2.0, 0.25, 0.001)] == [400, 200, 20]


def test_a_block_keeps_many_connections_busy(settings):
    settings.EMAIL_CONNECTIONS = 128
    sending = Drain(Channel.EMAIL)
    sending._fit(500, 0.01)
    assert sending.fitting == 8 * 128


def test_under_a_rate_all_that_is_granted_is_claimed(box, settings, monkeypatch):
    """Blocks under a rate take as long as their slots: taken for the mail server's pace, each next one was smaller
    than its grant, and two thirds of the rate were granted and not used."""
    settings.EMAIL_RATE = 200
    a_send(150)
    granted, limits = [], []
    grant, claim = Pacing.grant, ledger.claim

    def noted_grant(self, wanted, least=1):
        granted.append(grant(self, wanted, least))
        return granted[-1]

    def noted_claim(*args, **words):
        limits.append((granted[-1].count, words["limit"]))
        return claim(*args, **words)

    monkeypatch.setattr(Pacing, "grant", noted_grant)
    monkeypatch.setattr(ledger, "claim", noted_claim)
    box.faults.add("smtp", "slow", "dot", seconds=0.01)
    drain(seconds=20)
    assert len(limits) > 2
    assert [count for count, _ in limits] == [limit for _, limit in limits]


def test_under_a_rate_a_slice_that_is_over_still_uses_what_it_was_granted(box, settings):
    """Cut off with the slice, up to a quarter of the rate was granted and never used."""
    settings.EMAIL_RATE = 40
    a_send(30)
    while not shared_pacing(Channel.EMAIL).grant(1).count:  # a key that Redis does not know yet starts later
        time.sleep(0.05)
    sending = Drain(Channel.EMAIL)
    with time_machine.travel(DUE):
        sending.slice_ends = time.monotonic() + 0.2
        assert sending._block()
        sending.carrier.close()
    assert len(box.emails) == 10  # a quarter of a second's worth


# Answers are written down while their block goes on


def test_answers_are_settled_while_another_is_waited_for(box, settings, monkeypatch):
    monkeypatch.setattr("campaigns.block.SETTLE_EVERY", 0)
    a_send(5)
    seen = []
    answered = Journal.answered

    def look(self, delivery, answer):
        seen.append(states().get("sent", 0))
        answered(self, delivery, answer)

    monkeypatch.setattr(Journal, "answered", look)
    drain()
    assert seen == [0, 1, 2, 3, 4]
    assert states() == {"sent": 5}


def test_answers_that_could_not_be_settled_in_between_are_settled_at_the_end(box, monkeypatch):
    monkeypatch.setattr("campaigns.block.SETTLE_EVERY", 0)
    a_send(5)
    settle, failed = ledger.settle, []

    def once_in_vain(*args):
        if not failed:
            failed.append(args)
            raise OSError("the database went away")
        settle(*args)

    monkeypatch.setattr(ledger, "settle", once_in_vain)
    with pytest.raises(OSError, match="went away"):
        drain()
    assert states()["sent"] == len(box.emails)
    drain()
    assert states() == {"sent": 5}
    assert len(box.emails) == 5


def test_a_settle_whose_answer_was_lost_counts_once(box, settings, monkeypatch):
    """It was committed, the connection died before that was known here, and the rest of the block settles it again."""
    monkeypatch.setattr("campaigns.block.SETTLE_EVERY", 0)
    settings.EMAIL_CONNECTIONS = 2
    box.faults.add("smtp", "close", "dot", count=1)
    a_send(12)
    settle, commit, doubts, lost = ledger.settle, connection._commit, [], []

    def noted(channel, results, now):
        doubts.extend(result for result in results if result.outcome == "doubtful")
        settle(channel, results, now)

    def lose_the_answer():
        commit()
        if doubts and not lost:
            lost.append(True)
            connection.connection.close()
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(ledger, "settle", noted)
    monkeypatch.setattr(connection, "_commit", lose_the_answer)
    with pytest.raises(OperationalError):
        drain()
    assert lost
    monkeypatch.undo()
    settings.EMAIL_CONNECTIONS = 2
    connection.close()
    while drain():
        pass
    assert states() == {"sent": 11, "uncertain": 1}
    assert Outbox.objects.get().lease_until is None
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


def test_a_block_grows_with_what_was_settled_on_the_way(box, monkeypatch):
    monkeypatch.setattr("campaigns.block.SETTLE_EVERY", 0)
    a_send(60)
    sizes = []
    fit = Drain._fit
    monkeypatch.setattr(
        Drain, "_fit", lambda self, sent, seconds: (sizes.append(sent), fit(self, sent, seconds))
    )
    drain()
    assert sizes[-1] == 60


# Events and steps side by side


def test_another_event_is_not_stalled_by_a_large_one(box, monkeypatch):
    monkeypatch.setattr("campaigns.drain.FIRST_EMAILS", 10)
    monkeypatch.setattr("campaigns.drain.BLOCK", dict.fromkeys(Channel, 10))
    a_send(60)
    _, (other,) = a_send(1, email="alone@example.org")
    Outbox.objects.filter(delivery__entrant=other).update(due_at=DUE)
    Outbox.objects.exclude(delivery__entrant=other).update(due_at=DUE - MINUTE)
    drain()
    arrived = [mail.recipient for mail in box.emails]
    assert len(arrived) == 61
    assert arrived.index(other.email) <= 21


def test_every_mail_of_the_library_reaches_everyone_as_itself(box):
    """Several steps one after the other over the same connections: no frame and no word of another's."""
    event = an_event()
    loaded = the_library(event)
    sign_everything(loaded)
    campaign.approve(loaded, "ann@example.org", [])
    loaded.refresh_from_db()
    campaign.start(loaded)
    people = entrants(event, 3)
    steps = list(loaded.steps.filter(kind="planned", channel="email"))
    for step in steps:
        queue(step, people)
    while drain(seconds=30):
        pass
    expected = {
        (step.name, person.email) for step in steps for person in people if fate_of(step, person) == "sent"
    }
    assert len({name for name, _ in expected}) > 8
    found, subjects = [], set()
    for mail in box.emails:
        message = parsed(mail)
        found.append((message["Feedback-ID"].partition(":")[0], mail.recipient))
        subjects.add(message["Subject"])
        page = message.get_body(("html",)).get_content()
        assert page.count("</html>") == 1
        assert [person.email for person in people if person.token in page] == [mail.recipient]
    assert sorted(found) == sorted(expected)
    assert len(subjects) >= len({name for name, _ in expected})


def fate_of(step: Step, person: Entrant) -> str:
    return Delivery.objects.get(step=step, entrant=person).state


# What was claimed is never left behind by a process that lives on


def test_a_claim_whose_answer_was_lost_is_given_back_by_the_next_slice(box, monkeypatch):
    a_send(3)
    claim, lost = ledger.claim, []

    def lose_the_first_answer(*args, **words):
        found = claim(*args, **words)
        if not lost:
            lost.append(found)
            raise OSError("the connection broke after the commit")
        return found

    monkeypatch.setattr(ledger, "claim", lose_the_first_answer)
    sending = Drain(Channel.EMAIL)
    with time_machine.travel(DUE):
        with pytest.raises(OSError, match="after the commit"):
            sending.run(10)
        assert Outbox.objects.exclude(lease_until=None).count() == 3
        sending.run(10)
        sending.carrier.close()
    assert states() == {"sent": 3}
    assert len(box.emails) == 3


def test_a_step_that_could_not_be_read_nor_given_back_is_given_back_by_the_next_slice(box, monkeypatch):
    a_send(3)
    failures = iter([OSError("gone"), OSError("still gone")])

    def fail_once(real):
        def act(*args, **words):
            for error in failures:
                raise error
            return real(*args, **words)

        return act

    monkeypatch.setattr("campaigns.rendering.message_of", fail_once(rendering.message_of))
    monkeypatch.setattr(ledger, "release", fail_once(ledger.release))
    sending = Drain(Channel.EMAIL)
    with time_machine.travel(DUE):
        with pytest.raises(OSError, match="still gone"):
            sending.run(10)
        sending.run(10)
        sending.carrier.close()
    assert states() == {"sent": 3}
