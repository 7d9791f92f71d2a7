"""What answers when it is called: our own address from outside, the mail server, Twilio, name servers."""

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parseaddr, parsedate_to_datetime
from http.client import HTTPResponse
from urllib.parse import urlsplit

from django.conf import settings

from campaigns import providers
from campaigns.channels.outcomes import ChannelDown
from campaigns.channels.smtp_connection import open_connection
from campaigns.channels.smtp_url import parse_email_url
from campaigns.channels.twilio_look_ups import LookUpFailed, TwilioLookUps
from campaigns.checking import Check, State, good, look, wrong
from campaigns.models.words import Channel
from campaigns.preflight import sender
from campaigns.preflight.findings import Severity

PATIENCE = 10.0
"""Seconds for each call."""

SKEW = 5.0
"""Seconds that clocks may be apart before moments, signatures and codes go wrong."""


def checks() -> Iterator[Check]:
    """All of them; what another check has found missing is not asked for again."""
    yield from _public_address()
    yield _mail_server()
    yield from _names()
    yield from _twilio()


def _public_address() -> Iterator[Check]:
    if urlsplit(settings.PUBLIC_URL).scheme != "https":
        return
    try:
        with _get("/healthz") as answer:
            headers, url = answer.headers, answer.url
    except (OSError, ValueError) as error:
        yield wrong(
            "tls",
            f"{settings.PUBLIC_URL} does not answer: {_why(error)}.",
            "Point DNS at the proxy, give it a certificate, and let it pass everything on to the web process.",
        )
        return
    yield good("tls", f"{settings.PUBLIC_URL} answers with a certificate that is valid.")
    yield _stays_https(url, "max-age" in (headers.get("Strict-Transport-Security") or ""))
    yield _clock(headers.get("Date"), "the proxy")
    yield _hook("twilio_hook", "/hooks/twilio/inbound", "application/x-www-form-urlencoded")
    yield _hook("esp_hook", f"/hooks/esp/{settings.EMAIL_ESP or 'postmark'}", "application/json")
    yield _metrics_shut()


def _get(path: str) -> HTTPResponse:
    answer: HTTPResponse = urllib.request.urlopen(settings.PUBLIC_URL + path, timeout=PATIENCE)  # noqa: S310 - https
    return answer


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({reason.verify_message})"
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)


def _stays_https(url: str, told: bool) -> Check:
    if not url.startswith("https://") or not told:
        return wrong(
            "hsts",
            "Browsers are not told to stay with https.",
            "Have the proxy send X-Forwarded-Proto: https and leave our headers as they are.",
        )
    return good("hsts", "Browsers are told to stay with https.")


def _hook(name: str, path: str, kind: str) -> Check:
    """An unsigned call must get as far as our refusal."""
    request = urllib.request.Request(settings.PUBLIC_URL + path, data=b"{}", headers={"Content-Type": kind})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - https
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
        error.close()
    except OSError as error:
        return wrong(
            name, f"{path} cannot be reached: {_why(error)}.", "Let the proxy pass POSTs to /hooks/ on."
        )
    if status != 403:
        return wrong(
            name,
            f"{path} answers {status} where 403 is expected: something stands before it.",
            "Let the proxy pass POSTs to /hooks/ on as they are.",
        )
    return good(name, f"{path} can be reached, and refuses who proves nothing.")


def _metrics_shut() -> Check:
    try:
        with _get("/metrics"):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        return good("metrics_shut", "/metrics is shut to strangers.")
    except OSError:
        return good("metrics_shut", "/metrics is shut to strangers.")
    return wrong(
        "metrics_shut",
        "/metrics is open to everybody.",
        "Set METRICS_TOKEN, and have the proxy send X-Forwarded-For.",
    )


def _clock(date: str | None, whose: str) -> Check:
    if not date:
        return look(
            "clock_skew",
            f"{whose} does not say what time it is.",
            "See that this machine's clock is kept by NTP.",
        )
    apart = abs((datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds())
    if apart > SKEW:
        return wrong(
            "clock_skew",
            f"This machine's clock and that of {whose} are {apart:,.0f} s apart.",
            "Have NTP keep both (timedatectl set-ntp true).",
        )
    return good("clock_skew", f"This machine's clock and that of {whose} agree.")


def _mail_server() -> Check:
    if problem := providers.problem(Channel.EMAIL):
        return wrong("smtp", problem, "Set EMAIL_URL.")
    begun = time.monotonic()
    try:
        open_connection(parse_email_url(settings.EMAIL_URL), PATIENCE).drop()
    except ChannelDown as down:
        return wrong(
            "smtp",
            str(down),
            "Compare EMAIL_URL with what your mail provider gives: host, port, user, password, tls.",
        )
    return good("smtp", f"The mail server let us in, in {time.monotonic() - begun:.1f} s.")


def _names() -> Iterator[Check]:
    """SPF, DKIM and DMARC: one for each, whatever the look-up finds."""
    domain = parseaddr(settings.EMAIL_FROM)[1].rpartition("@")[2]
    found = {finding.code: finding for finding in sender.email_domain(domain)}
    if missing := found.get("not_looked_up"):
        yield look(
            "dns", missing.words, "Run this where there is a network, for the domain that you send from."
        )
        return
    for name in ("spf", "dkim", "dmarc"):
        finding = found.get(name)
        if finding:
            yield wrong(
                name,
                finding.words,
                "Publish what your mail provider gives: docs/deploy.md, “The sender's domain”.",
            )
        else:
            yield good(name, f"{name.upper()} of {domain} is there.")


def _twilio() -> Iterator[Check]:
    if problem := providers.problem(Channel.SMS):
        yield wrong("twilio_account", problem, "Set Twilio's account.")
        return
    from_ = settings.TWILIO_MESSAGING_SERVICE_SID or settings.TWILIO_FROM
    for finding in sender.text_sender(from_):
        if finding.severity == Severity.ERROR:
            yield wrong("twilio_sender", finding.words, "Set TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID.")
    look_ups = providers.sms_look_ups()
    try:
        account = _account(look_ups)
        yield account
        if account.state == State.GOOD:
            yield _inbound(look_ups, from_)
    finally:
        look_ups.close()


def _account(look_ups: TwilioLookUps) -> Check:
    try:
        look_ups.credit()
    except LookUpFailed as error:
        return wrong(
            "twilio_account",
            str(error),
            "Compare TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN with Twilio's console.",
        )
    return good("twilio_account", "Twilio knows the account and its token.")


def _inbound(look_ups: TwilioLookUps, sender: str) -> Check:
    """Status reports name their address with each text; what people answer goes where the console says."""
    wanted = f"{settings.PUBLIC_URL}/hooks/twilio/inbound"
    try:
        address = look_ups.inbound_address(sender)
    except LookUpFailed as error:
        return wrong(
            "twilio_inbound",
            f"Where answers go could not be asked: {error}",
            f"See in Twilio's console that the sender is yours and its incoming messages go to {wanted}.",
        )
    if address is None:
        return look(
            "twilio_inbound",
            "Twilio does not say where answers to this sender go; to a name nobody can answer.",
            f"Where the sender is a number, set its incoming messages to {wanted}.",
        )
    if address != wanted:
        return wrong(
            "twilio_inbound",
            f"Answers, STOP among them, go to {json.dumps(address)}.",
            f"Set the sender's incoming messages to {wanted} in Twilio's console.",
        )
    return good("twilio_inbound", "Answers and STOP come to us.")
