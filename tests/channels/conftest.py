"""Servers that follow a script, each stopped with its test; no test here needs Django or a database."""

from collections.abc import Callable, Iterator

import pytest
from scripted_http import ScriptedTwilio
from scripted_smtp import ScriptedSmtp

from campaigns.channels.smtp import SmtpChannel
from campaigns.channels.smtp_url import SmtpServer, Tls


@pytest.fixture
def smtp() -> Iterator[Callable[..., ScriptedSmtp]]:
    servers: list[ScriptedSmtp] = []

    def start(**options: object) -> ScriptedSmtp:
        servers.append(ScriptedSmtp(**options))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(smtp: Callable[..., ScriptedSmtp]) -> ScriptedSmtp:
    return smtp()


@pytest.fixture
def channel_to() -> Iterator[Callable[..., SmtpChannel]]:
    channels: list[SmtpChannel] = []

    def connect(server: ScriptedSmtp, **options: object) -> SmtpChannel:
        settings: dict[str, object] = {"connect_timeout": 2, "reply_timeout": 2} | options
        settings.setdefault("dot_timeout", settings["reply_timeout"])
        channels.append(SmtpChannel(SmtpServer("127.0.0.1", server.port, Tls.NONE), **settings))  # type: ignore[arg-type]
        return channels[-1]

    yield connect
    for channel in channels:
        channel.close()


@pytest.fixture
def twilio() -> Iterator[ScriptedTwilio]:
    server = ScriptedTwilio()
    yield server
    server.stop()
