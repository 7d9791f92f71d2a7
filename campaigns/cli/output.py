"""How commands speak: tables and sentences for people, JSON for scripts, one clear line for an error."""

import getpass
import json
from collections.abc import Callable
from datetime import date
from typing import Any, NoReturn, TypeVar

import click

REFUSED, USAGE, NOT_READY = 1, 2, 3

Command = TypeVar("Command", bound=Callable[..., Any])


class Refused(click.ClickException):
    """What was asked cannot be done: one sentence, exit code 1."""

    exit_code = REFUSED

    def show(self, file: Any = None) -> None:
        click.echo(f"aidstation: {self.format_message()}", err=True, file=file)


class NotReady(Refused):
    """Something that the command needs is not there: one sentence, exit code 3."""

    exit_code = NOT_READY


def json_option(command: Command) -> Command:
    """`--json`: print JSON instead of words."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")(command)


def as_option(command: Command) -> Command:
    """`--as EMAIL`: who does this, for the audit log."""
    return click.option(
        "--as", "who", default=getpass.getuser, metavar="EMAIL", help="Who does this, for the audit log."
    )(command)


def print_json(value: Any) -> None:
    """One JSON value on a line of standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> str:
    """Dates and moments in ISO 8601."""
    return value.isoformat() if isinstance(value, date) else str(value)


def refuse(error: Exception) -> NoReturn:
    """Turns an error whose text is already a sentence into the command's own."""
    raise Refused(str(error)) from error
