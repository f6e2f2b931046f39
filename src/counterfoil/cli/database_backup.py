"""``counterfoil database backup`` and ``restore``: what a backup knows, and what ends with it."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from counterfoil.cli.invocation import Invocation, demanding_server, finish, installation
from counterfoil.cli.output import at, counted, printable
from counterfoil.cli.progress import progress

if TYPE_CHECKING:
    from counterfoil.server.moving import Restored
    from counterfoil.server.protocol.restoring import Beginning

_FILE = click.Path(dir_okay=False, path_type=Path)
_LOOK = (
    "What was done after that is not known here, and no server may use the database before you "
    "have looked: disable again the people and clients that were disabled (user disable, client "
    "disable); end again the passwords and secrets that were changed (user end-password, client "
    "rotate-secret); narrow again what clients and APIs may (client update, api update); erase "
    "again who was erased (audit erase). Then: counterfoil database reopen"
)


@click.command()
@click.option("--to", "path", type=_FILE, required=True, metavar="FILE", help="A new file.")
@installation
def backup(call: Invocation, path: Path) -> None:
    """Write everything, as of one moment, to a file. Servers may run meanwhile.

    It opens under the master key only: keep a copy of that too, and apart from the file.
    """
    with demanding_server():
        from counterfoil.server import moving

    with progress() as tell:
        manifest = finish(partial(moving.back_up, call.settings(), path, tell))

    def tell_manifest() -> None:
        rows = sum(each.rows for each in manifest.tables.values())
        click.echo(
            f"Written and verified: {printable(str(path))}, {counted(rows, 'row')} in "
            f"{counted(len(manifest.tables), 'table')}, as of {at(manifest.made_at)}."
        )
        click.echo(f"Notices: {manifest.position}")

    call.show(manifest, tell_manifest)


@click.command()
@click.option("--from", "path", type=_FILE, required=True, metavar="FILE", help="The backup.")
@click.option(
    "--to",
    "where",
    metavar="WHERE",
    help="An empty database, as of `copy`. Default: that of this installation.",
)
@installation
def restore(call: Invocation, path: Path, where: str | None) -> None:
    """Make the database of a backup, where there is none. Nothing comes back that had ended.

    The backup does not know what has ended since, so everything ends: people sign in and agree
    anew, and no token, code or key of before stands. Accounts, clients, APIs and the log are kept.
    """
    with demanding_server():
        from counterfoil.server import moving

    settings = call.settings()
    try:
        place = moving.place_named(where) if where else moving.place_of(settings)
    except moving.MoveRefused as error:
        raise click.UsageError(f"--to: {error}.") from None
    with progress() as tell:
        restored = finish(partial(moving.restore, settings, path, place, tell))
    document = {
        "to": str(place),
        "backup": restored.manifest,
        "ended": restored.beginning.begun,
        "keys_withdrawn": restored.beginning.keys,
        "epoch": restored.beginning.epoch,
    }
    call.show(document, lambda: _tell_restored(str(place), restored))


def _tell_restored(place: str, restored: "Restored") -> None:
    click.echo(f"Restored and verified: {printable(place)}, as of {at(restored.manifest.made_at)}.")
    tell_beginning(restored.beginning)


def tell_beginning(beginning: "Beginning") -> None:
    """Tell a person what ended because it may have ended, and what they must look at."""
    begun = beginning.begun
    click.echo(
        f"Ended: {counted(begun.sessions, 'session')}, {counted(begun.families, 'family')} of "
        f"tokens, {counted(begun.grants, 'permission')}, {counted(begun.codes, 'code')}. "
        f"Withdrawn: {counted(beginning.keys, 'key')}."
    )
    click.echo("Everybody signs in and agrees anew; services ask for new tokens by themselves.")
    click.echo(_LOOK)
