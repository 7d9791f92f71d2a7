"""One-click unsubscribes and STOP by text in the middle of a large send, through the web process."""

import random
import secrets
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from station import Station, a_person, wait_until, write_list
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from chaos.pausing import WATCH_CLAIMS, UnsubscribePresses
from chaos.sinks import Sink, Sinks, free_ports
from chaos.stage import Found, campaign, leave, run, stage

WORDS = ("STOP", "Stop please", "unsubscribe", "STOP texting me!")
"""What people write; only the first is a word that Twilio itself would act on."""

CLAIMED = """
    SELECT CASE d.channel WHEN 'email' THEN e.email ELSE e.mobile END, max(s.asked_at) FROM seen_claims s
    JOIN deliveries d ON d.id = s.delivery_id JOIN entrants e ON e.id = d.entrant_id
    WHERE d.channel = %s GROUP BY 1"""


def opt_out(
    count: int = 20_000,
    leavers: int = 1_000,
    rate: float = 250,
    say: Callable[[str], None] = lambda line: None,
) -> Found:
    """Sends an email and a text to each of `count` people. At a quarter of each, `leavers` of them, all over the list,
    unsubscribe from the one with one click, and as many others answer STOP to the other. `rate` in messages and in
    parts of texts a second: without one, all are claimed before the presses of a thousand people are through."""
    found = Found()
    port = free_ports(1)[0]
    settings = {"PUBLIC_URL": f"http://127.0.0.1:{port}", "EMAIL_RATE": str(rate), "SMS_RATE": str(rate)}
    with stage(settings) as (station, sinks):
        station.event()
        everyone = _people(station, count)
        station.sql(WATCH_CLAIMS)
        say(f"{count} entrants are imported")
        run(station, f"127.0.0.1:{port}")
        campaign(station, texts=True)
        clicks, stops = UnsubscribePresses(station, port), StopTexts(station, port)
        leaving = random.Random(count).sample(everyone, 2 * leavers)
        by_click = [person["Email Address"] for person in leaving[:leavers]]
        by_text = [person["Phone Number"] for person in leaving[leavers:]]
        with ThreadPoolExecutor(2) as both:
            asked = [
                both.submit(_at_a_quarter, sinks.mail, count, lambda: clicks.all(by_click)),
                both.submit(_at_a_quarter, sinks.twilio, count, lambda: stops.all(by_text)),
            ]
            for each in asked:
                say("; ".join(f"{what}: {figure}" for what, figure in each.result().items()))
        _finish(station)
        _judge(found, station, sinks, everyone, clicks.answered, stops.answered)
    leave(station, found.faults)
    return found


def _people(station: Station, count: int) -> list[dict[str, str]]:
    """Everyone with an address and a number of their own. The thousand numbers for drama are too few: these are of a
    range in use, and nothing here can leave this machine."""
    assert "127.0.0.1" in station.env["TWILIO_BASE_URL"]
    everyone = [a_person(n) | {"Phone Number": f"+4474000{n:05d}"} for n in range(count)]
    file = station.home / "list.csv"
    write_list(file, everyone)
    station.command("entrants", "import", str(file), "--event", "race", "--yes", timeout=900)
    return everyone


def _at_a_quarter(sink: Sink, count: int, act: Callable[[], None]) -> dict[str, object]:
    """Does it once a quarter has arrived; tells how much had arrived before and after it."""
    wait_until(lambda: sink.arrived() >= count // 4, 600, lambda: f"{sink.arrived()} of {count}")
    before, began = sink.arrived(), time.monotonic()
    act()
    return {
        "arrived before": before,
        "arrived after": sink.arrived(),
        "asked for in, s": f"{time.monotonic() - began:.1f}",
    }


@dataclass
class StopTexts:
    """Texts that people answer with, handed over as Twilio does, several at once."""

    station: Station
    port: int
    answered: dict[str, datetime] = field(default_factory=dict)

    def all(self, numbers: Iterable[str]) -> None:
        """A STOP from each number; notes when it was answered for."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._one, numbers))

    def _one(self, number: str) -> None:
        url = f"http://127.0.0.1:{self.port}/hooks/twilio/inbound"
        account, token = (self.station.env[name] for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"))
        fields = {
            "MessageSid": "SM" + secrets.token_hex(16), "AccountSid": account, "From": number,
            "To": "+447700900000", "Body": secrets.choice(WORDS), "NumMedia": "0",
        }  # fmt: skip
        signature = RequestValidator(token).compute_signature(url, fields)
        request = urllib.request.Request(url, urlencode(fields).encode(), {"X-Twilio-Signature": signature})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status in (200, 204)
        self.answered[number] = datetime.now(UTC)


def _finish(station: Station) -> None:
    wait_until(lambda: not station.sql("SELECT 1 FROM outbox LIMIT 1"), 900, lambda: f"{station.states()}")


def _judge(
    found: Found,
    station: Station,
    sinks: Sinks,
    everyone: Sequence[dict[str, str]],
    clicked: dict[str, datetime],
    stopped: dict[str, datetime],
) -> None:
    mails = Counter(email.recipient for email in sinks.each_email())
    texts = Counter(text.to for text in sinks.texts)
    for channel, column, arrived, left in (
        ("email", "Email Address", mails, clicked),
        ("sms", "Phone Number", texts, stopped),
    ):
        claimed = dict(station.sql(CLAIMED, channel))
        addresses = [person[column] for person in everyone]
        _judge_channel(found, channel, addresses, arrived, left, claimed)
        skipped = station.sql(
            "SELECT count(*) FROM deliveries WHERE channel = %s AND state = 'skipped'", channel
        )[0][0]
        spared = sum(not arrived[address] for address in left)
        found.demand(spared == skipped, f"{channel}: {spared} were spared, and the ledger skipped {skipped}")


def _judge_channel(
    found: Found,
    channel: str,
    everyone: Sequence[str],
    arrived: Counter[str],
    left: dict[str, datetime],
    claimed: dict[str, datetime],
) -> None:
    """Nobody twice; everyone who stayed once; of those who left only who was claimed before they did."""
    twice = [address for address, times in arrived.items() if times > 1]
    lost = [address for address in everyone if not arrived[address] and address not in left]
    wronged = [address for address, at in left.items() if address in claimed and claimed[address] > at]
    spared = sum(not arrived[address] for address in left)
    found.demand(not twice, f"{channel}: {len(twice)} got it twice: {twice[:5]}")
    found.demand(not lost, f"{channel}: {len(lost)} got nothing: {lost[:5]}")
    found.demand(not wronged, f"{channel}: {len(wronged)} were claimed after they had left: {wronged[:5]}")
    found.demand(spared > 0, f"{channel}: nobody who left was spared")
    found.figures |= {
        f"{channel}: arrived": sum(arrived.values()),
        f"{channel}: left in mid-send": len(left),
        f"{channel}: of them spared": spared,
        f"{channel}: of them claimed before they left": len(left) - spared,
    }
