"""What gunicorn finds by itself where it starts: log lines as everywhere, page figures over all its processes."""

import os
import shutil
import socket
import threading

from gunicorn.glogging import Logger

from config import environment

# A folder for each machine: several web containers share the volume.
FIGURES = environment.home() / "page-figures" / socket.gethostname()

# Read when prometheus_client is first imported: each process keeps its figures in a file of its own there.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(FIGURES)

logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "campaigns.logs.JsonLines"}},
    "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["lines"], "level": "WARNING"},
    "loggers": {
        "gunicorn.error": {"handlers": [], "propagate": True},
        "gunicorn.access": {"handlers": [], "propagate": False},
    },
}


class QuietLogger(Logger):
    """Answers are counted and not logged: gunicorn would gather the facts for a line about each all the same."""

    def access(self, *_):
        pass


logger_class = QuietLogger
worker_class = "campaigns.receipts.lane.Worker"

# Seconds; longer than a proxy keeps a connection that nobody uses (Caddy two minutes, nginx one): who closes first must
# be the proxy, or it writes a call into a connection that is closed at this moment, and a report is answered by nobody.
keepalive = 125


def on_starting(_server):
    """Figures of processes that are gone count from the start again, as every counter may."""
    shutil.rmtree(FIGURES, ignore_errors=True)
    FIGURES.mkdir(mode=0o700, parents=True, exist_ok=True)


def post_worker_init(_worker):
    """An alert waits neither for Celery to be imported nor for the first word to Redis."""
    import worker

    threading.Thread(target=worker.get_ready, daemon=True).start()


def child_exit(_server, worker):
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid, path=str(FIGURES))
