"""Who the messages come from: what DNS says of the email domain, and whether phones accept the sender of texts.

SPF, DKIM and DMARC are what Gmail and Yahoo ask of whoever sends to many (their sender guidelines of 2024).
"""

import re
from collections.abc import Iterator

import dns.exception
import dns.resolver

from campaigns.preflight.findings import Finding, Severity

PATIENCE = 2.0
"""Seconds for one look-up; the first that fails ends the looking."""

RESERVED = ("example", "invalid", "localhost", "test", "local")
"""Last labels that no public DNS knows (RFC 2606, RFC 6762), as are the domains example.com, .org and .net."""

_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_NUMBER = re.compile(r"\+[1-9]\d{6,14}|\d{5,6}")
_SERVICE = re.compile(r"MG[0-9a-f]{32}")


class CouldNotLookUp(Exception):
    """There is no answer: no network, or no name server."""


def text_sender(sender: str) -> Iterator[Finding]:
    """Twilio's rules for a sender: a number, a service, or at most 11 letters, digits and spaces, one a letter."""
    if _NUMBER.fullmatch(sender) or _SERVICE.fullmatch(sender):
        return
    if not _NAME.fullmatch(sender):
        yield _finding(
            Severity.ERROR,
            "sms_sender",
            f"'{sender}' cannot send texts: a name has at most 11 letters, digits and spaces, one of them a letter.",
        )


def email_domain(domain: str) -> Iterator[Finding]:
    """SPF, DKIM and DMARC of the domain in EMAIL_FROM, as far as there is a network to ask."""
    labels = domain.lower().split(".")
    if len(labels) < 2 or labels[-1] in RESERVED or (labels[-2] == "example" and len(labels) == 2):
        yield _finding(
            Severity.NOTE, "not_looked_up", f"{domain} is no public domain: nothing was looked up."
        )
        return
    try:
        yield from [*_spf(domain), *_dkim(domain), *_dmarc(domain)]
    except CouldNotLookUp:
        words = (
            f"SPF, DKIM and DMARC of {domain} could not be looked up: there is no answer from a name server."
        )
        yield _finding(Severity.NOTE, "not_looked_up", words)


def _spf(domain: str) -> Iterator[Finding]:
    records = [record for record in texts(domain) or [] if re.match(r"v=spf1( |$)", record, re.IGNORECASE)]
    if len(records) != 1:
        count = "no SPF record" if not records else f"{len(records)} SPF records, and must have one"
        yield _finding(
            Severity.WARNING, "spf", f"{domain} has {count}: many mail servers will refuse its mail."
        )
    elif re.search(r"(^|\s)\+?all\b", records[0], re.IGNORECASE):
        yield _finding(
            Severity.WARNING, "spf", f"The SPF record of {domain} lets anyone send: end it with ~all or -all."
        )


def _dkim(domain: str) -> Iterator[Finding]:
    """Selectors cannot be listed, but a name that does not exist has none below it (RFC 8020)."""
    if texts(f"_domainkey.{domain}") is None:
        words = f"{domain} has no DKIM key: let your mail server sign, and publish its key."
        yield _finding(Severity.WARNING, "dkim", words)


def _dmarc(domain: str) -> Iterator[Finding]:
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        found = texts(f"_dmarc.{'.'.join(labels[start:])}") or []
        if any(record.upper().startswith("V=DMARC1") for record in found):
            return
    words = f"{domain} has no DMARC record: Gmail and Yahoo ask for one of whoever writes to many."
    yield _finding(Severity.WARNING, "dmarc", words)


def texts(name: str) -> list[str] | None:
    """The TXT records of a name, None when there is no such name. Raises CouldNotLookUp."""
    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=PATIENCE)
    except dns.resolver.NXDOMAIN:
        return None
    except dns.resolver.NoAnswer:
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise CouldNotLookUp(name) from error
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def _finding(severity: Severity, code: str, words: str) -> Finding:
    return Finding(severity, code, "", words)
