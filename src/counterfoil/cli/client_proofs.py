"""``counterfoil client rotate-secret`` and ``set-keys``: by what a client proves itself."""

from functools import partial
from typing import IO, TYPE_CHECKING, Final

import click

from counterfoil.cli.client_members import find_client, keys_in, tell_client, tell_new_client
from counterfoil.cli.endings import demand_yes
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import Failure
from counterfoil.cli.receipts import Manner, ending_options, guards_at, leave, tell_guards

if TYPE_CHECKING:
    from counterfoil.oauth.feed import Position
    from counterfoil.oauth.opaque import Secret
    from counterfoil.server.documents.clients import KeyedClientDocument, RotatedSecretDocument
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.records.client import Client
    from counterfoil.server.records.store import Transaction

_DAY: Final = 24 * 60 * 60


@click.command("rotate-secret", context_settings=takes_id())
@click.argument("client_id")
@click.option(
    "--overlap",
    type=click.IntRange(0, 365 * _DAY),
    default=_DAY,
    show_default="86400, a day",
    metavar="SECONDS",
    help="How long the secret before stays good; 0 ends it at once.",
)
@ending_options
@installation
def rotate_secret(call: Invocation, client_id: str, overlap: int, *, manner: Manner) -> None:
    """Give a client a new secret and print it, this once; --overlap 0 ends all its tokens."""
    from counterfoil.server.documents.clients import new_document, rotated_document
    from counterfoil.server.protocol import registration
    from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
    from counterfoil.server.protocol.events import CLI

    if not call.read(partial(find_client, client_id=client_id)).has_secret:
        raise Failure(f"the client {client_id} has no secret: it is public, or has keys")
    if not overlap:
        demand_yes(CONSEQUENCES[Cause.SECRET_REPLACED].sentence, yes=manner.yes)

    async def work(tx: "Transaction") -> "tuple[Client, Secret | None, Position]":
        found = await find_client(tx, client_id)
        secret = await registration.rotate_secret(tx, client_id, overlap, CLI)
        return found, secret, (await tx.notices.head())[0]

    async def action(authority: "Authority") -> "RotatedSecretDocument":
        found, secret, position = await authority.store.transact(work)
        guards = await guards_at(authority, position, manner.wait)
        return rotated_document(new_document(found, secret), position, guards)

    document = call.run(action)

    def tell() -> None:
        tell_new_client(document)
        still = f"stays good for {overlap} seconds" if overlap else "has ended with every token"
        click.echo(f"The secret before it {still}.")
        click.echo(f"Notice: {document.notice}")
        tell_guards(document.guards)

    call.show(document, tell)
    leave(document.guards)


@click.command("set-keys", context_settings=takes_id())
@click.argument("client_id")
@click.argument("jwks", type=click.File("rb"))
@ending_options
@installation
def set_keys(call: Invocation, client_id: str, jwks: IO[bytes], *, manner: Manner) -> None:
    """Give a client the public keys of a file (a JWK Set) in place of those before."""
    from counterfoil.server.documents.clients import keyed_document
    from counterfoil.server.protocol import key_registration
    from counterfoil.server.protocol.consequences import CONSEQUENCES
    from counterfoil.server.protocol.events import CLI

    keys = keys_in(jwks)
    cause = key_registration.cause_of(call.read(partial(find_client, client_id=client_id)), keys)
    demand_yes(CONSEQUENCES[cause].sentence, yes=manner.yes)

    async def work(tx: "Transaction") -> "tuple[Client, Position]":
        found = await find_client(tx, client_id)
        ending = await key_registration.set_keys(tx, found, keys, CLI)
        return await find_client(tx, client_id), ending.position

    async def action(authority: "Authority") -> "KeyedClientDocument":
        found, position = await authority.store.transact(work)
        return keyed_document(found, position, await guards_at(authority, position, manner.wait))

    document = call.run(action)

    def tell() -> None:
        tell_client(document)
        click.echo(f"Notice: {document.notice}")
        tell_guards(document.guards)

    call.show(document, tell)
    leave(document.guards)
