"""``counterfoil database``: its schema and who may serve; copied elsewhere, backed up, restored."""

import click

from counterfoil.cli.database_backup import backup, restore
from counterfoil.cli.database_copy import copy, reopen
from counterfoil.cli.database_schema import migrate, status


@click.group()
def database() -> None:
    """Look after the database: who may serve, copies elsewhere, backups."""


for command in (status, migrate, copy, reopen, backup, restore):
    database.add_command(command)
