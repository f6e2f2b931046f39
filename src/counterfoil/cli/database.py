"""``counterfoil database``: its schema, who may serve, and how a newer version takes over."""

import click

from counterfoil.cli.database_schema import migrate, status


@click.group()
def database() -> None:
    """Look after the database. Servers may run meanwhile."""


for command in (status, migrate):
    database.add_command(command)
