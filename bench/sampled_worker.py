"""The worker with a look at itself: which stage each millisecond of its processor time goes to.

Started in place of `worker` for a pass of its own, whose speed counts for nothing. A timer of the process's own
processor time (SIGPROF) interrupts it, and the innermost frame that stands in one of `stages.STAGES` is what it was at.
"""

import json
import os
import signal
from collections import Counter
from types import FrameType
from typing import Any

from celery.signals import task_postrun, worker_process_init

from bench.stages import FOLDER, OTHER, stage_of
from config import environment
from worker import app

__all__ = ["app"]

EVERY = 0.001
"""Seconds of processor time between two looks; a kernel may make more of them."""

counts: Counter[str] = Counter()
known: dict[str, str | None] = {}


def _look(_signal: int, frame: FrameType | None) -> None:
    while frame is not None:
        file = frame.f_code.co_filename
        if file not in known:
            known[file] = stage_of(file)
        if stage := known[file]:
            counts[stage] += 1
            return
        frame = frame.f_back
    counts[OTHER] += 1


@worker_process_init.connect
def _begin(**_: Any) -> None:
    signal.signal(signal.SIGPROF, _look)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)


@task_postrun.connect
def _write(**_: Any) -> None:
    folder = environment.home() / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / f"{os.getpid()}.json").write_text(json.dumps(counts))
