"""``counterfoil key``: signing keys, their turn, and what to do when one has leaked (S80, S84)."""

from typing import TYPE_CHECKING

import click

from counterfoil.cli.endings import agreed, named
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.key_master import master
from counterfoil.cli.key_rehearsal import rehearse
from counterfoil.cli.output import at, print_table
from counterfoil.cli.receipts import Manner, ending_options, leave, tell_guards

if TYPE_CHECKING:
    from counterfoil.cli.key_documents import TurnDocument
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.records.store import Transaction


@click.group()
def key() -> None:
    """Signing keys. The server turns them by itself; this is for when you must."""


key.add_command(master)
key.add_command(rehearse)


@key.command("list")
@installation
def list_keys(call: Invocation) -> None:
    """List the signing keys: next, active, retired, withdrawn, gone."""
    from counterfoil.server.documents.keys import KeyList, documents

    document = KeyList(keys=tuple(call.read(documents)))
    rows = [
        (
            each.kid,
            each.purpose,
            each.algorithm,
            each.state,
            at(each.active_from),
            at(each.retired_at),
        )
        for each in document.keys
    ]
    headers = ("kid", "purpose", "algorithm", "state", "signs from", "until")
    call.show(document, lambda: print_table(headers, rows, empty="There are no keys."))


@key.command("rotate")
@click.option(
    "--purpose",
    type=click.Choice(["tokens", "feed", "tokens_post_quantum"]),
    default="tokens",
    show_default=True,
    help="Which signing key: of tokens, of the notices feed, or of tokens by ML-DSA-65.",
)
@installation
def rotate(call: Invocation, purpose: str) -> None:
    """Let the next key take over as soon as everyone can know it. What was signed stands."""
    from counterfoil.cli.key_documents import signing_kid, turned

    async def action(authority: "Authority") -> "TurnDocument":
        async def work(tx: "Transaction") -> "TurnDocument":
            return await turned(authority.rotation, tx, await signing_kid(tx, purpose))

        return await authority.store.transact(work)

    _show_turn(call, call.run(action))


@key.command("retire", context_settings=takes_id())
@click.argument("kid")
@click.option("--now", "at_once", is_flag=True, help="It has leaked: nothing it signed stands.")
@ending_options
@installation
def retire(call: Invocation, kid: str, *, at_once: bool, manner: Manner) -> None:
    """Let a key retire as soon as its successor is known; with --now end all that it signed."""
    from counterfoil.cli.key_documents import turned

    if at_once:
        _withdraw(call, kid, manner)
        return
    if manner.wait is not None:
        raise click.UsageError("--wait goes with --now: without it nothing ends yet.")

    async def action(authority: "Authority") -> "TurnDocument":
        return await authority.store.transact(lambda tx: turned(authority.rotation, tx, kid))

    _show_turn(call, call.run(action))


def _show_turn(call: Invocation, document: "TurnDocument") -> None:
    def tell() -> None:
        click.echo(f"{document.kid} signs until {at(document.retired_at)}.")
        click.echo(f"Then {document.successor} takes over. What was signed stands.")
        click.echo(f"Notice: {document.notice}")

    call.show(document, tell)


@key.command("withdraw", context_settings=takes_id())
@click.argument("kid")
@ending_options
@installation
def withdraw(call: Invocation, kid: str, *, manner: Manner) -> None:
    """End everything that a key has signed, at once: it has leaked. Another signs from now on."""
    _withdraw(call, kid, manner)


def _withdraw(call: Invocation, kid: str, manner: Manner) -> None:
    from counterfoil.cli.key_documents import withdrawn

    agreed(call, named("key", kid), yes=manner.yes)

    ended = call.run(lambda authority: withdrawn(authority, kid, manner.wait))

    def tell() -> None:
        if ended.withdrawn:
            click.echo(f"Withdrawn: {', '.join(ended.withdrawn)}. {ended.successor} signs now.")
        else:
            click.echo("Nothing was left to end.")
        click.echo(f"Notice: {ended.notice}")
        tell_guards(ended.guards)

    call.show(ended, tell)
    leave(ended.guards)
