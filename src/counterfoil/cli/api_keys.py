"""``counterfoil api key``: what the tokens of an API are encrypted to (RFC 7516, S68)."""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

from counterfoil.cli.endings import demand_yes
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import Failure, at, print_table
from counterfoil.cli.receipts import Manner, ending_options, guards_at, leave, tell_guards

if TYPE_CHECKING:
    from counterfoil.jose.encryption_keys import PrivateEncryptionKey, PublicEncryptionKey
    from counterfoil.server.documents.apis import ApiDocument
    from counterfoil.server.documents.encryption_keys import NewEncryptionKeyDocument
    from counterfoil.server.documents.endings import EndingDocument
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.protocol.events import Actor
    from counterfoil.server.protocol.revocation import Ending
    from counterfoil.server.records.api import Api
    from counterfoil.server.records.store import Transaction, Work

_LONGEST: Final = 16 * 1024
_WITHDRAWS: Final = (
    "The key is forgotten, and every token of its API ends, if any was encrypted to it."
)


@click.group("key")
def api_key() -> None:
    """Keys that an API's tokens are encrypted to."""


@api_key.command("add")
@click.argument("uri")
@click.option("--shared", is_flag=True, help="Draw a secret that server and guards share.")
@click.option("--jwk", type=click.File("rb"), help="The public key of a pair that is there: a JWK.")
@click.option(
    "--curve",
    type=click.Choice(["P-256", "X25519"]),
    default="X25519",
    show_default=True,
    help="On which curve a new pair is made.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what the guards need into a new file that nobody else may read. Default: print it.",
)
@installation
def add(
    call: Invocation,
    uri: str,
    *,
    shared: bool,
    jwk: IO[bytes] | None,
    curve: str,
    out: Path | None,
) -> None:
    """Add a key: a new pair, a shared secret, or a public key that is there.

    What the guards need is shown this once. Nothing is encrypted to it before it is activated.
    """
    if jwk is not None and (shared or out is not None):
        raise click.UsageError("--jwk is a public key: it goes with neither --shared nor --out")
    pair = None if shared or jwk is not None else _new_pair(curve)
    given = pair.public if pair is not None else jwk.read(_LONGEST) if jwk is not None else None
    with _new_file(out) as write:
        document = call.run(partial(_added, uri=uri, given=given))
        secret = pair.as_jwk() if pair is not None else document.secret
        is_written = secret is not None and write is not None
        if write is not None and secret is not None:
            write(secret)
    _tell_new(call, document, None if is_written else secret, out)


@contextmanager
def _new_file(path: Path | None) -> Iterator[Callable[[object], object] | None]:
    """Make a file for what is secret, before anything is changed; it goes if that fails.

    One that is there already is left alone.
    """
    from msgspec import json

    if path is None:
        yield None
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        try:
            yield lambda secret: file.write(json.encode(secret) + b"\n")
        except BaseException:
            path.unlink()
            raise


def _new_pair(curve: str) -> "PrivateEncryptionKey":
    from counterfoil.jose.encryption_keys import PrivateEncryptionKey

    return PrivateEncryptionKey.generate(curve)


async def _added(
    authority: "Authority", uri: str, given: "PublicEncryptionKey | bytes | None"
) -> "NewEncryptionKeyDocument":
    from counterfoil.server.documents.encryption_keys import new_document
    from counterfoil.server.protocol import encryption_keys
    from counterfoil.server.protocol.events import CLI

    public = encryption_keys.public_key_in(given) if isinstance(given, bytes) else given

    async def work(tx: "Transaction") -> "NewEncryptionKeyDocument":
        api = await _find(tx, uri)
        if public is not None:
            return new_document(await encryption_keys.add_public_key(tx, api, public, CLI), None)
        sealing = authority.rotation.sealing
        return new_document(*await encryption_keys.add_shared_secret(tx, api, sealing, CLI))

    return await authority.store.transact(work)


