"""`aidstation event keep`: how long anything of a race is kept."""

from __future__ import annotations

import click

from campaigns.cli import output, ready


@click.command()
@click.argument("slug")
@click.option(
    "--contact-days", type=click.IntRange(1, 3650), help="Days after the race for names and addresses."
)
@click.option("--fact-months", type=click.IntRange(1, 120), help="Months after the race for who got what.")
@output.json_option
@output.as_option
def keep(slug: str, contact_days: int | None, fact_months: int | None, as_json: bool, who: str) -> None:
    """Show or set how long the data of event SLUG is kept after the race.

    Names, addresses and numbers first, then who got what; totals and opt-outs stay.
    """
    ready.prepare()
    from campaigns import audit
    from campaigns.cli.event import event_named
    from campaigns.models import Event

    event = event_named(slug)
    given = {"contact_days": contact_days, "fact_months": fact_months}
    changed = {field: value for field, value in given.items() if value is not None}
    if changed:
        Event.objects.filter(id=event.id).update(**changed)
        audit.record(who, "event.keep", event=slug, **changed)
        event.refresh_from_db()
    terms = {field: getattr(event, field) for field in given}
    if as_json:
        output.print_json({"event": slug, **terms})
    else:
        click.echo(
            f"Names and addresses are kept for {terms['contact_days']} days after the race, and who got what for "
            f"{terms['fact_months']} months; then totals and opt-outs alone."
        )
