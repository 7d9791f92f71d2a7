"""The page: everything findable, nothing running, nothing leaking."""

import re
import smtplib
from html.parser import HTMLParser
from itertools import pairwise

import pytest
import requests
from postbox_clients import letter

from postbox.reading import read
from postbox.store import Email, Store

EVIL = '"><script>alert(1)</script>{{ 7*7 }}'


def page(box, path=""):
    answer = requests.get(box.page_url + path, timeout=5)
    assert answer.status_code == 200
    return answer.text


def send_email(box, message, to=None):
    with smtplib.SMTP("127.0.0.1", box.smtp_port) as smtp:
        smtp.sendmail("tips@example.org", to or message["To"], message.as_bytes())


def text(twilio, to="+447700900001", body="Drink"):
    twilio.messages.create(to=to, body=body, from_="Run")


class Outline(HTMLParser):
    """Tags in order, with attributes."""

    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_an_empty_postbox_says_what_will_be_here(box):
    html = page(box)
    assert "<title>Postbox</title>" in html
    assert "No email yet. Each one will be here" in html
    assert "No text yet. Each number" in html


def test_an_email_is_listed_and_opens_with_its_parts(box):
    send_email(box, letter(subject="Größe <42>", html="<p>Hello</p>"))
    html = page(box)
    assert "amy@example.com" in html
    assert "Größe &lt;42&gt;" in html
    assert 'href="/?email=1#message"' in html
    opened = page(box, "?email=1")
    assert 'src="/emails/1/html"' in opened
    assert "Break them in." in opened
    assert "Headers (" in opened
    assert "&lt;p&gt;Hello&lt;/p&gt;" in opened
    (frame,) = Outline(opened).all("iframe")
    assert set(frame["sandbox"].split()) == {"allow-popups", "allow-popups-to-escape-sandbox"}


def test_a_messages_html_stays_in_a_frame_that_runs_and_fetches_nothing(box):
    send_email(
        box, letter(html="<html><head><title>x</title></head><script>alert(1)</script><p>Hello</p></html>")
    )
    opened = page(box, "?email=1")
    assert "<script>alert" not in opened
    frame = requests.get(box.page_url + "emails/1/html", timeout=5)
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    sandbox = policy.split("; ")[-1].split()
    assert sandbox == ["sandbox", "allow-popups", "allow-popups-to-escape-sandbox"]
    assert frame.headers["X-Content-Type-Options"] == "nosniff"
    assert '<head><base target="_blank"><title>' in frame.text


@pytest.mark.parametrize("path", ["", "?email=1", "?q=amy", "?email=99"])
def test_the_page_allows_no_inline_script_and_no_other_host(box, path):
    send_email(box, letter())
    answer = requests.get(box.page_url + path, timeout=5)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    outline = Outline(answer.text)
    assert all(attrs.get("src", "").startswith("/static/") for attrs in outline.all("script"))
    assert not any(name.startswith("on") or name == "style" for _, attrs in outline.tags for name in attrs)
    for _, attrs in outline.tags:
        for name in ("src", "href"):
            assert attrs.get(name, "/")[:1] in "/#"
    assert outline.all("link")
    for attrs in [*outline.all("link"), *outline.all("script")]:
        address = attrs.get("href") or attrs["src"]
        assert requests.get(box.page_url + address[1:], timeout=5).status_code == 200


def test_whatever_a_message_says_is_shown_as_text(box, twilio):
    message = letter(subject=EVIL)
    message["X-Evil"] = EVIL
    message.set_content(EVIL + " javascript:alert(1)")
    send_email(box, message, to='"\\"><script>alert(1)</script>"@example.com')
    text(twilio, body=EVIL + " javascript:alert(1)")
    for html in (page(box), page(box, "?email=1")):
        assert "<script>alert" not in html
        assert "{{ 7*7 }}" in html
        assert not any("javascript:" in str(attrs.get("href")) for attrs in Outline(html).all("a"))
    assert "<script>alert" not in page(
        box, f"?q={requests.utils.quote(EVIL)}&number={requests.utils.quote(EVIL)}"
    )


def test_links_in_a_text_open_elsewhere_and_tell_nothing(box, twilio):
    text(twilio, body="Stop: http://127.0.0.1:8000/s/kx7?a=1&b=2")
    (link,) = [attrs for attrs in Outline(page(box)).all("a") if "/s/kx7" in attrs["href"]]
    assert link["href"] == "http://127.0.0.1:8000/s/kx7?a=1&b=2"
    assert "noopener" in link["rel"]


def test_the_phone_shows_the_latest_number_first_and_any_chosen_one(box, twilio):
    text(twilio, "+447700900001", "For Amy")
    text(twilio, "+447700900002", "For Ben " + "x" * 160)
    html = page(box)
    assert "For Ben" in html
    assert "2 segments" in html
    assert "For Amy" not in html
    assert "For Amy" in page(box, "?number=%2B447700900001")
    assert "No texts to this number are kept" in page(box, "?number=%2B447700900009")


