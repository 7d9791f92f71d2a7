"""How measurements are shown: a line each for people, a key each for scripts."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from campaigns.cli import output


@dataclass(frozen=True)
class Line:
    """One figure: its key, its words, and what it should reach; `within` marks a part of the line above."""

    key: str
    words: str
    value: float | str | bool
    unit: str = ""
    target: str = ""
    within: bool = False


def show(lines: Sequence[Line], *, as_json: bool) -> None:
    """Prints a table, or one JSON object."""
    if as_json:
        output.print_json({line.key: _plain(line.value) for line in lines})
        return
    width = max(len(line.words) for line in lines) + 4
    for line in lines:
        words = ("  " if line.within else "") + line.words
        figure = f"{_figure(line.value)} {line.unit}".strip()
        click.echo(f"{words:<{width}}{figure:<24}{line.target}".rstrip())


def _plain(value: float | str) -> float | str:
    return round(value, 3) if isinstance(value, float) else value


def _figure(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.3g}"
