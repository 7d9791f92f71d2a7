"""`aidstation bench`: the numbers that Aid Station is to reach, measured on this machine."""

import signal
from types import FrameType

import click

from bench.report import show
from campaigns.cli import output


@click.group()
def bench() -> None:
    """Measure this machine: each on servers and processes of its own, which are removed afterwards."""
    # Asked to end, it removes what it has started, as with Ctrl-C.
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    click.echo(f"{line} …", err=True)


@bench.command()
@click.option("--entrants", default=10_000, show_default=True, type=click.IntRange(10, 10_000_000))
@click.option("--delay-ms", default=0.0, help="Send them once more, to a server so far away.")
@click.option("--connections", default=128, show_default=True, help="To that one, for each process.")
@output.json_option
def email(entrants: int, delay_ms: float, connections: int, as_json: bool) -> None:
    """Emails end to end, beside the usual way (one task a recipient) and the mail server's own limit."""
    from bench.email import run

    show(list(run(entrants, delay_ms / 1000, connections, _say).lines()), as_json=as_json)


@bench.command("open")
@click.option("--entrants", default=1_000_000, show_default=True, type=click.IntRange(1, 10_000_000))
@output.json_option
def open_(entrants: int, as_json: bool) -> None:
    """Opening a step: from its moment until everyone has a row in the ledger."""
    from bench.opening import run

    show(run(entrants, _say), as_json=as_json)


@bench.command("import")
@click.option("--rows", default=100_000, show_default=True, type=click.IntRange(1, 10_000_000))
@output.json_option
def import_(rows: int, as_json: bool) -> None:
    """Importing an entry list, and the same list again."""
    from bench.importing import run

    show(list(run(rows, _say)), as_json=as_json)


@bench.command("rehearse")
@click.option("--entrants", default=5_000, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--steps", default=20, show_default=True, type=click.IntRange(1, 200))
@output.json_option
def rehearse(entrants: int, steps: int, as_json: bool) -> None:
    """Rehearsing a campaign in which every step reaches everyone."""
    from bench.rehearsal import run

    show(list(run(entrants, steps, _say)), as_json=as_json)


@bench.command()
@click.option("--count", default=10_000, show_default=True, type=click.IntRange(10, 1_000_000))
@click.option("--latency-ms", default=50.0, show_default=True, help="What an answer takes.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="A limit, in texts a second.")
@output.json_option
def sms(count: int, latency_ms: float, rate: float | None, as_json: bool) -> None:
    """Texts by one worker service to a stand-in for Twilio."""
    from bench.sms import run

    show(list(run(count, latency_ms / 1000, rate, _say)), as_json=as_json)


@bench.command()
@click.option("--entrants", default=100_000, show_default=True, type=click.IntRange(100, 10_000_000))
@click.option("--rate", default=500.0, show_default=True, help="Reports a second.")
@click.option("--email-rate", type=click.FloatRange(0, min_open=True), help="A limit, in mails a second.")
@output.json_option
def receipts(entrants: int, rate: float, email_rate: float | None, as_json: bool) -> None:
    """Reports of a provider in the middle of a large send: is one lost, and what does the send lose."""
    from bench.receipts import run

    show(list(run(entrants, rate, email_rate, _say)), as_json=as_json)


@bench.command()
@click.option("--rows", default=1_000_000, show_default=True, type=click.IntRange(20_000, 10_000_000))
@output.json_option
def claim(rows: int, as_json: bool) -> None:
    """A claim with a million rows in its way, and with an old snapshot held open."""
    from bench.claims import run

    show(list(run(rows, _say)), as_json=as_json)


@bench.command()
@click.option("--entrants", default=5_000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--bulk", default=100_000, show_default=True, type=click.IntRange(1_000, 10_000_000))
@output.json_option
def alert(entrants: int, bulk: int, as_json: bool) -> None:
    """An alert in the middle of a large send."""
    from bench.alert import run

    show(list(run(entrants, bulk, _say)), as_json=as_json)


@bench.command()
@click.option("--entrants", default=100_000, show_default=True, type=click.IntRange(10, 1_000_000))
@click.option("--deliveries", default=1_000_000, show_default=True, type=click.IntRange(10, 30_000_000))
@click.option("--rounds", default=40, show_default=True, type=click.IntRange(2, 1000), help="Of each page.")
@output.json_option
def pages(entrants: int, deliveries: int, rounds: int, as_json: bool) -> None:
    """Every page of the organisers with a full ledger."""
    from bench.pages import run

    show(list(run(entrants, deliveries, rounds, _say)), as_json=as_json)
