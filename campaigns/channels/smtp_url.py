"""EMAIL_URL to a mail server's settings. Opens nothing and never shows a password."""

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit


class Tls(StrEnum):
    """How a connection is encrypted: not, by STARTTLS (required, never optional), or from the first byte."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


_PORTS = {Tls.NONE: 25, Tls.STARTTLS: 587, Tls.IMPLICIT: 465}
_FORM = "smtp://user:password@host:587?tls=starttls"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server and how to reach it; `cafile`: trust this authority in place of the system's."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = field(default="", repr=False)
    cafile: str | None = None


def parse_email_url(url: str) -> SmtpServer:
    """Read `smtp://user:pass@host:587?tls=starttls|implicit|none` or `smtps://…`; parts are percent-decoded.

    Without `tls`: implicit for smtps:// and port 465, required STARTTLS when a login is given for another
    machine, else none. Default ports 25 (none), 587 (starttls), 465 (implicit). Raises ValueError with one
    sentence that never contains the password.
    """
    parts, port = _split(url)
    options = _options(parts.query)
    host, user, password = parts.hostname or "", unquote(parts.username or ""), unquote(parts.password or "")
    _check_login(user, password)
    tls = _tls(parts.scheme, options.get("tls"), host, port, user)
    if user and tls is Tls.NONE and not _is_loopback(host):
        raise ValueError(
            "EMAIL_URL would send its password in clear text to another machine: add tls=starttls."
        )
    return SmtpServer(host, port or _PORTS[tls], tls, user, password, _cafile(options.get("cafile")))


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise ValueError(f"EMAIL_URL cannot be read: write it as {_FORM}, {_ESCAPE}.") from None
    if parts.scheme not in ("smtp", "smtps"):
        raise ValueError(f"EMAIL_URL must begin with smtp:// or smtps://, as in {_FORM}.")
    if not parts.hostname or parts.path not in ("", "/") or parts.fragment or port == 0:
        raise ValueError(f"EMAIL_URL needs a host and nothing but options after it: {_FORM}, {_ESCAPE}.")
    return parts, port


_ESCAPE = "and write / ? # @ : and % in the user or password as %2F %3F %23 %40 %3A and %25"


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(options.keys() - {"tls", "cafile"})
    if unknown:
        raise ValueError(
            "EMAIL_URL has an option it does not know: only tls and cafile may stand after the '?'."
        )
    return options


def _check_login(user: str, password: str) -> None:
    if bool(user) != bool(password):
        raise ValueError("EMAIL_URL needs both a user and a password, or neither.")
    login = user + password
    if not login.isascii() or not login.isprintable():
        raise ValueError(
            "EMAIL_URL may have only plain ASCII characters in user and password: choose another."
        )


def _tls(scheme: str, asked: str | None, host: str, port: int | None, user: str) -> Tls:
    if asked is not None and asked not in list(Tls):
        raise ValueError("EMAIL_URL has an unknown tls option: write tls=starttls, tls=implicit or tls=none.")
    if scheme == "smtps":
        if asked not in (None, Tls.IMPLICIT):
            raise ValueError(
                "EMAIL_URL begins with smtps://, which is implicit TLS: drop tls= or write smtp://."
            )
        return Tls.IMPLICIT
    if asked is not None:
        return Tls(asked)
    if port == _PORTS[Tls.IMPLICIT]:
        return Tls.IMPLICIT
    return Tls.STARTTLS if user and not _is_loopback(host) else Tls.NONE


def _cafile(path: str | None) -> str | None:
    if path is not None and not Path(path).is_file():
        raise ValueError("EMAIL_URL names a cafile that is not there: give the path of a PEM file.")
    return path


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