@pytest.mark.parametrize(
    ("query", "emails", "numbers"),
    [
        ("AMY@", ["amy@example.com"], []),
        ("example.com", ["ben@example.com", "amy@example.com"], []),
        ("07700 900002", [], ["+447700900002"]),
        ("+44 7700 900001", [], ["+447700900001"]),
        ("nobody", [], []),
    ],
)
def test_search_finds_by_address_or_number(box, twilio, query, emails, numbers):
    send_email(box, letter())
    send_email(box, letter(to="ben@example.com"))
    text(twilio, "+447700900001")
    text(twilio, "+447700900002")
    html = page(box, f"?q={requests.utils.quote(query)}")
    assert re.findall(r'letter-to">([^<]+)', html) == emails
    assert re.findall(r'class="number">([^<]+)', html) == numbers
    if not emails:
        assert "No email went to such an address" in html
    if not numbers:
        assert "No text went to such a number" in html


def test_ten_thousand_messages_are_paged_and_each_can_be_reached(box):
    raw = letter(html="<p>x</p>" * 500).as_bytes()
    for n in range(10_000):
        box._store.add_emails([f"entrant{n}@example.com"], "tips@example.org", raw)
    html = page(box)
    assert "1–25 of 10,000" in html
    assert "entrant9999@" in html
    last = page(box, "?p=400")
    assert "9,976–10,000 of 10,000" in last
    assert "entrant0@" in last
    assert ">Older<" not in last
    assert "There is nothing on this page" in page(box, "?p=401")
    assert "1–25 of 1,111" in page(box, "?q=entrant9")
    assert len(html) < 40_000
    parsed = [email for email in box.emails if "_headers" in vars(email)]
    assert len(parsed) <= 75  # only those shown: reading 10,000 subjects would take seconds


def test_pages_of_numbers_and_of_one_numbers_texts(box, twilio):
    for n in range(9):
        text(twilio, f"+4477009000{n:02}")
    for n in range(20):
        text(twilio, "+447700900000", f"Text number {n}.")
    html = page(box)
    assert "1–8 of 9 numbers" in html
    assert "1–20 of 21 texts" in html
    assert "Drink" not in html
    assert "Drink" in page(box, "?tp=2")
    assert html.index("Text number 0.") < html.index("Text number 19.")  # a conversation reads downwards
    assert "+447700900001" in page(box, "?np=2")


def test_a_message_that_is_gone_says_so(box):
    assert "This message is not here" in page(box, "?email=7")
    assert requests.get(box.page_url + "emails/7/html", timeout=5).status_code == 404


def test_the_page_warns_while_faults_are_set(box):
    assert "Faults are set" not in page(box)
    box.faults.add("smtp", "hang", stage="dot")
    assert "Faults are set" in page(box)


def test_headings_and_landmarks_are_in_order(box, twilio):
    send_email(box, letter(html="<p>x</p>"))
    text(twilio)
    outline = Outline(page(box, "?email=1"))
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert outline.all("main")
    assert outline.all("header")
    assert outline.all("footer")
    assert outline.all("html")[0]["lang"] == "en-GB"
    ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    labelled = {attrs["aria-labelledby"] for attrs in outline.all("section")}
    assert labelled <= set(ids)
    assert {attrs["for"] for attrs in outline.all("label")} <= set(ids)
    assert all(attrs.get("title") for attrs in outline.all("iframe"))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no headers at all",
        b"Subject: =?utf-8?b?!!!?=\r\n\r\nx",
        b"Content-Type: text/plain; charset=klingon\r\n\r\n\xff\xfe",
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n",
        b"Content-Type: multipart/mixed\r\n\r\nx",
        b"From: @@@<<>>,;:\r\nTo: \r\nDate: x\r\nMessage-ID: <\r\nContent-Type: ;;;\r\n\r\nx",
        b"Subject: a\r\nSubject: b\r\n\r\n\x00\x01",
        b"\xff\xff: \xff\r\n\r\n\xff",
        b'From: [\r\nSender: "\r\nReply-To: <@\r\nMessage-ID: [x\r\n\r\n',
    ],
)
def test_a_malformed_message_is_shown_as_far_as_it_can_be_read(box, raw):
    store = Store()
    store.add_emails(["a@example.com"], "", raw)
    (email,) = store.emails()
    assert isinstance(email, Email)
    assert isinstance(read(email).raw, str)
    box._store.add_emails(["a@example.com"], "", raw)
    assert "a@example.com" in page(box, "?email=1")
    assert requests.get(f"{box.twilio_base_url}/api/emails", timeout=5).status_code == 200
