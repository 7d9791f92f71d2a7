"""The HTTP under Twilio's client: one pooled session, our base URL, no retries, and proof of what never left.

Knows nothing of messages.
"""

import ssl
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from requests.adapters import HTTPAdapter
from requests.exceptions import ProxyError, RequestException
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

TWILIO = "https://api.twilio.com"


class _PlainConnection(HTTPConnection):
    def connect(self) -> None:
        """Connect; any failure is one of connecting, so the request was never written."""
        try:
            super().connect()
        except OSError as error:
            raise NewConnectionError(self, "not connected") from error


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        """Connect and shake hands; urllib3 alone reports a reset handshake like a reset request."""
        try:
            super().connect()
        except OSError as error:
            raise NewConnectionError(self, "not connected") from error


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Use our connections; requests offers no other way to choose them."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}


class TwilioHttp(TwilioHttpClient):  # type: ignore[misc]
    """Twilio's own HTTP client with `connections` kept open, timeouts in seconds, and POSTs sent once."""

    def __init__(
        self, base_url: str | None, connections: int, connect_timeout: float, read_timeout: float
    ) -> None:
        super().__init__()
        self.timeout = (connect_timeout, read_timeout)
        self._base = urlsplit(base_url) if base_url else None
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, _Adapter(pool_maxsize=connections, max_retries=0))
        self._read_environment_once(base_url or TWILIO)

    def _read_environment_once(self, url: str) -> None:
        """Proxies and certificates as the environment names them; asked at each request they cost a fifth of it."""
        found = self.session.merge_environment_settings(url, {}, None, None, None)
        self.session.trust_env = False
        self.session.proxies, self.session.verify = dict(found["proxies"]), found["verify"]

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """Send one request to the base URL's host in place of Twilio's."""
        return super().request(method, self._moved(url), *args, **kwargs)

    def _moved(self, url: str) -> str:
        if self._base is None:
            return url
        asked = urlsplit(url)
        path = self._base.path.rstrip("/") + asked.path
        return urlunsplit((self._base.scheme, self._base.netloc, path, asked.query, ""))


def never_left(error: RequestException) -> bool:
    """Whether it is certain that the request was never written: no connection was made for it."""
    return isinstance(error, ProxyError) or isinstance(_reason(error), ConnectTimeoutError)


def bad_certificate(error: RequestException) -> bool:
    """Whether the server's certificate was refused, which a person must put right."""
    reason = _reason(error)
    return isinstance(reason, Exception) and isinstance(reason.__cause__, ssl.SSLCertVerificationError)


def _reason(error: RequestException) -> object:
    """Return urllib3's own reason; its NewConnectionError is a ConnectTimeoutError too."""
    inner = error.args[0] if error.args else None
    return getattr(inner, "reason", inner)
