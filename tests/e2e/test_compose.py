"""docker-compose.yml without Docker: its services' own commands are started here with its environment."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import redis
import yaml
from station import ROOT, a_step, wait_until

from campaigns.cli.processes import COMMANDS, WORKERS

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = {
    "web": "web",
    "scheduler": "scheduler",
    "worker-clock": "clock",
    "worker-email": "email",
    "worker-sms": "sms",
    "worker-errands": "errands",
    "watch": "watch",
}
"""Our services in the file, and the process of `aidstation run` that each stands for."""

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize(("service", "process"), SERVICES.items())
def test_a_service_has_the_command_of_aidstation_run(service, process):
    command = COMPOSE["services"][service]["command"]
    if process == "web":
        at = command.index("--bind")
        command = command[:at] + command[at + 2 :]
    assert command in (COMMANDS[process], ["python", "-m", *COMMANDS[process]])


def test_every_service_has_a_health_check_an_end_and_one_environment():
    for name in SERVICES:
        service = COMPOSE["services"][name]
        assert service["env_file"] == ".env"
        assert service["init"] is True
        assert service["stop_grace_period"] == "90s"
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["volumes"] == ["home:/app/var"]
    assert "healthcheck" in COMPOSE["services"]["postgres"]
    assert "healthcheck" in COMPOSE["services"]["redis"]


def test_its_commands_send_a_campaign_together(station):
    station.event()
    station.entrants(30)
    station.campaign(a_step("tip"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name in SERVICES:
        station.processes.append(started(name, station, port))
    wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 30)
    station.wait_until_settled(30)
    assert len(station.box.emails) == 30
    listening = [
        one for one in redis.Redis.from_url(station.redis_url).client_list() if one["cmd"] == "brpop"
    ]
    assert len(listening) == len(WORKERS)


def started(name: str, station, port: int) -> subprocess.Popen[bytes]:
    """The service's command, found where the image has it: on the PATH of the virtual environment."""
    service = COMPOSE["services"][name]
    servers = {
        "DATABASE_URL": station.database_url,
        "REDIS_URL": station.redis_url,
        "AIDSTATION_HOME": str(station.home),
    }
    assert set(service["environment"]) == set(servers)
    command = [word.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for word in service["command"]]
    env = station.env | servers | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (station.home / "processes.log").open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        time.sleep(0.1)
        return False
