"""The stages that a message goes through in a worker, and how the worker's processor time is told apart by them."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

STAGES = {
    "campaigns/ledger/claiming.py": "claim",
    "campaigns/ledger/gate.py": "claim",
    "campaigns/circuit.py": "claim",
    "campaigns/ledger/settling.py": "settle",
    "campaigns/journal.py": "journal",
    "campaigns/content/frame.py": "encode",
    "campaigns/content/mime.py": "encode",
    "campaigns/content/": "render",
    "campaigns/rendering.py": "render",
    "campaigns/channels/": "SMTP",
    "campaigns/ledger/": "ledger, other",
    "campaigns/drain.py": "drain",
    "campaigns/block.py": "drain",
    "worker.py": "Celery and Redis",
}
"""A file, or a folder, and the stage that its code belongs to; the first that fits."""

OTHER = "Celery and Redis"
"""What no frame of ours has called."""

FOLDER = "samples"
"""Under AIDSTATION_HOME: a file a process, with how often it was seen at each stage."""

_ROOT = f"{Path(__file__).resolve().parents[1]}/"


def stage_of(file: str) -> str | None:
    """The stage of a source file; None for code that is not ours."""
    if not file.startswith(_ROOT):
        return None
    return next((stage for path, stage in STAGES.items() if file[len(_ROOT) :].startswith(path)), None)


def shares(home: Path) -> Mapping[str, float]:
    """The part of the processor time that each stage had, over all processes that were looked at."""
    found: Counter[str] = Counter()
    for file in (home / FOLDER).glob("*.json"):
        found.update(json.loads(file.read_text()))
    return {stage: count / found.total() for stage, count in found.most_common()}
