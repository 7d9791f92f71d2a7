"""The postbox as one object: start it, send to it, look into it. Listens on loopback only."""

import asyncio
import ssl
import threading
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from aiohttp import web

from postbox.api import Api
from postbox.arrivals import Arrivals, read
from postbox.callbacks import Progress
from postbox.faults import Faults
from postbox.numbers import Numbers
from postbox.pages import Pages
from postbox.replies import Replies
from postbox.site import make_site
from postbox.smtp import SmtpServer
from postbox.smtp_dialogue import SmtpSettings
from postbox.store import KEEP, Email, Store, Text
from postbox.twilio_api import TwilioApi

HOST = "127.0.0.1"


class PortTaken(Exception):
    """A port could not be opened."""

    def __init__(self, service: str, port: int) -> None:
        super().__init__(f"Port {port} for {service} is taken: choose another, or 0 for any free one.")


class Postbox:
    """A mail server and a Twilio on this machine that keep what they are given.

        with Postbox() as box:
            send(box.email_url)
            box.wait_for(emails=1)

    Port 0 picks a free one. `smtp_login` and `twilio_login` (user and secret) are demanded when given.
    `tls` makes the mail server offer STARTTLS, or speak TLS from the first byte with `implicit_tls`.
    `size_limit` is in bytes; `delivery_delay` in seconds, from accepted to sent and from sent to delivered.
    `inbound_url` is the webhook that gets what people answer, on this machine.
    With `file`, what arrives is noted there before it is answered for, and what stands in it already is kept.
    """

    def __init__(
        self,
        smtp_port: int = 0,
        http_port: int = 0,
        *,
        pipelining: bool = True,
        size_limit: int = 35 * 1024 * 1024,
        smtp_login: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        twilio_login: tuple[str, str] | None = None,
        delivery_delay: float = 0.1,
        keep: int = KEEP,
        file: Path | None = None,
        inbound_url: str | None = None,
    ) -> None:
        self.smtp_port, self.http_port = smtp_port, http_port
        self.faults, self.numbers = Faults(), Numbers()
        self._arrivals = Arrivals(file) if file else None
        self._store = Store(keep, notes=self._arrivals)
        if file:
            self._store.restore(read(file))
        self._tls, self._implicit_tls, self._login = tls, implicit_tls, smtp_login
        starttls = tls is not None and not implicit_tls
        settings = SmtpSettings(pipelining, starttls, size_limit, smtp_login)
        self._smtp = SmtpServer(self._store, self.faults, settings, tls, implicit_tls)
        self._progress = Progress(delivery_delay, self.numbers)
        self._twilio = TwilioApi(self._store, self.faults, self.numbers, self._progress, twilio_login)
        self._replies = Replies(self._store, self.numbers, self._progress, inbound_url)
        self._listener: asyncio.Server
        self._runner: web.AppRunner
        self._thread: _Thread | None = None

    async def open(self) -> None:
        """Start serving in the running loop. Raises PortTaken."""
        try:
            self._listener = await self._smtp.listen(HOST, self.smtp_port)
        except OSError as error:
            raise PortTaken("SMTP", self.smtp_port) from error
        self.smtp_port = self._listener.sockets[0].getsockname()[1]
        try:
            await self._open_http()
        except OSError as error:
            self._listener.close()
            raise PortTaken("HTTP", self.http_port) from error
        await self._progress.open()

    async def _open_http(self) -> None:
        pages = Pages(self._store, self.faults, self._replies)
        api = Api(self._store, self.faults, self.numbers)
        site = make_site([*self._twilio.routes(), *api.routes(), *self._replies.routes(), *pages.routes()])
        self._runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self.http_port, backlog=512).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.http_port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop serving and cut what is open."""
        self._listener.close()
        self._smtp.drop_all()
        await self._progress.close()
        await self._runner.cleanup()
        if self._arrivals is not None:
            self._arrivals.close()

    def __enter__(self) -> "Postbox":
        self._thread = _Thread(self)
        self._thread.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None
        self._thread.end()

    @property
    def email_url(self) -> str:
        """This mail server as EMAIL_URL."""
        login = "".join(
            f"{quote(word, safe='')}{end}" for word, end in zip(self._login or (), ":@", strict=False)
        )
        tls = ("implicit" if self._implicit_tls else "starttls") if self._tls else ""
        return f"smtp://{login}{HOST}:{self.smtp_port}" + (f"?tls={tls}" if tls else "")

    @property
    def twilio_base_url(self) -> str:
        """What stands in for https://api.twilio.com."""
        return f"http://{HOST}:{self.http_port}"

    @property
    def page_url(self) -> str:
        """The page with the inbox and the phone."""
        return f"http://{HOST}:{self.http_port}/"

    @property
    def emails(self) -> list[Email]:
        """Kept emails in order of arrival, one for each recipient."""
        return self._store.emails()

    @property
    def texts(self) -> list[Text]:
        """Kept texts in order of arrival."""
        return self._store.texts()

    @property
    def counts(self) -> dict[str, int]:
        """How many `emails` and `texts` arrived in all, and how many are kept."""
        return self._store.counts()

    @property
    def smtp_connections(self) -> int:
        """How many connections the mail server has taken since its start."""
        return self._smtp.connections

    def clear(self) -> None:
        """Empty the inbox and the phone; counts begin again."""
        self._store.clear()

    def wait_for(self, *, emails: int = 0, texts: int = 0, timeout: float = 10.0) -> None:
        """Block until at least so many arrived in all; `timeout` in seconds. Raises TimeoutError."""
        self._store.wait_for(emails, texts, timeout)


class _Thread:
    """Runs a postbox's loop beside the caller."""

    def __init__(self, box: Postbox) -> None:
        self._box = box
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._thread = threading.Thread(target=self._run, name="postbox", daemon=True)

    def begin(self) -> None:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # whatever it is, the caller must hear of it
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self._box.open()
        self._ready.set()
        await self._stop.wait()
        await self._box.close()
