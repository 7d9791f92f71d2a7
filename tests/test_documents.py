"""The documents speak of files that are there: a threat model that names a test which is gone holds nothing."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md"), ROOT / "tests/README.md"])
IN_THE_TREE = re.compile(r"`((?:tests|bench|campaigns|config|postbox|docs|\.ci)/[\w./-]*\w/?)`")
A_TEST = re.compile(r"`(?:e2e/)?(test_\w+\.py)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    words = document.read_text()
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    gone = {name for name in IN_THE_TREE.findall(words) if not (ROOT / name).exists()}
    gone |= {name for name in A_TEST.findall(words) if name not in tests}
    assert gone == set()
