"""``counterfoil key master``: changing the key that seals all others, while servers run (S83)."""

from typing import TYPE_CHECKING

import click

from counterfoil.cli.invocation import Invocation, installation
from counterfoil.cli.output import Failure, counted

if TYPE_CHECKING:
    from counterfoil.server.keys.resealing import Resealing
    from counterfoil.server.protocol.authority import Authority


@click.group()
def master() -> None:
    """The master key, which seals all others. In order: add, reseal, forget.

    Between the steps, bring the file to every machine that serves this installation.
    """


@master.command()
@installation
def add(call: Invocation) -> None:
    """Add a key to the file of the master key. It opens, and seals nothing yet."""

    async def action(authority: "Authority") -> int:
        return _resealing(authority).add()

    number = call.run(action)

    def tell() -> None:
        click.echo(f"The file holds {number} keys now; keep a copy of it.")
        click.echo("Bring it to every machine that serves this installation, then: reseal.")

    call.show({"keys": number}, tell)


@master.command()
@installation
def reseal(call: Invocation) -> None:
    """Seal everything under the newest key of the file; elsewhere, under the first."""

    async def action(authority: "Authority") -> int:
        resealing = _resealing(authority)
        resealing.prefer_newest()
        return await authority.store.transact(resealing.reseal)

    count = call.run(action)

    def tell() -> None:
        click.echo(f"Sealed anew: {counted(count, 'value')}. The keys before still open.")
        click.echo("Bring the file to every machine that serves this installation, then: forget.")

    call.show({"resealed": count}, tell)


@master.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@installation
def forget(call: Invocation, *, yes: bool) -> None:
    """Leave only the first key in the file, after all has been sealed under it."""
    from counterfoil.cli.endings import demand_yes

    demand_yes(
        "All master keys but the present one are forgotten. Copies of the database from before can "
        "only be opened by those.",
        yes=yes,
    )

    async def action(authority: "Authority") -> int:
        resealing = _resealing(authority)
        await authority.store.transact(resealing.reseal)
        forgotten = resealing.forget()
        # A server may have sealed something between the two.
        await authority.store.transact(resealing.reseal)
        return forgotten

    forgotten = call.run(action)
    call.show({"forgotten": forgotten}, lambda: click.echo(f"Forgotten: {forgotten}."))


def _resealing(authority: "Authority") -> "Resealing":
    import secrets

    from counterfoil.server.keys.master_key import MasterKey
    from counterfoil.server.keys.resealing import Resealing

    master_key = authority.rotation.sealing
    if not isinstance(master_key, MasterKey):
        raise Failure("this installation is not sealed by a master key")
    return Resealing(authority.settings, master_key, secrets.token_bytes)