def _tell_new(
    call: Invocation,
    document: "NewEncryptionKeyDocument",
    secret: object,
    out: Path | None,
) -> None:
    from msgspec import json
    from msgspec.structs import replace

    def tell() -> None:
        click.echo(f"The key {document.kid} is added. Nothing is encrypted to it yet.")
        if out is not None:
            click.echo(f"What the guards need is in {out}: it is nowhere else.")
        elif secret is not None:
            click.echo("Give this to the guards of the API; it is not shown again:")
            click.echo(json.encode(secret).decode())

    call.show(replace(document, secret=secret), tell)


@api_key.command("list")
@click.argument("uri")
@installation
def list_keys(call: Invocation, uri: str) -> None:
    """List the keys of an API: next, active, retired."""
    from counterfoil.server.documents.apis import document_of

    _tell_api(call, document_of(call.read(partial(_find, uri=uri))))


@api_key.command("activate", context_settings=takes_id())
@click.argument("uri")
@click.argument("kid")
@installation
def activate(call: Invocation, uri: str, kid: str) -> None:
    """Encrypt to a key from now on: every guard has it. The one before it retires."""
    from counterfoil.server.protocol import encryption_keys

    _turn(call, uri, kid, encryption_keys.activate)


@api_key.command("retire", context_settings=takes_id())
@click.argument("uri")
@click.argument("kid")
@installation
def retire(call: Invocation, uri: str, kid: str) -> None:
    """Encrypt to the active key no more, where its API asks for no encryption."""
    from counterfoil.server.protocol import encryption_keys

    _turn(call, uri, kid, encryption_keys.retire)


def _turn(
    call: Invocation,
    uri: str,
    kid: str,
    turn: "Callable[[Transaction, Api, str, Actor], Awaitable[object]]",
) -> None:
    from counterfoil.server.protocol.events import CLI

    async def work(tx: "Transaction") -> "Api":
        await turn(tx, await _find(tx, uri), kid, CLI)
        return await _find(tx, uri)

    _show_changed(call, work)


@api_key.command("withdraw", context_settings=takes_id())
@click.argument("uri")
@click.argument("kid")
@ending_options
@installation
def withdraw(call: Invocation, uri: str, kid: str, *, manner: Manner) -> None:
    """Forget a key that has leaked, and end every token of its API."""
    from counterfoil.server.documents.endings import document_of
    from counterfoil.server.protocol import encryption_keys
    from counterfoil.server.protocol.events import CLI

    demand_yes(_WITHDRAWS, yes=manner.yes)

    async def work(tx: "Transaction") -> "Ending":
        return await encryption_keys.withdraw(tx, await _find(tx, uri), kid, CLI)

    async def action(authority: "Authority") -> "EndingDocument":
        ending = await authority.store.transact(work)
        return document_of(ending, await guards_at(authority, ending.position, manner.wait))

    document = call.run(action)

    def tell() -> None:
        click.echo(f"The key {kid} is withdrawn. Until another is active the API gets no tokens.")
        click.echo(f"Notice: {document.notice}")
        tell_guards(document.guards)

    call.show(document, tell)
    leave(document.guards)


def _show_changed(call: Invocation, work: "Work[Api]") -> None:
    from counterfoil.server.documents.apis import document_of

    async def action(authority: "Authority") -> "Api":
        return await authority.store.transact(work)

    _tell_api(call, document_of(call.run(action)))


def _tell_api(call: Invocation, document: "ApiDocument") -> None:
    rows = [
        (each.kid, each.alg, each.state, at(each.active_from), at(each.retired_at))
        for each in document.encryption_keys
    ]
    headers = ("kid", "algorithm", "state", "active from", "until")
    empty = "The API has no keys: its tokens are not encrypted."
    call.show(document, lambda: print_table(headers, rows, empty=empty))


async def _find(tx: "Transaction", uri: str) -> "Api":
    found = await tx.apis.find(uri)
    if found is None:
        raise Failure(f"there is no API {uri}")
    return found
