"""The status hook: what Twilio reports is stored once, proven, and without anybody's number."""

import pytest
from people import a_campaign, a_step, an_event, entrants, queue, the_step
from twilio_calls import PREVIOUS, status_fields, twilio_call
from webhook_cases import Call, WebhookCases

from campaigns import attempt_code, status_link
from campaigns.models import Receipt

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery():
    loaded = a_campaign(an_event(), a_step(channel="sms", template="hydration"))
    return queue(the_step(loaded), entrants(loaded.event, 1))[0]


def path_of(delivery, attempt: int = 1) -> str:
    delivery.refresh_from_db()
    address = status_link.address("", delivery.token, attempt)
    return address.partition("#")[0]


class TestStatusHook(WebhookCases):
    hook = "twilio-status"
    signature_header = "X-Twilio-Signature"

    @pytest.fixture(autouse=True)
    def _path(self, delivery) -> None:
        self.path = path_of(delivery)

    def genuine(self) -> Call:
        return twilio_call(self.path, status_fields())

    def with_other_secret(self) -> Call:
        return twilio_call(self.path, status_fields(), "another token")

    def with_previous_secret(self) -> Call:
        return twilio_call(self.path, status_fields(), PREVIOUS)

    def of_other_account(self) -> Call:
        return twilio_call(self.path, status_fields(AccountSid=f"AC{'9' * 32}"))


def report(delivery, *args: str, attempt: int = 1, **fields: str) -> int:
    return twilio_call(path_of(delivery, attempt), status_fields(*args, **fields)).send().status_code


def test_a_report_is_kept_without_numbers_and_words(delivery):
    more = {"Body": "Hello Zoë", "RawDlrDoneDate": "2701", "Anew": "to +447700900123"}
    assert report(delivery, "undelivered", ErrorCode="30003", **more) == 204
    kept = Receipt.objects.get()
    assert (kept.delivery, kept.attempt, kept.status, kept.code) == (delivery.id, 1, "undelivered", "30003")
    assert kept.raw["RawDlrDoneDate"] == "2701"
    assert "+44" not in str(kept.raw)
    assert "Zoë" not in str(kept.raw)


def test_a_report_is_kept_once_for_each_attempt_sid_and_status(delivery):
    for attempt, status, sid in [
        (1, "sent", "SM1"),
        (1, "sent", "SM1"),
        (1, "delivered", "SM1"),
        (2, "sent", "SM2"),
    ]:
        assert report(delivery, status, sid, attempt=attempt) == 204
    assert Receipt.objects.count() == 3


@pytest.mark.parametrize(
    "path",
    ["AAAAAAAAAAAAAAAAAAAAAA.1", "x.1", "AAAAAAAAAAAAAAAAAAAAAA.x", "AAAAAAAAAAAAAAAAAAAAAA",
     "AAAAAAAAAAAAAAAAAAAAAA.99999999999999"],
)  # fmt: skip
def test_a_report_on_nothing_we_know_is_quietly_forgotten(path):
    assert twilio_call(f"/hooks/twilio/status/{path}", status_fields()).send().status_code == 204
    assert not Receipt.objects.exists()


def test_a_report_without_a_status_or_a_sid_is_quietly_forgotten(delivery):
    for missing in ("MessageStatus", "MessageSid"):
        fields = {name: value for name, value in status_fields().items() if name != missing}
        assert twilio_call(path_of(delivery), fields).send().status_code == 204
    assert not Receipt.objects.exists()


def test_a_status_and_fields_that_nobody_has_heard_of_are_kept_too(delivery):
    assert report(delivery, "levitating", NewField="new") == 204
    kept = Receipt.objects.get()
    assert (kept.status, kept.standing, kept.raw["NewField"]) == ("levitating", "on_its_way", "new")


def test_a_call_signed_for_another_address_is_refused(delivery):
    call = twilio_call(path_of(delivery), status_fields(), public_url="https://elsewhere.example.org")
    assert call.send(host="elsewhere.example.org").status_code == 403


def test_without_a_token_nothing_is_believed(delivery, settings):
    settings.TWILIO_AUTH_TOKEN = settings.TWILIO_AUTH_TOKEN_PREVIOUS = ""
    assert twilio_call(path_of(delivery), status_fields(), "").send().status_code == 403


def test_the_path_names_delivery_and_attempt(delivery):
    delivery.refresh_from_db()
    address = status_link.address("https://tips.example.org", delivery.token, 12)
    assert address.startswith("https://tips.example.org/hooks/twilio/status/")
    assert address.endswith(".12#rc=3&rp=all")
    assert attempt_code.read(address.partition("#")[0].rpartition("/")[2]) == (delivery.token, 12)


@pytest.mark.parametrize("field", ["ErrorCode", "MessageStatus", "ApiVersion", "a\0b"])
def test_a_nul_in_any_field_is_no_error(delivery, field):
    call = twilio_call(path_of(delivery), status_fields() | {field: "x\0y"})
    assert call.send().status_code == 204


@pytest.mark.parametrize(
    ("public_url", "environ"),
    [
        ("https://tips.example.org:8443", {}),
        ("https://example.org/aid", {}),  # a proxy that takes the folder away
        ("https://example.org/aid", {"SCRIPT_NAME": "/aid"}),  # and a server that is told of it
        (
            "https://tips.example.org",
            {"HTTP_X_FORWARDED_HOST": "evil.example", "HTTP_X_FORWARDED_PROTO": "http"},
        ),
    ],
)
def test_the_public_address_may_have_a_port_or_a_folder_and_no_header_changes_it(
    delivery, settings, public_url, environ
):
    settings.PUBLIC_URL = public_url
    path = path_of(delivery)
    call = twilio_call(path, status_fields(), public_url=public_url)
    assert call.send(**environ).status_code == 204
    forged = twilio_call(path, status_fields("read"), public_url="https://evil.example")
    assert forged.send(**environ).status_code == 403
    assert Receipt.objects.count() == 1
