"""The table in docs/deploy.md, the checks in the code and the tests that make them wrong name the same things."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r'\b(?:good|look|wrong|_hook)\(\s*"([a-z_]+)"|_(?:key|server)\("[A-Z_]+", "([a-z_]+)"')
RECORDS = {"spf", "dkim", "dmarc"}
"""Of one loop in the code."""


def in_code() -> set[str]:
    files = [*(ROOT / "campaigns/deployment").glob("*.py"), ROOT / "campaigns/cli/check.py"]
    return {
        name for file in files for pair in NAMED.findall(file.read_text()) for name in pair if name
    } | RECORDS


def on_the_page() -> set[str]:
    page = (ROOT / "docs/deploy.md").read_text()
    rows = page.partition("## The checks")[2].splitlines()
    return {
        name for row in rows if row.startswith("| `") for name in re.findall("`([a-z_]+)`", row.split("|")[1])
    }


def test_the_page_lists_every_check():
    assert on_the_page() == in_code()


def test_every_check_is_made_wrong_in_a_test():
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*_checks.py"))
    tests += Path(__file__).read_text().partition("def test_every_check")[2]
    assert {name for name in in_code() if f'"{name}"' not in tests} == set()


def test_a_postgres_that_does_not_answer_is_red_and_no_traceback(tmp_path):
    env = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "-m", "campaigns.cli", "check", "--json"],
        cwd=ROOT, env=os.environ | env | {"AIDSTATION_HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert [one["name"] for one in json.loads(done.stdout)["checks"] if one["state"] == "wrong"] == [
        "database"
    ]
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
