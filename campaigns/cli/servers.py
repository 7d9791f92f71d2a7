"""`aidstation up`, `down` and `migrate`: the embedded servers and the tables, by themselves."""

import click

from campaigns.cli import embedded, output, ready


@click.command()
@output.json_option
def up(as_json: bool) -> None:
    """Start the embedded Postgres and Valkey (those that the environment does not name) and leave them running."""
    servers = ready.prepare(migrate=True)
    if as_json:
        output.print_json(
            {"database_url": servers.database_url, "redis_url": servers.redis_url, "started": servers.started}
        )
    else:
        click.echo(f"Running under {ready.home()}: {', '.join(embedded.running(ready.home())) or 'nothing'}.")


@click.command()
@output.json_option
def down(as_json: bool) -> None:
    """Stop the embedded servers."""
    stopped = embedded.stop(ready.home())
    if as_json:
        output.print_json({"stopped": stopped})
    else:
        click.echo(f"Stopped {' and '.join(stopped)}." if stopped else "Nothing was running.")


@click.command()
def migrate() -> None:
    """Bring the database's tables up to date."""
    ready.prepare(migrate=True)
    click.echo("The tables are up to date.")
