"""What is fuzzed, each as a function of bytes that raises nothing but what it may refuse with."""

import hashlib
import hmac
import io
import json
import tempfile
import tomllib
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import atheris
import tomli_w
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from twilio.request_validator import RequestValidator

from campaigns import content, rendering
from campaigns.content import ContentError
from campaigns.content.placeholders import PLACEHOLDERS
from campaigns.entry_lists.dates import DateOrderError
from campaigns.entry_lists.entries import EventFacts, Reader, prove_dates
from campaigns.entry_lists.guessing import as_toml, guess
from campaigns.entry_lists.mapping import recognise
from campaigns.entry_lists.races import RaceFacts
from campaigns.entry_lists.sheet import ListError
from campaigns.entry_lists.sniff import open_sheet
from campaigns.entry_lists.sources import SOURCES
from campaigns.plan import PlanError, load_plan
from campaigns.receipts import bounce_mail, esp_hooks, twilio_inbound, twilio_status

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))
FILE, BOOK = FOLDER / "list.csv", FOLDER / "list.xlsx"
FACTS = EventFacts(
    date(2027, 9, 19),
    (
        RaceFacts(1, "10k", "10K", for_children=False),
        RaceFacts(2, "half", "Half marathon", for_children=False, waves=(("A", 11), ("B", 12))),
        RaceFacts(3, "kids", "Kids race", for_children=True),
    ),
)


def importer(data: bytes) -> None:
    """Any file is either a list whose rows are accounted for one by one, or refused with a sentence."""
    FILE.write_bytes(data)
    _list(FILE)


def workbook(data: bytes) -> None:
    """The same for an Excel workbook: what is mutated is its main sheet and, sometimes, the archive itself."""
    source = atheris.FuzzedDataProvider(data)
    whole = bytearray(_book(source.ConsumeBytes(4000)))
    for _ in range(source.ConsumeIntInRange(0, 3)):
        whole[source.ConsumeIntInRange(0, len(whole) - 1)] = source.ConsumeIntInRange(0, 255)
    BOOK.write_bytes(bytes(whole))
    _list(BOOK)


def _list(file: Path) -> None:
    try:
        sheet = open_sheet(file)
        list(sheet.rows())
        tomllib.loads(as_toml(guess(sheet, FACTS.races)))
        layout = recognise(sheet.headings, SOURCES)
        reader = Reader(layout, FACTS, prove_dates(sheet, layout), today=date(2027, 8, 1))
        entries = list(reader.entries(sheet.rows()))
    except (ListError, DateOrderError) as refusal:
        _a_sentence(refusal)
        return
    assert reader.rows == len(entries) + reader.rejected
    for entry in entries:
        assert "\n" not in entry.first_name + entry.last_name + (entry.email or "")
        assert entry.mobile is None or not entry.mobile or entry.mobile.startswith("+")


