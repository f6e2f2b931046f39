"""``counterfoil database status`` and ``migrate``: expand at any time, contract when all agree."""

import time
from functools import partial
from typing import TYPE_CHECKING

import click

from counterfoil.cli.invocation import (
    Invocation,
    demanding_server,
    finish,
    installation,
    nothing_there,
)
from counterfoil.cli.output import Failure, at, counted, print_table

if TYPE_CHECKING:
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.records.server_process import ServerProcess
    from counterfoil.server.settings import Settings
    from counterfoil.server.storage.migration import Ledger, Migration


@click.command()
@installation
def status(call: Invocation) -> None:
    """Show which migrations are applied, which are not, who serves and who may.

    It changes nothing.
    """
    with demanding_server():
        from counterfoil.cli.schema_documents import document_of
        from counterfoil.server.opening import shipped_for

    settings = call.settings()
    document = document_of(_ledger(settings), shipped_for(settings), int(time.time()))

    def tell() -> None:
        headers = ("migration", "kind", "applied")
        rows = [(each.name, each.kind, at(each.applied_at)) for each in document.migrations]
        print_table(headers, rows, empty="There are no migrations.")
        serving = [
            (each.place, each.version, f"{each.knows:04}", "yes" if each.may_serve else "no")
            for each in document.processes
        ]
        click.echo()
        columns = ("serves", "version", "knows", "may serve")
        print_table(columns, serving, empty="No server runs.")
        click.echo(f"\n{document.finding}")

    call.show(document, tell)


@click.command()
@click.option("--contract", is_flag=True, help="Also take away what only older versions use.")
@click.option(
    "--end-older",
    is_flag=True,
    help="With --contract: have servers that need what is taken away end first.",
)
@installation
def migrate(call: Invocation, contract: bool, end_older: bool) -> None:
    """Bring the schema up to date. `serve` does so by itself, but for contracts.

    A contract takes away what older versions use. It is applied only when none of these serves.
    """
    if end_older and not contract:
        raise click.UsageError("--end-older goes with --contract.")
    settings = call.settings()
    before = {each.number for each in _ledger(settings).applied}
    if contract:
        call.run(partial(_contract, end_older=end_older))
    else:
        call.run(_nothing)
    after = _ledger(settings)
    applied = [each.name for each in after.applied if each.number not in before]
    waiting = [each.name for each in _missing(settings, after)]

    def tell() -> None:
        for name in applied:
            click.echo(f"Applied: {name}")
        click.echo(f"{counted(len(applied), 'migration')} applied.")
        if waiting:
            click.echo(
                f"{counted(len(waiting), 'contract')} left: `counterfoil database migrate "
                "--contract`, when no older server runs."
            )

    call.show({"applied": applied, "contracts_left": waiting}, tell)


async def _nothing(_: "Authority") -> None:
    """Whoever opens the installation has brought it up to date, but for contracts."""


async def _contract(authority: "Authority", *, end_older: bool) -> None:
    from counterfoil.server.hub.presence import announce, await_end
    from counterfoil.server.opening import contract_schema, look_at_schema

    ledger = await look_at_schema(authority.settings)
    demands = [each.demand for each in _missing(authority.settings, ledger) if each.demand]
    if not demands:
        return
    older = await authority.store.transact(partial(announce, demands, end_older=end_older))
    if older and not end_older:
        raise Failure(
            f"what would be taken away is in use by {_named(older)}: upgrade or end them first, "
            "or have them end by --end-older; nothing was changed"
        )
    left = await await_end(authority.store, max(each.needs for each in demands))
    if left:
        raise Failure(
            f"still there: {_named(left)}; end them by hand, and then ask again; until then "
            "nothing is taken away, and no older server can start"
        )
    await contract_schema(authority.settings)


def _named(processes: "list[ServerProcess]") -> str:
    names = ", ".join(f"{each.place}, version {each.version}" for each in processes)
    return f"{counted(len(processes), 'older server')} ({names})"


def _missing(settings: "Settings", ledger: "Ledger") -> "list[Migration]":
    from counterfoil.server.opening import shipped_for

    return ledger.missing(shipped_for(settings))


def _ledger(settings: "Settings") -> "Ledger":
    with demanding_server():
        from counterfoil.server.opening import is_made, look_at_schema

    async def look() -> "Ledger":
        if not await is_made(settings):
            raise Failure(nothing_there(settings))
        return await look_at_schema(settings)

    return finish(look)
