"""`aidstation campaign export`: the plan as it stands, with its messages, as the files that `load` reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from campaigns.cli import output, ready

if TYPE_CHECKING:
    from campaigns.models import Campaign


@click.command()
@click.argument("slug")
@click.option(
    "--output", "file", type=click.Path(path_type=Path), metavar="FILE", help="Write the plan there."
)
@click.option(
    "--messages",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the newest wording of every message there, into `email` and `sms`.",
)
@output.json_option
def export(slug: str, file: Path | None, messages: Path | None, as_json: bool) -> None:
    """Print the plan of event SLUG as a TOML file, so that what was changed in the pages lives in git as well."""
    ready.prepare()
    from campaigns import editing, plan_file
    from campaigns.cli.named import campaign_of

    campaign = campaign_of(slug)
    text = plan_file.written(editing.plan_of(campaign))
    written = [_write(file, text)] if file else []
    if messages:
        written += _write_messages(campaign, messages)
    if as_json:
        output.print_json({"event": slug, "plan": text, "files": [str(path) for path in written]})
    elif not file:
        click.echo(text, nl=False)
    for path in [] if as_json or not file else written:
        click.echo(f"Wrote {path}.")


def _write_messages(campaign: Campaign, folder: Path) -> list[Path]:
    from campaigns.models import Template
    from campaigns.models.words import Channel

    written = []
    for template in Template.objects.filter(event=campaign.event_id).order_by("channel", "name"):
        ending = "md" if template.channel == Channel.EMAIL else "txt"
        newest = template.versions.latest("number")
        written.append(_write(folder / template.channel / f"{template.name}.{ending}", newest.source))
    return written


def _write(file: Path, text: str) -> Path:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise output.Refused(
            f"{file} cannot be written ({error.strerror}): name a place that can."
        ) from error
    return file
