"""`aidstation watch`: the dead man's alarm, as a process of its own."""

import time

import click

from campaigns.cli import output, ready
from campaigns.cli.processes import until_signalled


@click.command()
@click.option("--once", is_flag=True, help="Look once, say what is wrong, and tell nobody.")
@output.json_option
def watch(once: bool, as_json: bool) -> None:
    """Tell people when the station does not go on: the clock stands, messages are stuck, a provider has stopped.

    `aidstation run` and docker-compose.yml start it. It mails to ALARM_EMAIL (unset: the staff of events that are not
    over), sends a text to ALARM_MOBILE where no mail gets through, and calls ALARM_PING_URL while all is well.
    With --once it exits 1 when something is wrong.
    """
    ready.prepare()
    if once:
        _say_once(as_json=as_json)
        return
    from campaigns import logs
    from campaigns.watch.alarm import EVERY, Watchman

    logs.speak()
    watchman = Watchman()
    looked = 0.0

    def look() -> None:
        nonlocal looked
        if time.monotonic() - looked >= EVERY:
            watchman.look()
            looked = time.monotonic()

    until_signalled(look)


def _say_once(*, as_json: bool) -> None:
    from campaigns.watch import figures
    from campaigns.watch.trouble import troubles

    found = troubles(figures.read())
    if as_json:
        output.print_json({"troubles": [{"name": trouble.name, "words": trouble.words} for trouble in found]})
    if found:
        raise output.Refused(" ".join(trouble.words for trouble in found))
    if not as_json:
        click.echo("All is well.")
