"""Content is pure: no Django, no files, no clock, nothing else of ours."""

from __future__ import annotations

import ast
from pathlib import Path

import campaigns.content

FOLDER = Path(campaigns.content.__file__).parent
FORBIDDEN = {
    "django",
    "os",
    "pathlib",
    "io",
    "time",
    "socket",
    "subprocess",
    "urllib",
    "requests",
    "random",
    "secrets",
}


def imported(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_content_imports_nothing_it_must_not_know() -> None:
    for file in FOLDER.glob("*.py"):
        for name in imported(file):
            assert name.split(".")[0] not in FORBIDDEN, f"{file.name} imports {name}"
            assert not name.startswith("campaigns.") or name.startswith("campaigns.content"), file.name


def test_content_opens_no_file_and_asks_no_clock() -> None:
    for file in FOLDER.glob("*.py"):
        calls = [
            node.func for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)
        ]
        names = {c.id if isinstance(c, ast.Name) else getattr(c, "attr", "") for c in calls}
        assert not names & {"open", "now", "utcnow", "today", "read_text", "read_bytes", "eval", "exec"}, (
            file.name
        )
