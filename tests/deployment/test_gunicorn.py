"""How gunicorn is set up, as it says itself."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_proxy_closes_a_connection_that_nobody_uses_before_we_do() -> None:
    """Else it writes a call into one that is being closed: a report had no answer, once in 14,000."""
    asked = [sys.executable, "-m", "gunicorn", "--print-config", "config.wsgi"]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.search(r"^keepalive += (\d+)$", said, re.MULTILINE)
    assert found
    assert int(found[1]) > 120  # Caddy's two minutes
