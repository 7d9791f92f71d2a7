"""`make fuzz`: coverage-guided fuzzing (atheris, libFuzzer) of everything that reads what strangers write.

    python -m fuzz importer --seconds 600

Inputs that reach new code are kept in var/fuzz/TARGET and are where the next run begins. An input that breaks a rule is
written beside them as crash-…; it becomes a test before it is mended.
"""

import argparse
import os
import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ["importer", "workbook", "template", "text", "plan", "plan-words", "hooks", "reports", "bounce"]
WORK = ROOT / "var" / "fuzz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=-1)
    words = parser.parse_args()
    _set_up(words.target)
    with atheris.instrument_imports(include=["campaigns", "anymail"]):
        from fuzz import targets

    corpus = WORK / words.target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(targets.SEEDS[words.target]()):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup(
        [
            sys.argv[0],
            f"-max_total_time={words.seconds}",
            f"-runs={words.runs}",
            "-timeout=20",
            "-rss_limit_mb=2048",
            "-max_len=20000",
            "-print_final_stats=1",
            "-verbosity=1",
            f"-artifact_prefix={WORK}/{words.target}-",
            str(corpus),
        ],
        targets.TARGETS[words.target],
    )
    atheris.Fuzz()


def _set_up(target: str) -> None:
    """Only the hooks ask a database; the others are pure."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "PUBLIC_URL": "https://tips.example.org"}
    os.environ |= {"ESP_WEBHOOK_SECRET": "hook:secret", "MAILGUN_SIGNING_KEY": "key"}
    os.environ |= {"TWILIO_ACCOUNT_SID": f"AC{'0' * 32}", "TWILIO_AUTH_TOKEN": "token"}
    os.environ["AIDSTATION_HOME"] = str(WORK / "home")
    if target in ("hooks", "reports", "bounce"):
        from campaigns.cli import ready

        ready.prepare(migrate=True)
    else:
        import django

        django.setup()


if __name__ == "__main__":
    main()