def _book(cells: bytes) -> bytes:
    """A workbook with these bytes as the inside of its sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in _BOOK.items():
            archive.writestr(name, text)
        archive.writestr("xl/worksheets/sheet1.xml", _SHEET.encode() + cells + b"</sheetData></worksheet>")
    return out.getvalue()


def template(data: bytes) -> None:
    """Any source is either a mail that can be filled in for everyone, or refused with a sentence; in little time."""
    source = data.decode(errors="replace")
    try:
        compiled = content.compile_email("fuzz", source, rendering.layout())
        shown = compiled.render(_VALUES)
    except ContentError as refusal:
        _a_sentence(refusal)
        return
    assert "<script" not in shown.html.lower()
    assert "\n" not in shown.subject
    assert "\r" not in shown.subject


def text(data: bytes) -> None:
    """The same for a text."""
    try:
        shown = content.compile_sms("fuzz", data.decode(errors="replace")).render(_VALUES)
    except ContentError as refusal:
        _a_sentence(refusal)
        return
    assert content.segments(shown).count >= 1


def plan(data: bytes) -> None:
    """Any file is either a plan or refused with a sentence."""
    try:
        load_plan(data.decode(errors="replace"), file="plan.toml")
    except PlanError as refusal:
        _a_sentence(refusal)


def plan_words(data: bytes) -> None:
    """The same, with well-formed TOML whose values are anything at all."""
    source = atheris.FuzzedDataProvider(data)
    document = tomllib.loads(_PLAN)
    for _ in range(source.ConsumeIntInRange(1, 4)):
        _put(source, document)
    try:
        load_plan(tomli_w.dumps(document), file="plan.toml")
    except PlanError as refusal:
        _a_sentence(refusal)


def reports(data: bytes) -> None:
    """Well-formed reports of each provider with anything at all in any of their places."""
    source = atheris.FuzzedDataProvider(data)
    esp_hooks.finding.attempt = lambda *_: (
        1,
        1,
    )  # whatever mail it names is one of ours, so that it is stored
    kind = source.ConsumeIntInRange(0, 2)
    document = json.loads(list(_calls())[2 + kind][1:])
    for _ in range(source.ConsumeIntInRange(1, 4)):
        _put(source, document)
    answer = (_postmark, _ses, _mailgun)[kind](json.dumps(document).encode())
    assert answer.status_code < 500, answer.status_code


def _put(source: atheris.FuzzedDataProvider, document: dict[str, Any]) -> None:
    """Puts something into a place of a document, found by going down it at random."""
    at: Any = document
    while True:
        keys = sorted(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = keys[source.ConsumeIntInRange(0, len(keys) - 1)]
        if isinstance(at[key], dict | list) and source.ConsumeBool():
            at = at[key]
            continue
        at[key] = _anything(source)
        return


def _anything(source: atheris.FuzzedDataProvider) -> Any:
    choices: list[Callable[[], Any]] = [
        lambda: source.ConsumeUnicodeNoSurrogates(30),
        lambda: source.ConsumeInt(9),
        lambda: source.ConsumeFloat(),
        lambda: source.ConsumeBool(),
        lambda: [source.ConsumeUnicodeNoSurrogates(5)],
        lambda: {"a": source.ConsumeInt(2)},
        lambda: _WORDS[source.ConsumeIntInRange(0, len(_WORDS) - 1)] + source.ConsumeUnicodeNoSurrogates(6),
    ]
    return choices[source.ConsumeIntInRange(0, len(choices) - 1)]()


def hooks(data: bytes) -> None:
    """Whatever a provider that proves itself says, a hook answers and never fails."""
    source = atheris.FuzzedDataProvider(data)
    kind = source.ConsumeIntInRange(0, 4)
    body = source.ConsumeBytes(20_000)
    answer = (_status, _inbound, _postmark, _ses, _mailgun)[kind](body)
    assert answer.status_code < 500, answer.status_code


def bounce(data: bytes) -> None:
    """Whatever a bounce mail holds, reading it fails never."""
    bounce_mail.read(data)
    answer = esp_hooks.bounce(_request("/hooks/esp/bounce", data, "message/rfc822", _BASIC))
    assert answer.status_code < 500, answer.status_code


def _status(body: bytes) -> HttpResponse:
    path = "AAAAAAAAAAAAAAAAAAAAAA.1"
    return twilio_status.status(_signed(f"/hooks/twilio/status/{path}", body), path)


def _inbound(body: bytes) -> HttpResponse:
    return twilio_inbound.inbound(_signed("/hooks/twilio/inbound", body))


def _postmark(body: bytes) -> HttpResponse:
    return esp_hooks.event(_request("/hooks/esp/postmark", body, "application/json", _BASIC), "postmark")


def _ses(body: bytes) -> HttpResponse:
    wrapped = json.dumps({"Type": "Notification", "MessageId": "1", "Message": body.decode(errors="replace")})
    headers = {"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": "1"}
    request = _request("/hooks/esp/amazon-ses", wrapped.encode(), "text/plain", _BASIC | headers)
    return esp_hooks.event(request, "amazon-ses")


def _mailgun(body: bytes) -> HttpResponse:
    signature = hmac.digest(b"key", b"1816938001token", hashlib.sha256).hex()
    signed = {"timestamp": "1816938001", "token": "token", "signature": signature}
    try:
        event_data = json.loads(body)
    except (ValueError, RecursionError):
        event_data = body.decode(errors="replace")
    wrapped = json.dumps({"signature": signed, "event-data": event_data}).encode()
    return esp_hooks.event(_request("/hooks/esp/mailgun", wrapped, "application/json", {}), "mailgun")


def _signed(path: str, body: bytes) -> HttpRequest:
    """As Twilio signs it, for our account, so that what comes behind the signature is reached."""
    fields = dict(parse_qsl(body.decode(errors="replace"))) | {"AccountSid": settings.TWILIO_ACCOUNT_SID}
    signature = RequestValidator("token").compute_signature(settings.PUBLIC_URL + path, fields)
    form = urlencode(fields, errors="replace").encode()
    return _request(path, form, "application/x-www-form-urlencoded", {"X-Twilio-Signature": signature})


def _request(path: str, body: bytes, kind: str, headers: dict[str, str]) -> HttpRequest:
    return _FACTORY.generic("POST", path, body, content_type=kind, headers=headers)


def _a_sentence(refusal: Exception) -> None:
    words = str(refusal)
    assert words, "a refusal says why"
    assert len(words) < 2000, "a refusal is a sentence"


_PLAN = (ROOT / "campaigns" / "library" / "run-reigate.toml").read_text()
_WORDS = (
    "", "47 days before, 10:00", "race day, 25:00", "start - 99999999 min", "Monday, 3 weeks before, 09:00",
    "0 days before,", "adults and (half", "not not all", "age 99-1", "wave ", "24 h", "-1 h", "99999999999 days",
    "20:00-20:00", "email", "sms", "2027-08-03T09:00:01Z", "Permanent", "HardBounce", "failed", "\0", "\r\n",
    "{{ 7*7 }}", "1816938001",
)  # fmt: skip
_FACTORY = RequestFactory()
_BASIC = {"Authorization": f"Basic {b64encode(b'hook:secret').decode()}"}
_VALUES = {name: placeholder.example for name, placeholder in PLACEHOLDERS.items()}
_NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEET = f'<?xml version="1.0"?><worksheet {_NS}><sheetData>'
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_BOOK = {
    "[Content_Types].xml": f'<?xml version="1.0"?><Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<?xml version="1.0"?><Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<?xml version="1.0"?><workbook {_NS} xmlns:r="{_REL}"><sheets>'
    '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<?xml version="1.0"?><Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_REL}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def _files(*patterns: str, most: int = 20_000) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        for pattern in patterns:
            for file in sorted(ROOT.glob(pattern)):
                yield file.read_bytes()[:most]

    return read


def _rows() -> Iterator[bytes]:
    heads = ["First Name", "Last Name", "Email Address", "raceTitle", "Date of Birth", "Phone Number"]
    cells = "".join(
        f'<c r="{chr(65 + n)}1" t="inlineStr"><is><t>{head}</t></is></c>' for n, head in enumerate(heads)
    )
    yield f'<row r="1">{cells}</row><row r="2"><c r="A2"><v>44000.5</v></c><c r="B2" t="b"><v>1</v></c></row>'.encode()


def _calls() -> Iterator[bytes]:
    at = "2027-08-03T09:00:00.000Z"
    yield b"\0MessageSid=SM1&MessageStatus=delivered&To=%2B447700900123&ErrorCode=30003"
    yield b"\1MessageSid=SM1&From=%2B447700900123&To=%2B447700900900&Body=STOP&OptOutType=STOP"
    postmark = {"RecordType": "Bounce", "Type": "HardBounce", "Metadata": {"delivery": "x"}, "BouncedAt": at}
    yield b"\2" + json.dumps(postmark).encode()
    bounce = {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": "a@b.c"}], "timestamp": at}
    mail = {"headers": [], "destination": ["a@b.c"], "timestamp": at}
    yield b"\3" + json.dumps({"eventType": "Bounce", "mail": mail, "bounce": bounce}).encode()
    headers = {"message-id": "1.2.0123456789abcdef@example.org"}
    failed = {
        "event": "failed",
        "severity": "permanent",
        "timestamp": 1816938001.5,
        "message": {"headers": headers},
    }
    yield b"\4" + json.dumps(failed).encode()


def _bounces() -> Iterator[bytes]:
    yield (
        b"From: MAILER-DAEMON@mx\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nNo such user\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; a@b.c\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        b"\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nX-Aid-Station: x.1\r\nMessage-ID: "
        b"<1.2.0123456789abcdef@example.org>\r\n\r\n--b--\r\n"
    )


def _nothing() -> Iterator[bytes]:
    yield bytes(range(256))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "importer": importer,
    "workbook": workbook,
    "template": template,
    "text": text,
    "plan": plan,
    "plan-words": plan_words,
    "hooks": hooks,
    "reports": reports,
    "bounce": bounce,
}
SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "importer": _files("tests/data/*.csv", most=3000),
    "workbook": _rows,
    "template": _files("templates/email/*.md"),
    "text": _files("templates/sms/*.txt"),
    "plan": _files("campaigns/library/*.toml"),
    "plan-words": _nothing,
    "hooks": _calls,
    "reports": _nothing,
    "bounce": _bounces,
}
