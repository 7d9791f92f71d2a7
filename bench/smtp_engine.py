"""What one mail costs over SMTP, by how far envelopes run ahead and over how many connections.

Run it: `python -m bench.smtp_engine`.

Finished mails only: no database, no rendering. All ways are measured in one run, so their ratios hold.
"""

import argparse
import smtplib
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bench import sinks
from campaigns.channels.outcomes import Email, Kind
from campaigns.channels.smtp import SmtpChannel
from campaigns.channels.smtp_url import SmtpServer, Tls

SIZE = 5 * 1024
PER_CONNECTION = 100


def _mails(count: int) -> list[Email]:
    lines = b"A line of a health tip, as long as lines in a mail are, or nearly so.\r\n"
    body = (b"Subject: tip\r\n\r\n" + lines * (SIZE // len(lines) + 1))[: SIZE - 2] + b"\r\n"
    return [Email(key, "tips@race.test", f"runner{key}@example.test", body) for key in range(count)]


class _OneAtATime:
    """Turns of which the next comes when the body before has gone, as where a rate is set."""

    def __init__(self) -> None:
        self._later = True

    def wait(self) -> float:
        self._later = not self._later
        return 0.0001 if self._later else 0.0

    def take(self) -> None:
        return


def _by_channel(port: int, mails: list[Email], *, connections: int = 1, eager: bool = True) -> None:
    server = SmtpServer("127.0.0.1", port, Tls.NONE)
    channel = SmtpChannel(server, per_connection=PER_CONNECTION, connections=connections)
    turns = None if eager else _OneAtATime()
    outcomes = channel.send(mails, lambda: True, turns=turns)
    accepted = sum(outcome.kind is Kind.ACCEPTED for outcome in outcomes)
    channel.close()
    if accepted != len(mails):
        raise RuntimeError(f"The mail server took {accepted} of {len(mails)} mails: nothing was measured.")


def _by_smtplib(port: int, mails: list[Email]) -> None:
    for start in range(0, len(mails), PER_CONNECTION):
        with smtplib.SMTP("127.0.0.1", port, "localhost") as smtp:
            for mail in mails[start : start + PER_CONNECTION]:
                smtp.sendmail(mail.sender, mail.recipient, mail.data)


@dataclass(frozen=True)
class Way:
    """One way to send, and whether the server offers PIPELINING for it."""

    name: str
    pipelining: bool
    send: Callable[[int, list[Email]], None]


WAYS = (
    Way("smtplib sendmail", True, _by_smtplib),
    Way("lock-step", False, _by_channel),
    Way("envelope in one write", True, lambda port, mails: _by_channel(port, mails, eager=False)),
    Way("envelope behind the body", True, _by_channel),
    *(
        Way(f"the same, {most} connections", True, partial(_by_channel, connections=most))
        for most in (2, 4, 8)
    ),
)


@dataclass(frozen=True)
class Result:
    """Messages a second of wall time, and microseconds of this process's CPU for each."""

    rate: float
    cpu: float


def measure(way: Way, count: int, round_trip: float) -> Result:
    """Send `count` mails `round_trip` seconds away, after a few to warm up."""
    mails = _mails(count)
    with sinks.lean(pipelining=way.pipelining, delay=round_trip) as server:
        return _timed(way, server.port, mails)


def _timed(way: Way, port: int, mails: list[Email]) -> Result:
    way.send(port, mails[:20])
    wall, cpu = time.perf_counter(), time.process_time()
    way.send(port, mails)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Result(len(mails) / wall, cpu / len(mails) * 1_000_000)


def _table(title: str, count: int, round_trip: float, runs: int) -> None:
    rounds = [[measure(way, count, round_trip) for way in WAYS] for _ in range(runs)]
    print(f"\n{title}: {count:,} mails of 5 KB, one process, median of {runs}\n")
    print("| Way | messages/s | CPU µs a message |\n| --- | ---: | ---: |")
    for way, results in zip(WAYS, zip(*rounds, strict=True), strict=True):
        rate = statistics.median(result.rate for result in results)
        cpu = statistics.median(result.cpu for result in results)
        print(f"| {way.name} | {rate:,.0f} | {cpu:,.0f} |")


def main() -> int:
    """Print both tables in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.smtp_engine", description=__doc__)
    parser.add_argument("--mails", type=int, default=10_000, help="on loopback (default 10,000)")
    parser.add_argument("--far-mails", type=int, default=500, help="with the delay (default 500)")
    parser.add_argument("--round-trip", type=float, default=20, help="milliseconds added (default 20)")
    parser.add_argument("--runs", type=int, default=3, help="on loopback; with the delay once (default 3)")
    options = parser.parse_args()
    print(f"Mail server: {sinks.LEAN}")
    _table("Loopback", options.mails, 0, options.runs)
    _table(f"{options.round_trip:g} ms a round trip", options.far_mails, options.round_trip / 1000, 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
