"""How long it takes to render a mail and write it as bytes: `python -m bench.rendering`.

Two ways in one run, over the same entrants: the frame that mails are sent with, and an `EmailMessage` for each mail as
Python's email package makes it. Processor time of this process, so that neighbours on the machine count less.
"""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from campaigns import content, rendering  # noqa: E402 - Django first
from campaigns.ledger import Claimed  # noqa: E402 - Django first
from campaigns.models.words import Channel, Purpose  # noqa: E402 - Django first

ROUNDS = 7
MAILS = {"frame": 2000, "email package": 100}
NOW = datetime(2027, 8, 3, 9, tzinfo=UTC)
NAMES = ("Ana", "Ben", "Charlotte", "Zoë", "O'Neill", "Mohammed", "Siân", "Jo", "Bartholomew", "Nguyễn")
STARTS = (time_of_day(9, 0), time_of_day(9, 15), time_of_day(11, 30))


def main() -> None:
    """Print a row for each of the library's emails: octets, microseconds a mail both ways, and their ratio."""
    print(f"{'email':<16}{'octets':>8}{'frame µs':>11}{'package µs':>12}{'ratio':>8}")
    for source in sorted(
        (Path(__file__).parents[1] / "templates" / "email").glob("[!a]*.md")
    ):  # no alert: those need typed words
        print(_row(_message(source)), flush=True)


def _row(message: rendering.Message) -> str:
    entrants = [an_entrant(number) for number in range(MAILS["frame"])]
    octets = statistics.mean(len(_by_frame(message, entrant)) for entrant in entrants[:100])
    frame, package = [], []
    for _ in range(ROUNDS):
        frame.append(_microseconds(_by_frame, message, entrants))
        package.append(_microseconds(_by_package, message, entrants[: MAILS["email package"]]))
    ours, theirs = statistics.median(frame), statistics.median(package)
    return f"{message.step_name:<16}{octets:>8.0f}{ours:>11.0f}{theirs:>12.0f}{theirs / ours:>7.0f}×"


def _by_frame(message: rendering.Message, entrant: Claimed) -> bytes:
    return message.finished_email([entrant], NOW).data


def _by_package(message: rendering.Message, entrant: Claimed) -> bytes:
    assert message.email is not None
    rendered = message.email.render(message.values([entrant], NOW))
    return content.build_email(rendered, message.headers, message.own_headers([entrant], NOW))


def _microseconds(
    make: Callable[[rendering.Message, Claimed], bytes],
    message: rendering.Message,
    entrants: Sequence[Claimed],
) -> float:
    start = time.process_time()
    for entrant in entrants:
        make(message, entrant)
    return (time.process_time() - start) / len(entrants) * 1e6


def _message(source: Path) -> rendering.Message:
    email = content.compile_email(source.stem, source.read_text("utf-8"), rendering.layout())
    return rendering.Message(
        version_id=1,
        channel=Channel.EMAIL,
        purpose=Purpose.TIPS,
        step_name=source.stem,
        event_name="Run Reigate",
        event_slug="reigate-2027",
        date=date(2027, 9, 19),
        zone=ZoneInfo("Europe/London"),
        venue="Priory Park",
        info_url="https://runreigate.example/info",
        deferral_url="https://runreigate.example/deferral",
        contact="hello@runreigate.example",
        replies="hello@runreigate.example",
        organiser="Run Reigate Ltd",
        postal_address="1 Example Street, Reigate RH2 0AA",
        email=email,
    )


def an_entrant(number: int) -> Claimed:
    """A claimed delivery to an invented entrant."""
    return Claimed(
        delivery=number,
        claim=1,
        carrier=number,
        token=UUID(int=number),
        message_id=f"{number:032x}@runreigate.example",
        attempts=0,
        due_at=NOW,
        latest_at=NOW + timedelta(days=1),
        entrant=number,
        address=f"runner{number}@example.org",
        first_name=NAMES[number % len(NAMES)],
        bib=str(number),
        entrant_token=f"{number:022x}",
        short_code=f"{number:08x}",
        race_name="Half Marathon",
        race_start=STARTS[number % len(STARTS)],
        wave_name="B",
        wave_start=None,
    )


if __name__ == "__main__":
    main()
