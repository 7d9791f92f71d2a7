"""Mail providers' reports and bounce mails: proven, kept once and without an address, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from esp_calls import (
    KEY_BEFORE,
    PREVIOUS,
    basic,
    bounce_mail,
    mailgun,
    mailgun_failed,
    postmark,
    postmark_bounce,
    ses,
    ses_bounce,
    sns,
)
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from people import DUE, a_campaign, a_step, an_event, claim_at, entrant, entrants, fate, queue, the_step
from webhook_cases import Call, WebhookCases

from campaigns import attempt_code, ledger, optout
from campaigns.models import Delivery, Entrant, Receipt, Suppression
from campaigns.models.words import Channel, Scope
from campaigns.receipts import bounce_mail as reading
from campaigns.receipts import interpreting

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def secrets(settings) -> None:
    from esp_calls import KEY, SECRET

    settings.ESP_WEBHOOK_SECRET, settings.ESP_WEBHOOK_SECRET_PREVIOUS = SECRET, PREVIOUS
    settings.MAILGUN_SIGNING_KEY, settings.MAILGUN_SIGNING_KEY_PREVIOUS = KEY, KEY_BEFORE


def sent(person: Entrant | None = None, *, settle: bool = True) -> Delivery:
    """An email that has been handed over to its first attempt."""
    person = person or entrant(an_event(), email="zoe@example.com")
    step = the_step(a_campaign(person.event, a_step()))
    [row] = queue(step, [person])
    claim = claim_at(DUE, step)
    if settle:
        accept(claim)
    row.refresh_from_db()
    return row


def accept(claim: ledger.Claim) -> None:
    results = [
        ledger.Result(c.delivery, c.claim, c.carrier, "accepted") for group in claim.groups for c in group
    ]
    ledger.settle(Channel.EMAIL, results, DUE)


def code(row: Delivery, attempt: int = 1) -> str:
    return attempt_code.code_of(row.token, attempt)


def interpret() -> None:
    while interpreting.interpret(DUE + timedelta(minutes=5)):
        pass


def closed() -> set[tuple[str, str]]:
    return set(Suppression.objects.values_list("scope", "reason"))


class _Cases(WebhookCases):
    """What the hooks of mail providers share: their calls name no account of ours."""

    call: Callable[..., Call]
    secret_before = PREVIOUS

    @pytest.fixture(autouse=True)
    def _row(self) -> None:
        self.code = code(sent())

    def genuine(self) -> Call:
        return type(self).call(self.code)

    def with_other_secret(self) -> Call:
        return type(self).call(self.code, "hook:other")

    def with_previous_secret(self) -> Call:
        return type(self).call(self.code, self.secret_before)

    def of_other_account(self) -> None:
        return None

    def test_a_call_changed_after_it_was_signed_is_refused(self) -> None:
        """A password proves who calls, not what they say; a body that makes no sense is refused all the same."""
        call = self.genuine()
        self.refused(replace(call, body=b"{" + call.body), 400, 403)

    def test_a_body_that_hides_its_length_is_refused(self) -> None:
        """Without a length there is no body: nothing to prove, nothing to keep."""
        self.refused(self.genuine(), 204, 400, 403, CONTENT_LENGTH="0")

    @pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "image/png", ""])
    def test_a_wrong_content_type_is_refused(self, content_type: str) -> None:
        self.refused(replace(self.genuine(), content_type=content_type), 400, 403, 415)


class _ByPassword(_Cases):
    signature_header = "Authorization"

    def unsigned(self) -> Call:
        call = self.genuine()
        return replace(call, headers={name: v for name, v in call.headers.items() if name != "Authorization"})

    def with_signature(self, signature: str) -> Call:
        return replace(self.genuine(), headers={**self.genuine().headers, "Authorization": signature})


class TestPostmark(_ByPassword):
    hook = "esp-event"
    call = staticmethod(postmark)


class TestAmazonSes(_ByPassword):
    hook = "esp-event"
    call = staticmethod(ses)


class TestBounceMail(_ByPassword):
    hook = "esp-bounce"

    @staticmethod
    def call(code: str, secret: str = "hook:secret") -> Call:
        return bounce_mail(code, secret=secret)

    def test_a_call_changed_after_it_was_signed_is_refused(self) -> None:
        """A bounce that makes no sense is taken quietly: its sender could do nothing about it."""
        assert replace(self.genuine(), body=b"nothing").send().status_code == 204
        assert not Receipt.objects.exists()

    @pytest.mark.parametrize("content_type", ["text/plain", "application/json", "image/png", ""])
    def test_a_wrong_content_type_is_refused(self, content_type: str) -> None:
        self.refused(replace(self.genuine(), content_type=content_type), 415)


class TestMailgun(_Cases):
    hook = "esp-event"
    call = staticmethod(mailgun)
    secret_before = KEY_BEFORE

    def unsigned(self) -> Call:
        return replace(
            self.genuine(), body=self.genuine().body.replace(b'"signature": {', b'"unsigned": {', 1)
        )

    def with_signature(self, signature: str) -> Call:
        import json

        body = json.loads(self.genuine().body)
        body["signature"]["signature"] = signature
        return replace(self.genuine(), body=json.dumps(body).encode())


def test_without_a_secret_nothing_is_believed(settings) -> None:
    row = sent()
    settings.ESP_WEBHOOK_SECRET = settings.ESP_WEBHOOK_SECRET_PREVIOUS = ""
    settings.MAILGUN_SIGNING_KEY = settings.MAILGUN_SIGNING_KEY_PREVIOUS = ""
    for call in (postmark(code(row)), ses(code(row)), mailgun(code(row)), bounce_mail(code(row))):
        assert call.send().status_code == 403
        assert replace(call, headers={**call.headers, **basic("")}).send().status_code == 403
    assert not Receipt.objects.exists()


def test_an_unknown_provider_is_not_found() -> None:
    assert replace(postmark("x"), path="/hooks/esp/nobody").send().status_code == 404


@pytest.mark.parametrize("call", [postmark, ses, mailgun])
def test_a_delivered_mail_is_delivered(call: Callable[[str], Call]) -> None:
    row = sent()
    assert call(code(row)).send().status_code == 204
    interpret()
    assert fate(row.entrant) == ("delivered", "")


def test_no_address_name_or_subject_is_kept() -> None:
    row = sent()
    for call in (postmark_bounce(code(row)), ses(code(row)), mailgun(code(row)), bounce_mail(code(row))):
        call.send()
    assert Receipt.objects.count() == 4
    for kept in Receipt.objects.all():
        said = f"{kept.ref} {kept.status} {kept.code} {kept.raw}"
        for word in ("zoe", "example.com", "Shoes", "tips@"):
            assert word not in said


@pytest.mark.parametrize(
    "call",
    [
        lambda c: postmark(c, RecordType="Open", FirstOpen=True, ReceivedAt="2027-08-03T09:00:01Z"),
        lambda c: postmark(c, RecordType="Click", OriginalLink="https://example.org"),
        lambda c: ses(c, kind="Open"),
        lambda c: mailgun(c, event="opened"),
        lambda c: mailgun(c, event="clicked", url="https://example.org"),
    ],
)
def test_who_opens_or_clicks_is_nobodys_business(call: Callable[[str], Call]) -> None:
    assert call(code(sent())).send().status_code == 204
    assert not Receipt.objects.exists()


# Bounces and complaints

HARD = [
    lambda c: postmark_bounce(c, "HardBounce"),
    lambda c: postmark_bounce(c, "HardBounce", "smtp; 550 5.1.1 The email account does not exist"),
    lambda c: postmark_bounce(c, "BadEmailAddress"),
    lambda c: ses_bounce(c),
    lambda c: ses_bounce(c, said="smtp; 550 5.1.1 user unknown"),
    lambda c: mailgun_failed(c, said="5.1.1 No such user"),
    lambda c: mailgun_failed(c),
    lambda c: bounce_mail(c, "5.1.1"),
    lambda c: bounce_mail(c, "5.1.2", whole=True),
]
SOFT = [
    lambda c: postmark_bounce(c, "SoftBounce"),
    lambda c: postmark_bounce(c, "SoftBounce", "smtp; 552 5.2.2 mailbox full"),
    lambda c: ses_bounce(c, "Transient"),
    lambda c: bounce_mail(c, "5.2.2"),
]
POLICY = [
    lambda c: postmark_bounce(c, "HardBounce", "smtp; 550 5.7.1 blocked"),
    lambda c: ses_bounce(c, said="smtp; 550 5.7.26 unauthenticated"),
    lambda c: mailgun_failed(c, said="550 5.7.1 message refused"),
    lambda c: bounce_mail(c, "5.7.1"),
]


@pytest.mark.parametrize("call", HARD)
def test_an_address_that_does_not_exist_is_written_to_no_more(call: Callable[[str], Call]) -> None:
    row = sent()
    call(code(row)).send()
    interpret()
    assert fate(row.entrant)[0] == "bounced"
    assert closed() == {("all", "hard_bounce")}


@pytest.mark.parametrize("call", [*SOFT, *POLICY])
def test_a_mailbox_that_is_full_or_a_policy_leaves_the_address_open(call: Callable[[str], Call]) -> None:
    row = sent()
    call(code(row)).send()
    interpret()
    assert fate(row.entrant)[0] == "bounced"
    assert closed() == set()


def test_three_soft_bounces_in_a_row_close_the_address_but_for_alerts() -> None:
    person = entrant(an_event(), email="zoe@example.com")
    loaded = a_campaign(person.event, *(a_step(f"s{n}") for n in range(4)))
    for number in range(4):
        [row] = queue(the_step(loaded, f"s{number}"), [person])
        accept(claim_at(DUE, the_step(loaded, f"s{number}")))
        row.refresh_from_db()
        # The second one arrived: the row begins anew.
        call = postmark(code(row)) if number == 0 else postmark_bounce(code(row), "SoftBounce", ID=number)
        call.send()
        interpret()
        assert closed() == (set() if number < 3 else {("all_but_alerts", "hard_bounce")})


def test_one_mail_that_is_reported_three_times_is_no_row() -> None:
    row = sent()
    for number in range(3):
        postmark_bounce(code(row), "SoftBounce", ID=number).send()
    interpret()
    assert Receipt.objects.count() == 3
    assert closed() == set()


def test_what_was_refused_for_what_we_are_is_no_part_of_a_row() -> None:
    person = entrant(an_event(), email="zoe@example.com")
    loaded = a_campaign(person.event, *(a_step(f"s{n}") for n in range(3)))
    for number, said in enumerate(("550 5.7.26 no DKIM", "550 5.7.26 no DKIM", "")):
        [row] = queue(the_step(loaded, f"s{number}"), [person])
        accept(claim_at(DUE, the_step(loaded, f"s{number}")))
        row.refresh_from_db()
        postmark_bounce(code(row), "SoftBounce", said, ID=number).send()
        interpret()
    assert closed() == set()


@pytest.mark.parametrize(
    "call",
    [
        lambda c: postmark_bounce(c, "SpamComplaint", RecordType="SpamComplaint"),
        lambda c: ses(
            c, kind="Complaint",
            complaint={"complainedRecipients": [{"emailAddress": "zoe@example.com"}], "complaintFeedbackType": "abuse"},
        ),
        lambda c: mailgun(c, event="complained"),
    ],
)  # fmt: skip
def test_who_complains_gets_alerts_alone(call: Callable[[str], Call]) -> None:
    row = sent()
    assert call(code(row)).send().status_code == 204
    interpret()
    assert closed() == {("all_but_alerts", "complaint")}
    assert fate(row.entrant) == ("delivered", "")


def test_who_unsubscribes_at_the_provider_gets_no_tips() -> None:
    mailgun(code(sent()), event="unsubscribed").send()
    interpret()
    assert closed() == {("tips_and_sponsor", "unsubscribed")}


def test_the_address_that_bounced_is_closed_and_not_the_one_put_in_its_place_since() -> None:
    row = sent()
    Entrant.objects.filter(id=row.entrant_id).update(
        email="new@example.com", email_hash=optout.hash_of(Channel.EMAIL, "new@example.com")
    )
    postmark_bounce(code(row)).send()
    interpret()
    [found] = Suppression.objects.all()
    assert bytes(found.address_hash) == optout.hash_of(Channel.EMAIL, "zoe@example.com")
    assert found.scope == Scope.ALL


# Whose mail it was


def test_a_mail_is_found_by_its_message_id_where_the_code_is_missing() -> None:
    person = entrant(an_event(), email="zoe@example.com")
    step = the_step(a_campaign(person.event, a_step()))
    from people import tick_at

    tick_at(DUE)
    row = Delivery.objects.get(step=step)
    accept(claim_at(DUE, step))
    for call in (
        ses("", message_id=f"<{row.message_id}>"),
        mailgun("", message={"headers": {"message-id": row.message_id}}),
        bounce_mail("", message_id=f"<{row.message_id}>"),
    ):
        Receipt.objects.all().delete()
        assert call.send().status_code == 204
        assert Receipt.objects.get().delivery == row.id


@pytest.mark.parametrize(
    "message_id", ["", "<>", "<x@y>", "<1.2.0123456789abcdef@example.org>", "<1.2." + "9" * 400]
)
def test_a_mail_that_is_not_ours_is_quietly_forgotten(message_id: str) -> None:
    sent()
    assert ses("", message_id=message_id).send().status_code == 204
    assert bounce_mail("x.1", message_id=message_id).send().status_code == 204
    assert not Receipt.objects.exists()


def test_amazon_asks_to_confirm_a_subscription_and_nothing_is_fetched(caplog) -> None:
    call = sns(
        {
            "Type": "SubscriptionConfirmation",
            "Token": "t",
            "SubscribeURL": "https://sns.example/confirm",
            "Message": "m",
        }
    )
    assert call.send().status_code == 204
    assert "confirm a subscription" in caplog.text
    assert "sns.example" not in caplog.text


def test_a_report_before_our_own_commit_is_folded_in() -> None:
    person = entrant(an_event(), email="zoe@example.com")
    row = sent(person, settle=False)
    postmark(code(row)).send()
    interpret()
    assert fate(person) == ("due", "")
    accept_held(row)
    assert fate(person) == ("delivered", "")


def accept_held(row: Delivery) -> None:
    ledger.settle(Channel.EMAIL, [ledger.Result(row.id, 1, row.id, "accepted")], DUE)


REPORTS = st.permutations(["delivered", "deferred", "soft", "complaint"])


@hypothesis_settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.data())
def test_whatever_the_order_and_repetition_the_end_is_the_same(data: st.DataObject) -> None:
    row = sent(entrant(an_event(), email=f"r{data.draw(st.integers(0, 10**9))}@example.com"))
    calls = {
        "delivered": postmark(code(row)),
        "deferred": postmark_bounce(code(row), "Transient", ID=1),
        "soft": postmark_bounce(code(row), "SoftBounce", ID=2),
        "complaint": postmark_bounce(code(row), "SpamComplaint", ID=3, RecordType="SpamComplaint"),
    }
    order = data.draw(REPORTS)
    again = data.draw(st.lists(st.sampled_from(order), max_size=3))
    for name in [*order, *again]:
        calls[name].send()
        if data.draw(st.booleans()):
            interpret()
    interpret()
    assert fate(row.entrant) == ("delivered", "")
    assert Receipt.objects.filter(delivery=row.id).count() == 4


# Bounce mails as they come


@given(st.binary(max_size=400))
def test_no_body_makes_the_reader_fall(body: bytes) -> None:
    reading.read(body)


@pytest.mark.parametrize("cut", range(0, 1000, 90))
def test_a_bounce_that_was_cut_short_is_read_as_far_as_it_goes(cut: int) -> None:
    whole = bounce_mail("x.1").body
    reading.read(whole[:cut])


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n\xff\xfe\n--b--",
        b"Content-Type: multipart/report\n\n",
        b"Content-Type: multipart/report; boundary=b\n\n" + b"--b\nContent-Type: message/rfc822\n\n" * 200,
        b"Content-Type: message/rfc822; charset=nonsense\n\n" * 300 + b"x",
    ],
)
def test_odd_bounces_are_taken_quietly(body: bytes) -> None:
    call = replace(bounce_mail("x.1"), body=body)
    assert call.send().status_code == 204


def test_a_delayed_mail_is_nothing_final() -> None:
    row = sent()
    bounce_mail(code(row), "4.4.1", action="delayed").send()
    interpret()
    assert fate(row.entrant)[0] == "sent"
    assert closed() == set()


def test_a_family_shares_the_fate_of_its_one_mail() -> None:
    event = an_event()
    people = entrants(event, 2, email="home@example.com")
    step = the_step(a_campaign(event, a_step(more='per = "address"')))
    queue(step, people)
    accept(claim_at(DUE, step))
    carrier = Delivery.objects.get(carrier=None)
    postmark(code(carrier)).send()
    interpret()
    assert {fate(person) for person in people} == {("delivered", "")}


@pytest.mark.parametrize("moment", [1e300, -1e300, 10**30, "1e999"])
def test_a_report_of_a_moment_that_no_calendar_has_is_refused(moment):
    """Found by fuzzing: Python's own conversion fails in ways of its own."""
    call = mailgun("x")
    body = json.loads(call.body)
    body["event-data"]["timestamp"] = moment
    assert replace(call, body=json.dumps(body).encode()).send().status_code == 400


@pytest.mark.filterwarnings("ignore:django-anymail has dropped official support")
def test_an_event_that_makes_no_sense_takes_no_other_of_its_call_along():
    row = sent()
    told = {"event": "delivered", "timestamp": 1800000000, "delivery": code(row)}
    events = [
        {**told, "email": "zoe@example.com", "sg_event_id": "a"},
        {**told, "email": 5, "sg_event_id": "b"},
        {**told, "email": "zoe@example.com", "sg_event_id": "c"},
    ]
    body = json.dumps(events).encode()
    call = Call("/hooks/esp/sendgrid", body, "application/json", basic("hook:secret"))
    assert call.send().status_code == 400
    assert Receipt.objects.count() == 2
