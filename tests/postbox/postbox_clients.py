"""Twilio's own client pointed at a postbox, and a letter to send."""

from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from postbox import Postbox

ACCOUNT = "AC" + "0" * 32
TOKEN = "secret-token"


class Moved(TwilioHttpClient):
    """Twilio's own client, talking to the postbox."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=5)
        self._base = urlsplit(base_url)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        asked = urlsplit(url)
        url = urlunsplit((self._base.scheme, self._base.netloc, asked.path, asked.query, ""))
        return super().request(method, url, *args, **kwargs)


def twilio_client(box: Postbox, account: str = ACCOUNT, token: str = TOKEN) -> Client:
    return Client(account, token, http_client=Moved(box.twilio_base_url))


def letter(to: str = "amy@example.com", subject: str = "Shoes", html: str | None = None) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Run Reigate <tips@example.org>", to, subject
    message.set_content("Break them in.\n")
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message
