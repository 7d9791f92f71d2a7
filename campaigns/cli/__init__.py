"""The `aidstation` command: a module a noun, each loaded only when it is called."""

from importlib import import_module

import click

COMMANDS = {
    "bench": "bench.cli",
    "backup": "campaigns.cli.recovery",
    "alert": "campaigns.cli.alert",
    "audit": "campaigns.cli.audit",
    "campaign": "campaigns.cli.campaign",
    "check": "campaigns.cli.check",
    "deliveries": "campaigns.cli.status",
    "demo": "campaigns.cli.demo",
    "down": "campaigns.cli.servers",
    "entrants": "campaigns.cli.entrants",
    "event": "campaigns.cli.event",
    "inbox": "campaigns.cli.inbox",
    "migrate": "campaigns.cli.servers",
    "reconcile": "campaigns.cli.recovery",
    "restore": "campaigns.cli.recovery",
    "notices": "campaigns.cli.notices",
    "rehearse": "campaigns.cli.rehearse",
    "run": "campaigns.cli.run",
    "status": "campaigns.cli.status",
    "suppress": "campaigns.cli.suppress",
    "template": "campaigns.cli.preview",
    "token": "campaigns.cli.token",
    "up": "campaigns.cli.servers",
    "user": "campaigns.cli.user",
    "watch": "campaigns.cli.watch",
}


class Nouns(click.Group):
    """Imports a command's module when it is needed: Django and its models are not loaded to print a help text."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[name]), name)
        return command


@click.group(cls=Nouns, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="aidstation")
def main() -> None:
    """Health messages that reach every runner at the right point before and after race day."""
