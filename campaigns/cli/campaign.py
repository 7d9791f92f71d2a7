"""`aidstation campaign`: load a plan, approve it, and start, pause, resume or stop what it sends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from campaigns.cli import output, ready
from campaigns.cli.exporting import export
from campaigns.cli.preflight import drawn, preflight

if TYPE_CHECKING:
    from campaigns.models import Campaign


@click.group()
def campaign() -> None:
    """An event's plan: what is sent, when, to whom."""


@campaign.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--event", "slug", required=True, metavar="SLUG", help="The event that the plan is for.")
@click.option(
    "--templates",
    type=click.Path(path_type=Path),
    help="The folder with the messages [default: `templates` of this project].",
)
@output.json_option
@output.as_option
def load(file: Path, slug: str, templates: Path | None, as_json: bool, who: str) -> None:
    """Bring the event's campaign to the plan FILE (TOML). Steps that changed ask for approval again."""
    ready.prepare()
    from django.conf import settings

    from campaigns import audit, rendering
    from campaigns import campaign as plans
    from campaigns.cli.event import event_named
    from campaigns.plan import PlanError, load_plan

    event = event_named(slug)
    try:
        plan = load_plan(_text(file), file=file.name)
        sources = plans.Sources(templates or settings.BASE_DIR / "templates")
        loaded = plans.load(event, plan, sources, rendering.check_source)
    except (PlanError, plans.CampaignError) as error:
        output.refuse(error)
    audit.record(who, "campaign.load", event=slug, steps=loaded.steps.count())
    states = dict(loaded.steps.values_list("name", "state"))
    if as_json:
        output.print_json(
            {"event": slug, "steps": [{"name": name, "state": state} for name, state in states.items()]}
        )
        return
    waiting = sum(state == "waiting" for state in states.values())
    click.echo(f"{plan.name}: {len(states)} steps, {waiting} wait for approval.")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise output.Refused(
            f"{file} cannot be read ({error.strerror}): give the path of a plan file."
        ) from error
    except UnicodeDecodeError as error:
        raise output.Refused(f"{file.name} is not UTF-8 text: save it as UTF-8 and try again.") from error


@campaign.command()
@click.argument("slug")
@click.option("--step", "steps", multiple=True, metavar="NAME", help="Only this step; may be given again.")
@output.json_option
@output.as_option
def approve(slug: str, steps: tuple[str, ...], as_json: bool, who: str) -> None:
    """Approve the steps of event SLUG that wait: their words, timing and audience, for the event's date."""
    ready.prepare()
    from campaigns import approval, audit
    from campaigns.campaign import CampaignError
    from campaigns.cli.named import campaign_of

    try:
        with drawn(not as_json) as draw:
            approved = approval.approve(campaign_of(slug), who, list(steps), progress=draw)
    except CampaignError as error:
        output.refuse(error)
    recipients = {step.name: step.people for step in approved.steps}
    audit.record(who, "campaign.approve", event=slug, steps=len(approved.steps), recipients=recipients)
    if as_json:
        shown = [{"name": name, "recipients": people} for name, people in recipients.items()]
        output.print_json({"event": slug, "approved": len(shown), "steps": shown})
        return
    for name, people in recipients.items():
        click.echo(f"{name}: {people:,} {'recipient' if people == 1 else 'recipients'} as things stand.")
    count = len(recipients)
    click.echo(f"Approved {count} {'step' if count == 1 else 'steps'}.")


def _act(name: str, help_text: str, said: str) -> None:
    """Adds a command that changes the whole campaign's state."""

    @campaign.command(name, help=help_text)
    @click.argument("slug")
    @output.json_option
    @output.as_option
    def act(slug: str, as_json: bool, who: str) -> None:
        ready.prepare()
        from campaigns import audit
        from campaigns import campaign as plans
        from campaigns.cli.named import campaign_of

        chosen = campaign_of(slug)
        change: Callable[[Campaign], None] = getattr(plans, name)
        try:
            change(chosen)
        except plans.CampaignError as error:
            output.refuse(error)
        chosen.refresh_from_db()
        audit.record(who, f"campaign.{name}", event=slug)
        if as_json:
            output.print_json({"event": slug, "campaign": chosen.state})
        else:
            click.echo(said)


_act("start", "Send the approved steps of event SLUG from now on, each at its moment.", "Started.")
_act("pause", "Stop sending within 2 seconds; everything keeps its place.", "Paused: nothing more leaves.")
_act("resume", "Go on after a pause; what is too late by now is skipped and shown.", "Resumed.")
_act("stop", "End the campaign of event SLUG for good.", "Stopped for good.")


@campaign.command()
@click.argument("slug")
@click.option("--off", is_flag=True, help="End the hold: planned messages go out again.")
@output.json_option
@output.as_option
def hold(slug: str, off: bool, as_json: bool, who: str) -> None:
    """Incident hold: stop everything planned for event SLUG and keep its alerts."""
    ready.prepare()
    from campaigns import audit
    from campaigns import campaign as plans
    from campaigns.cli.event import event_named

    plans.hold(event_named(slug), on=not off)
    audit.record(who, "campaign.hold", event=slug, on=not off)
    if as_json:
        output.print_json({"event": slug, "incident_hold": not off})
    else:
        click.echo("The hold has ended." if off else "Incident hold: nothing planned leaves any more.")


campaign.add_command(preflight)
campaign.add_command(export)
