"""The scripts' JSON."""

import smtplib

import pytest
import requests
from postbox_clients import letter

AMY = "+447700900001"


def url(box, path):
    return f"{box.twilio_base_url}{path}"


def get(box, path):
    answer = requests.get(url(box, path), timeout=5)
    answer.raise_for_status()
    return answer.json()


@pytest.fixture
def filled(box, twilio):
    with smtplib.SMTP("127.0.0.1", box.smtp_port) as smtp:
        for n in range(3):
            smtp.send_message(letter(to=f"{n}@example.com", subject=f"Tip {n}"))
    for n in range(3):
        twilio.messages.create(to=AMY, body=f"Text {n}", from_="Run")
    return box


def test_emails_and_texts_after_a_number_up_to_a_limit(filled):
    emails = get(filled, "/api/emails?after=1&limit=1")["emails"]
    assert [(email["number"], email["recipient"], email["subject"]) for email in emails] == [
        (2, "1@example.com", "Tip 1")
    ]
    assert emails[0]["arrived_at"].endswith("+00:00")
    texts = get(filled, "/api/texts?after=1")["texts"]
    assert [(text["number"], text["body"], text["from"]) for text in texts] == [
        (2, "Text 1", "Run"),
        (3, "Text 2", "Run"),
    ]
    assert get(filled, "/api/counts") == {"emails": 3, "texts": 3, "emails_kept": 3, "texts_kept": 3}


def test_the_raw_message_is_what_came_and_no_browser_runs_it(filled):
    answer = requests.get(url(filled, "/api/emails/2/raw"), timeout=5)
    assert answer.content == filled.emails[1].raw
    assert answer.headers["Content-Type"] == "message/rfc822"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert requests.get(url(filled, "/api/emails/9/raw"), timeout=5).status_code == 404


def test_messages_can_be_cleared(filled):
    assert requests.delete(url(filled, "/api/messages"), timeout=5).status_code == 204
    assert filled.emails == filled.texts == []
    assert get(filled, "/api/counts")["emails"] == 0


def test_faults_are_set_listed_and_cleared(box):
    fault = {"channel": "smtp", "kind": "refuse", "stage": "mail", "code": 450, "count": None}
    answer = requests.post(url(box, "/faults"), json=fault, timeout=5)
    assert answer.status_code == 201
    assert answer.json()["stage"] == "mail"
    with smtplib.SMTP("127.0.0.1", box.smtp_port) as smtp, pytest.raises(smtplib.SMTPSenderRefused):
        smtp.send_message(letter())
    (listed,) = get(box, "/faults")["faults"]
    assert listed["played"] == 1
    assert requests.delete(url(box, "/faults"), timeout=5).status_code == 204
    assert get(box, "/faults") == {"faults": []}


@pytest.mark.parametrize(
    "body", ["{}", "[]", "nonsense", '{"channel": "smtp", "kind": "refuse"}', '{"channel": 1}']
)
def test_a_fault_that_makes_no_sense_is_a_400_with_a_sentence(box, body):
    answer = requests.post(
        url(box, "/faults"), data=body, headers={"Content-Type": "application/json"}, timeout=5
    )
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
    assert len(box.faults) == 0


def test_another_sites_form_cannot_set_a_fault(box):
    body = '{"channel": "smtp", "kind": "refuse", "stage": "mail", "code": 450}'
    answer = requests.post(url(box, "/faults"), data=body, headers={"Content-Type": "text/plain"}, timeout=5)
    assert answer.status_code == 400
    assert len(box.faults) == 0


def test_numbers_are_marked_and_lifted(box):
    def mark(number, mark):
        return requests.post(url(box, "/numbers"), json={"number": number, "mark": mark}, timeout=5)

    assert mark(AMY, "stopped").json() == {"numbers": {AMY: "stopped"}}
    assert mark(AMY, None).json() == {"numbers": {}}
    assert mark(AMY, "tired").status_code == 400
    assert mark("07700900001", "bad").status_code == 400
    mark(AMY, "bad")
    assert requests.delete(url(box, "/numbers"), timeout=5).status_code == 204
    assert get(box, "/numbers") == {"numbers": {}}


@pytest.mark.parametrize(
    "path", ["/api/emails?after=x", "/api/texts?limit=-1", "/?p=x", "/?email=1e3", "/api/emails?after=٣"]
)
def test_a_number_that_is_none_is_a_400(box, path):
    assert requests.get(url(box, path), timeout=5).status_code == 400


def test_a_name_that_someone_points_at_this_machine_is_not_answered(box):
    answer = requests.get(
        url(box, "/api/emails"), headers={"Host": f"evil.example:{box.http_port}"}, timeout=5
    )
    assert answer.status_code == 421
    assert requests.get(f"http://localhost:{box.http_port}/api/counts", timeout=5).status_code == 200
