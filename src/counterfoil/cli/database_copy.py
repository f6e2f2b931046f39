"""``counterfoil database copy`` and ``reopen``: to another engine or place, and back."""

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import click

from counterfoil.cli.database_backup import tell_beginning
from counterfoil.cli.endings import demand_yes
from counterfoil.cli.invocation import Invocation, demanding_server, finish, installation
from counterfoil.cli.output import counted, printable
from counterfoil.cli.progress import progress

if TYPE_CHECKING:
    from counterfoil.server.moving import Reopened

_SHUTS: Final = (
    "This database is shut, now and for good: servers that run on it answer 503. Its copy lives "
    "on, with every session, token and key."
)
_REOPENS: Final = MappingProxyType(
    {
        "leaving": "This database is used again as if nothing had been. Its copy is of no use.",
        "left": (
            "This database is used again, and not its copy. Everybody signs in and agrees anew, "
            "and every token and key ends: what was spent or ended at the copy is not known here."
        ),
        "held": (
            "Servers may use this database from now on. Whoever was disabled since, and every "
            "password and secret that was changed, is as it was unless you have said it again."
        ),
    }
)


@click.command()
@click.option(
    "--to",
    "where",
    required=True,
    metavar="WHERE",
    help="An empty database: postgresql://…, a data directory, or a file that ends in .db.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@installation
def copy(call: Invocation, where: str, *, yes: bool) -> None:
    """Copy everything to an empty database of either engine; this one is shut for good.

    Sessions, tokens and keys go on there, under the same master key. Ask again with the same --to
    when it was interrupted.
    """
    with demanding_server():
        from counterfoil.server import moving

    settings = call.settings()
    try:
        place = moving.place_named(where)
    except moving.MoveRefused as error:
        raise click.UsageError(f"--to: {error}.") from None
    demand_yes(_SHUTS, yes=yes)
    with progress() as tell:
        copied = finish(partial(moving.copy, settings, place, tell))

    def tell_copied() -> None:
        if not copied.sums:
            click.echo(f"All is there already: {printable(str(place))}")
            return
        rows = sum(each.rows for each in copied.sums.values())
        click.echo(
            f"Copied and verified: {counted(rows, 'row')} in {counted(len(copied.sums), 'table')}."
        )
        click.echo(f"Now serve {printable(str(place))}, with the same master key.")

    call.show({"to": str(place), "tables": copied.sums}, tell_copied)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@installation
def reopen(call: Invocation, *, yes: bool) -> None:
    """Take away the fence: of a database that was restored, or that is to be used after a copy.

    Where the copy was whole, all ends that may have ended there, as by `restore`; then look, and
    ask again. To come back and lose nothing, copy the copy instead.
    """
    with demanding_server():
        from counterfoil.server import moving

    settings = call.settings()
    fence = finish(partial(moving.standing, settings))
    demand_yes(_REOPENS[fence.state], yes=yes)
    reopened = finish(partial(moving.reopen, settings))
    call.show(_document_of(reopened), lambda: _tell_reopened(reopened))


def _document_of(reopened: "Reopened") -> dict[str, object]:
    beginning = reopened.beginning
    ended = beginning.begun if beginning else None
    return {"open": beginning is None, "other": reopened.fence.other, "ended": ended}


def _tell_reopened(reopened: "Reopened") -> None:
    if reopened.beginning is not None:
        click.echo(f"Begun anew. Destroy the copy: {printable(reopened.fence.other)}")
        tell_beginning(reopened.beginning)
    elif reopened.fence.is_held:
        click.echo("Open: servers may use it.")
    else:
        click.echo("Open. The copy was never whole, and nothing had to end. Destroy it: ", nl=False)
        click.echo(printable(reopened.fence.other))
