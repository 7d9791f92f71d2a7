"""`make chaos`: rounds of kills, or one scenario, and what each came to. Exit code 1 when anything was lost, doubled
or left."""

import argparse
import secrets
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic

from chaos.answers import late, pieces
from chaos.freezing import freeze
from chaos.opting_out import opt_out
from chaos.pacing import rate
from chaos.pausing import pause
from chaos.rounds import Report, Size, play
from chaos.stage import Found

COLUMNS = (
    "round",
    "seed",
    "style",
    "kills",
    "open",
    "mails",
    "texts",
    "lost",
    "twice",
    "doubts",
    "unknown",
    "seconds",
)
WIDTHS = (5, 10, 14, 5, 7, 6, 6, 4, 5, 6, 7, 7)

SCENARIOS: dict[str, Callable[..., Found]] = {
    "pause-100k": pause,
    "opt-outs": opt_out,
    "rate": rate,
    "freeze": partial(freeze, past_silence=False, other_machine=True, patient=False),
    "freeze-long": partial(freeze, past_silence=True, other_machine=True, patient=False),
    "freeze-real": partial(freeze, past_silence=False, other_machine=True),
    "late-answer": late,
    "pieces": pieces,
}
"""Named ones that are not rounds of kills."""


def main() -> int:
    """Plays what the options name."""
    options = _options()
    return _scenario(options.scenario) if options.scenario else _rounds(options)


def _scenario(name: str) -> int:
    found = SCENARIOS[name](say=lambda line: print(f"  {line}", flush=True))
    for what, figure in found.figures.items():
        print(f"{name}: {what}: {figure}")
    for fault in found.faults[:20]:
        print(f"{name}: FAULT: {fault}")
    return 1 if found.faults else 0


def _rounds(options: argparse.Namespace) -> int:
    """Several side by side: the doubts of one rest while another sends."""
    seed = options.seed if options.seed is not None else secrets.randbelow(10**9)
    size = Size(options.emails, options.texts)
    print(
        f"{options.rounds} rounds of {size.emails} emails and {size.texts} texts, --seed {seed}", flush=True
    )
    _line(COLUMNS)
    begun = monotonic()
    with ThreadPoolExecutor(options.lanes) as lanes:
        reports = list(
            lanes.map(lambda number: _play(number, seed, size, options.verbose), range(options.rounds))
        )
    return _summary(reports, monotonic() - begun)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, help="of the first round; those that follow count on")
    parser.add_argument("--emails", type=int, default=5_000, help="a round")
    parser.add_argument("--texts", type=int, default=1_000, help="a round; there are 1,000 numbers")
    parser.add_argument(
        "--lanes", type=int, default=3, help="rounds side by side, each on servers of its own"
    )
    parser.add_argument("--scenario", choices=SCENARIOS, help="play this instead of rounds")
    parser.add_argument("--verbose", action="store_true", help="print each kill")
    return parser.parse_args()


def _play(number: int, seed: int, size: Size, verbose: bool) -> Report:
    begun = monotonic()

    def say(line: str) -> None:
        if verbose:
            print(f"      seed {seed + number}, {monotonic() - begun:4.0f} s: {line}", flush=True)

    report = play(seed + number, size, say=say)
    _show(number + 1, report)
    return report


def _show(number: int, report: Report) -> None:
    counts, toll = report.verdict.counts, report.toll
    _line(
        (
            number, report.seed, report.style, len(report.kills), f"{toll.mail}+{toll.texts}",
            counts["email sent"] + counts["email delivered"], counts["sms sent"] + counts["sms delivered"],
            counts["mails lost"] + counts["texts lost"], f"{counts['mails twice']}+{counts['texts twice']}",
            counts["doubts"], counts["unknown"], f"{report.seconds:.0f}",
        )
    )  # fmt: skip
    for fault in report.faults:
        print(f"      seed {report.seed}: {fault}")
    if report.faults:
        print(f"      its plan: {'; '.join(str(kill) for kill in report.kills)}")
        print(f"      its folder: {report.home}", flush=True)


def _line(words: tuple[object, ...]) -> None:
    print("  ".join(str(word).rjust(width) for word, width in zip(words, WIDTHS, strict=True)), flush=True)


def _summary(reports: list[Report], seconds: float) -> int:
    failed = [report.seed for report in reports if report.faults]
    twice = sum(
        report.verdict.counts["mails twice"] + report.verdict.counts["texts twice"] for report in reports
    )
    print(
        f"{len(reports)} rounds in {seconds / 60:.1f} minutes: {sum(len(report.kills) for report in reports)} kills, "
        f"{sum(report.toll.mail + report.toll.texts for report in reports)} connections open at them, "
        f"{sum(report.verdict.counts['doubts'] for report in reports)} doubts, {twice} twice, "
        f"{sum(report.verdict.counts['mails lost'] + report.verdict.counts['texts lost'] for report in reports)} lost."
    )
    if failed:
        print(f"Failed: repeat with --rounds 1 and --seed {', '.join(map(str, failed))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
