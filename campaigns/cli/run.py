"""`aidstation run`: everything for real use on one machine, until Ctrl-C."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from campaigns.cli import embedded, output, ready
from campaigns.cli.broker_watch import BrokerWatch
from campaigns.cli.processes import COMMANDS, Supervisor, until_signalled


@click.command()
@click.option("--bind", default="127.0.0.1:8000", show_default=True, help="Where the web pages answer.")
def run(bind: str) -> None:
    """Run web, scheduler and workers together, as docker-compose.yml runs them as services."""
    supervisor = Supervisor(say=lambda line: click.echo(line, err=True))
    with alone(), servers_until_the_end():
        ready.prepare(migrate=True)
        _check_providers()
        try:
            start_all(supervisor, bind)
            click.echo(f"Running: http://{bind}/ (Ctrl-C ends it).")
            until_signalled(supervisor.watch)
        finally:
            click.echo("Stopping: messages in hand are finished first.", err=True)
            supervisor.stop()


def _check_providers() -> None:
    """Refuses to run without a mail server; without Twilio texts wait and everything else goes."""
    from campaigns import providers
    from campaigns.models.words import Channel

    if problem := providers.problem(Channel.EMAIL):
        raise output.NotReady(problem)
    if problem := providers.problem(Channel.SMS):
        click.echo(f"No texts will be sent. {problem}", err=True)


def start_all(supervisor: Supervisor, bind: str) -> None:
    """Starts every service of `COMMANDS`, on the servers that the environment names by now."""
    supervisor.broker = BrokerWatch(os.environ["REDIS_URL"])
    for name, command in COMMANDS.items():
        supervisor.start(name, [*command, "--bind", bind] if name == "web" else command)


@contextmanager
def alone() -> Iterator[None]:
    """Keeps a second `run` or `demo` out of the same home. Raises Refused."""
    home = ready.home()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "running").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise output.Refused(
                f"Aid Station runs already on {home}: stop it first, or set AIDSTATION_HOME to another folder."
            ) from error
        os.set_inheritable(lock.fileno(), False)
        yield


@contextmanager
def servers_until_the_end() -> Iterator[None]:
    """Stops the embedded servers when what runs on them has ended; those of somebody else are left alone."""
    all_given = all(ready.given().values())
    try:
        yield
    finally:
        if not all_given:
            embedded.stop(ready.home())
