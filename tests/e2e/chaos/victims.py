"""What can be killed, how many connections it had open at that moment, and how it comes back."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from station import Station

from chaos.sinks import Sink, Sinks
from config.environment import SERVICE_VARIABLE


@dataclass(frozen=True)
class Kill:
    """One line of a round's plan: at which share of the messages, what is killed, how long it stays away."""

    at: float
    victim: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.at:4.0%} {self.victim}" + (f", {self.seconds:.1f} s away" if self.seconds else "")


@dataclass
class Toll:
    """Connections that were open at kills: as many messages may arrive twice, by channel."""

    mail: int = 0
    texts: int = 0


ALWAYS = ("email child", "email worker", "scheduler", "redis", "mail server", "sms worker", "twilio")
SOMETIMES = (
    "email child",
    "email parent",
    "email worker",
    "clock",
    "web",
    "everything",
    "mail server",
    "redis",
)
POSTGRES = ("postgres, shut down fast", "postgres, killed")
AWAY = {
    "redis": 6.0,
    "mail server": 3.0,
    "twilio": 3.0,
    "postgres, shut down fast": 2.0,
    "postgres, killed": 2.0,
}
"""Seconds that each stays away at most. The others come back by themselves."""


def plan(rng: random.Random) -> list[Kill]:
    """What is killed in a round, in order: each of `ALWAYS`, some more, and Postgres in every second round."""
    chosen = [*ALWAYS, *rng.choices(SOMETIMES, k=3)]
    if rng.random() < 0.5:
        chosen.append(rng.choice(POSTGRES))
    rng.shuffle(chosen)
    moments = sorted(rng.uniform(0.03, 0.9) for _ in chosen)
    return [
        Kill(at, victim, round(rng.uniform(0.2, AWAY[victim]), 1) if victim in AWAY else 0.0)
        for at, victim in zip(moments, chosen, strict=True)
    ]


@dataclass
class Killer:
    """Carries a plan out on one station, and brings back what does not come back by itself.

    `run` starts the station's supervisor anew.
    """

    station: Station
    sinks: Sinks
    rng: random.Random
    run: Callable[[], psutil.Process]
    toll: Toll = field(default_factory=Toll)
    supervisor: psutil.Process = field(init=False)
    away: dict[str, tuple[float, Callable[[], object]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.supervisor = self.run()

    def kill(self, kill: Kill) -> None:
        """Kills at once; what is away already comes back first."""
        if "postgres" in kill.victim or kill.victim == "everything":
            self.bring_back("postgres")
        match kill.victim:
            case "mail server":
                self._kill_sink(kill, self.sinks.mail)
            case "twilio":
                self._kill_sink(kill, self.sinks.twilio)
            case "redis":
                self._kill_server(kill, "redis", self.station.home / "valkey.pid", signal.SIGKILL)
            case "postgres, killed":
                self._kill_server(kill, "postgres", self._postmaster, signal.SIGKILL)
            case "postgres, shut down fast":
                self._kill_server(kill, "postgres", self._postmaster, signal.SIGINT)
            case "everything":
                everything = [self.supervisor, *self.supervisor.children(recursive=True)]
                self._end(everything)
                psutil.wait_procs(everything, timeout=10)
                self.supervisor = self.run()
            case _:
                self._kill_service(kill.victim)

    def come_back(self, *, now: bool = False) -> None:
        """Starts again whatever has been away for long enough, or everything."""
        for name, (moment, _) in list(self.away.items()):
            if now or time.monotonic() >= moment:
                self.bring_back(name)

    def bring_back(self, name: str) -> None:
        """Starts one thing again, if it is away."""
        if name in self.away:
            _, start = self.away.pop(name)
            start()

    @property
    def _postmaster(self) -> Path:
        return self.station.home / "postgres" / "postmaster.pid"

    def _kill_sink(self, kill: Kill, sink: Sink) -> None:
        self.bring_back(kill.victim)
        assert sink.process
        self._end([psutil.Process(sink.process.pid)], listening=True)
        sink.process.wait()
        self.away[kill.victim] = (time.monotonic() + kill.seconds, sink.start)

    def _kill_server(self, kill: Kill, name: str, pid_file: Path, number: signal.Signals) -> None:
        self.bring_back(name)
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        family = [process, *process.children(recursive=True)] if number == signal.SIGKILL else [process]
        for one in family:
            _send(one, number)
        psutil.wait_procs(family, timeout=30)
        self.away[name] = (time.monotonic() + kill.seconds, self.station.restart_servers)

    def _kill_service(self, victim: str) -> None:
        """A whole service, one of its children, or its parent alone, which leaves its children to their fate."""
        service, _, part = victim.partition(" ")
        for parent in self.supervisor.children():
            if _service(parent) != service:
                continue
            children = parent.children(recursive=True)
            if part == "child":
                self._end([self.rng.choice(children)] if children else [])
            else:
                self._end([parent, *children], spared=children if part == "parent" else [])

    def _end(
        self,
        processes: list[psutil.Process],
        *,
        spared: Sequence[psutil.Process] = (),
        listening: bool = False,
    ) -> None:
        """Stops them first, so that what is counted is what is open when they die; those spared go on."""
        for process in processes:
            _send(process, signal.SIGSTOP)
        self.toll.mail += connections(processes, self.sinks.mail.smtp_port, listening=listening)
        self.toll.texts += connections(processes, self.sinks.twilio.http_port, listening=listening)
        for process in processes:
            _send(process, signal.SIGCONT if process in spared else signal.SIGKILL)


def _service(process: psutil.Process) -> str:
    try:
        return process.environ().get(SERVICE_VARIABLE, "")
    except psutil.Error:
        return ""


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return


def connections(processes: Iterable[psutil.Process], port: int, *, listening: bool = False) -> int:
    """How many connections these processes have open to a port, or on it."""
    count = 0
    for process in processes:
        try:
            opened = process.net_connections("tcp")
        except psutil.Error:
            continue
        for one in opened:
            address = one.laddr if listening else one.raddr
            count += bool(address) and address.port == port and one.status == psutil.CONN_ESTABLISHED
    return count
