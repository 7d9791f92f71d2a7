"""Makes a command ready: servers up, environment set, Django loaded, tables there, keys right."""

import os
from pathlib import Path

import click
from django.core.exceptions import ImproperlyConfigured

from campaigns.cli.embedded import Servers, ServersError, ensure
from campaigns.cli.output import NotReady
from config import environment


def home() -> Path:
    """Where embedded data lives: AIDSTATION_HOME, else `var` in the current folder."""
    return Path(os.environ.get("AIDSTATION_HOME") or "var").resolve()


def connect() -> Servers:
    """Starts or finds the servers that the environment does not name, and names them in it."""
    try:
        servers = ensure(home(), given(), say=lambda line: click.echo(line, err=True))
    except (ServersError, ImproperlyConfigured) as error:
        raise NotReady(str(error)) from error
    os.environ["AIDSTATION_HOME"] = str(home())
    os.environ["DATABASE_URL"] = servers.database_url
    os.environ["REDIS_URL"] = servers.redis_url
    return servers


def given() -> dict[str, str]:
    """The servers that the environment names, in a variable or in the file that NAME_FILE names."""
    return {name: environment.text(name) for name in ("DATABASE_URL", "REDIS_URL")}


def prepare(*, migrate: bool = False) -> Servers:
    """Everything a command needs before it may import models. Embedded databases are migrated as needed;
    a database of your own only when `migrate` is set."""
    embedded = not given()["DATABASE_URL"]
    servers = prepare_without_tables()
    _ready_tables(may_migrate=migrate or embedded)
    return servers


def prepare_without_tables() -> Servers:
    """What `prepare` does, for a database that may hold nothing yet."""
    servers = connect()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    _set_up_django()
    return servers


def _set_up_django() -> None:
    import django

    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise NotReady(str(error)) from error


def _ready_tables(*, may_migrate: bool) -> None:
    from django.core.management import call_command
    from django.db import OperationalError, connection
    from django.db.migrations.executor import MigrationExecutor

    from campaigns import addresses

    try:
        executor = MigrationExecutor(connection)
    except OperationalError as error:
        raise NotReady(
            "Postgres does not answer at DATABASE_URL: check the address and that it runs."
        ) from error
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        if not may_migrate:
            raise NotReady("The database's tables are not up to date: run `aidstation migrate`.")
        call_command("migrate", interactive=False, verbosity=0)
    try:
        addresses.check_key()
    except addresses.KeyChanged as error:
        raise NotReady(str(error)) from error
