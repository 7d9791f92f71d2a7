"""`aidstation backup`, `restore` and `reconcile`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from campaigns.cli import output, ready
from campaigns.cli.output import Refused
from campaigns.cli.run import alone

if TYPE_CHECKING:
    from campaigns.models import Restoration

_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command()
@_file
@output.json_option
@output.as_option
def backup(file: Path, as_json: bool, who: str) -> None:
    """Write the whole database to FILE while the station goes on.

    The file holds people's data: keep it encrypted and somewhere else, and SUPPRESSION_KEY apart from it: without the
    key it cannot be restored.
    """
    ready.prepare()
    from campaigns import audit
    from campaigns.recovery import backing_up
    from campaigns.recovery.archive import BackupError

    try:
        manifest = backing_up.back_up(file)
    except BackupError as error:
        output.refuse(error)
    audit.record(who, "backup", at=manifest.at, bytes=manifest.bytes)
    rows = sum(manifest.rows.values())
    if as_json:
        output.print_json({"file": str(file), "at": manifest.at, "rows": rows, "bytes": manifest.bytes})
    else:
        click.echo(f"Wrote {rows:,} rows as of {manifest.at} to {file} ({manifest.bytes / 1e6:,.1f} MB).")


@click.command()
@_file
@click.option("--replace", is_flag=True, help="Remove whatever the database holds now.")
@click.option("--yes", is_flag=True, help="Do not ask before replacing.")
@output.json_option
@output.as_option
def restore(file: Path, replace: bool, yes: bool, as_json: bool, who: str) -> None:
    """Bring the database back from FILE, all of it or nothing. Stop web, scheduler, workers and watch first.

    Whatever may have gone out since the backup is held, so that nobody gets it twice: `aidstation reconcile` says how
    it goes on.
    """
    if replace and not yes:
        click.confirm("Remove all that the database holds now?", abort=True)
    with alone():
        ready.prepare_without_tables()
        from campaigns import audit
        from campaigns.recovery import restoring
        from campaigns.recovery.archive import BackupError

        try:
            done = restoring.restore(file, replace=replace)
        except BackupError as error:
            output.refuse(error)
        audit.record(who, "restore", backup_at=done.backup_at.isoformat(), held=done.held)
    if as_json:
        output.print_json(
            {"backup_at": done.backup_at, "rows": done.rows, "held": done.held, "stops_since": done.stops}
        )
        return
    click.echo(f"Restored {done.rows:,} rows as of {done.backup_at:%a %d %b %Y, %H:%M} UTC.")
    click.echo(f"{done.held:,} messages are held, for they may have gone out since.")
    click.echo(f"{done.stops:,} addresses are closed again from the opt-outs on this machine's disk.")
    click.echo(
        "What people did since is gone: do moves of a race, approvals and imports again. Then `aidstation reconcile`."
    )


@click.command()
@click.option(
    "--mail-log",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A mail server's log since the backup, or a provider's list of what it took; .gz is read too.",
)
@click.option("--no-twilio", is_flag=True, help="Do not ask Twilio for texts.")
@click.option("--release", metavar="SLUG", default="", help="Send what is held of this event, proof or not.")
@click.option("--went-out", metavar="SLUG", default="", help="Note what is held of this event as sent.")
@click.option("--step", metavar="NAME", default="", help="With --release and --went-out: of this step alone.")
@click.option("--close", is_flag=True, help="All lists are imported again: hold nothing back any more.")
@output.json_option
@output.as_option
def reconcile(
    logs: tuple[Path, ...],
    no_twilio: bool,
    release: str,
    went_out: str,
    step: str,
    close: bool,
    as_json: bool,
    who: str,
) -> None:
    """Find out after a restore what had gone out before; hold the rest for a person.

    Give the mail server's log as evidence for emails; Twilio is asked for texts. What they prove is noted as sent or
    sent now, the rest is listed with the command that decides it.
    """
    ready.prepare()
    from campaigns import audit, clock, ledger
    from campaigns.recovery import reconciling

    restoration = ledger.open_restoration()
    if restoration is None:
        raise Refused("Nothing is to be reconciled: no backup has been restored since the last --close.")
    reconciling.open_what_was_due(clock.now())
    found = {"sent": 0, "given_back": 0}
    if release or went_out:
        _decide(release, went_out, step, found)
    else:
        _by_evidence(restoration, logs, found, ask=not no_twilio)
    left = reconciling.summary()
    if close:
        _close(left)
    audit.record(who, "reconcile", found=found, left=sum(left.values()), closed=close)
    _say(found, left, restoration.backup_at, closed=close, as_json=as_json)


def _decide(release: str, went_out: str, step: str, found: dict[str, int]) -> None:
    from campaigns import clock, ledger
    from campaigns.cli.event import event_named

    event_named(release or went_out)
    held = [row.delivery for row in ledger.held_back(event=release or went_out, step=step)]
    if not held:
        raise Refused("Nothing of this is held after the restore: `aidstation reconcile` lists what is.")
    if release:
        found["given_back"] += ledger.let_go(held)
    else:
        found["sent"] += ledger.went_out(held, clock.now())


def _by_evidence(
    restoration: Restoration, logs: tuple[Path, ...], found: dict[str, int], *, ask: bool
) -> None:
    from campaigns import providers
    from campaigns.channels.twilio_look_ups import LookUpFailed
    from campaigns.models.words import Channel
    from campaigns.recovery import reconciling
    from campaigns.recovery.archive import BackupError

    try:
        found["sent"] += reconciling.emails(restoration, logs)
    except BackupError as error:
        output.refuse(error)
    if not ask or providers.problem(Channel.SMS):
        return
    try:
        sent, back = reconciling.texts(restoration, providers.sms_look_ups())
    except LookUpFailed as error:
        raise output.NotReady(f"{error} Run this again later, or with --no-twilio.") from error
    found["sent"] += sent
    found["given_back"] += back


def _close(left: dict[tuple[str, str, str], int]) -> None:
    from campaigns import clock, ledger

    if left:
        raise Refused(
            f"{sum(left.values()):,} messages are still held: decide them first, with --release or --went-out."
        )
    ledger.close_restoration(clock.now())


def _say(
    found: dict[str, int],
    left: dict[tuple[str, str, str], int],
    backup_at: datetime,
    *,
    closed: bool,
    as_json: bool,
) -> None:
    if as_json:
        rows = [{"event": key[0], "step": key[1], "channel": key[2], "held": n} for key, n in left.items()]
        output.print_json(found | {"held": rows, "closed": closed})
        return
    click.echo(
        f"{found['sent']:,} had gone out and are noted as sent; {found['given_back']:,} had not and go out now."
    )
    for (event, step, channel), count in left.items():
        click.echo(f"{count:,} of {event}'s '{step}' by {channel} are held: no proof either way. Decide with")
        click.echo(f"  aidstation reconcile --went-out {event} --step {step}")
        click.echo(f"  aidstation reconcile --release {event} --step {step}")
    if not left and not closed:
        click.echo(
            f"Nothing is held any more. Import every list that came since {backup_at:%a %d %b, %H:%M} UTC again, then "
            "`aidstation reconcile --close`; until then catch-ups and what was due before the restore are held."
        )
