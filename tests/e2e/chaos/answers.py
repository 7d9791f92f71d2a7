"""Mail servers that answer late, in pieces or in lumps, and refuse some by name: whose answer was it?"""

import time
from collections import Counter
from collections.abc import Callable

from station import Station, wait_until

from chaos.freezing import settled
from chaos.stage import Found, campaign, leave, people, run, stage

GONE, BUSY, REFUSED = "*7@example.com", "*3@example.com", "*55@example.com"
"""Addresses that the server says it does not have, would rather have later, and refuses for the message."""


def _smtp(kind: str, stage: str, **more: object) -> dict[str, object]:
    return {"channel": "smtp", "kind": kind, "stage": stage, **more}


PIECES = [
    _smtp("refuse", "rcpt", code=550, text="5.1.1 No such person", match=GONE),
    _smtp("refuse", "rcpt", code=451, text="4.7.1 Later", match=BUSY, count=12),
    _smtp("refuse", "dot", code=451, text="4.3.0 Later", match=REFUSED, count=2),
    _smtp("split", "rcpt", match="*[02468]@example.com", seconds=0.0002),
    _smtp("split", "dot", match="*[159]@example.com", seconds=0.0002),
    _smtp("merge", "rcpt", match="*[13579]@example.com", seconds=0.004),
    _smtp("merge", "mail", seconds=0.004),
    _smtp("merge", "data", match="*[048]@example.com", seconds=0.004),
    _smtp("slow", "dot", match="*[26]@example.com", seconds=0.01),
]
"""Replies byte by byte, held until the next one comes, and late, by who it is about, so that they mix."""

FATES = """
    SELECT e.email, d.state, d.reason, array_agg(DISTINCT a.outcome) FROM deliveries d
    JOIN entrants e ON e.id = d.entrant_id JOIN attempts a ON a.delivery_id = d.id GROUP BY d.id, e.id"""


def pieces(count: int = 1_000, say: Callable[[str], None] = lambda line: None) -> Found:
    """Sends to `count` people while replies come in pieces and lumps: everyone's outcome is their own answer."""
    found = Found()
    with stage({}, PIECES) as (station, sinks):
        station.event()
        everyone = [person["Email Address"] for person in people(station, count)]
        run(station)
        campaign(station, texts=False)
        wait_until(
            lambda: station.states().total() == count and settled(station), 300, lambda: str(station.states())
        )
        say("settled")
        arrived = Counter(email.recipient for email in sinks.each_email())
        for address, state, reason, outcomes in station.sql(FATES):
            gone = address.split("@")[0].endswith("7")
            expected = (1, "sent", "") if not gone else (0, "failed", "provider_refused")
            told = (arrived[address], state, reason)
            found.demand(told == expected, f"{address}: {told}, not {expected}")
            final = "recipient" if gone else "accepted"
            found.demand(final in outcomes, f"{address}: {outcomes}")
            found.demand(set(outcomes) <= {final, "transient"}, f"{address}: {outcomes}")
            if "transient" in outcomes:
                later = address.split("@")[0].endswith(("3", "55"))
                found.demand(later, f"{address} was told to come later, and was not")
        found.figures |= {"arrived": len(arrived), "refused": len(everyone) - len(arrived)} | _tries(station)
        found.demand(found.figures["told to come later"] != 0, "nobody was told to come later")
    leave(station, found.faults)
    return found


def _tries(station: Station) -> dict[str, object]:
    tries = dict(station.sql("SELECT outcome, count(*) FROM attempts GROUP BY outcome"))
    return {"told to come later": tries.get("transient", 0)}


def late(seconds: float = 90.0, count: int = 300, say: Callable[[str], None] = lambda line: None) -> Found:
    """The dot of one mail is answered `seconds` late: no doubt, nobody twice, and the others do not wait for it."""
    found = Found()
    slow = {
        "channel": "smtp",
        "kind": "slow",
        "stage": "dot",
        "seconds": seconds,
        "match": "runner5@*",
        "count": 1,
    }
    with stage({}, [slow]) as (station, sinks):
        station.event()
        people(station, count)
        run(station)
        begun = time.monotonic()
        campaign(station, texts=False)
        wait_until(
            lambda: sinks.mail.arrived() >= count - 1,  # the mail server keeps a mail when it answers
            seconds - 10,
            lambda: f"{sinks.mail.arrived()} of {count}",
        )
        others = time.monotonic() - begun
        say(f"all others of {count} have arrived after {others:.0f} s")
        wait_until(lambda: settled(station), seconds + 60, lambda: str(station.states()))
        took = time.monotonic() - begun
        arrived = Counter(email.recipient for email in sinks.each_email())
        doubts = station.sql("SELECT count(*) FROM attempts WHERE outcome = 'doubtful'")[0][0]
        found.demand(len(arrived) == count, f"{count - len(arrived)} got nothing")
        found.demand(max(arrived.values()) == 1, f"{sum(arrived.values()) - count} got it twice")
        found.demand(doubts == 0, f"{doubts} doubts")
        found.demand(took >= seconds, f"all was settled after {took:.0f} s: nothing was answered late")
        found.figures |= {
            "all others arrived after, s": f"{others:.0f}",
            "all settled after, s": f"{took:.0f}",
            "doubts": doubts,
        }
    leave(station, found.faults)
    return found
