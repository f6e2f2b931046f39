"""``counterfoil client mint-right``: for whom a client may mint; given and withdrawn (S58)."""

from functools import partial
from typing import TYPE_CHECKING, Final

import click

from counterfoil.cli.client_members import find_client
from counterfoil.cli.endings import demand_yes
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import Failure, at, print_fields, print_table
from counterfoil.cli.receipts import Manner, ending_options, guards_at, leave, tell_guards

if TYPE_CHECKING:
    from datetime import datetime

    from counterfoil.server.documents.endings import EndingDocument
    from counterfoil.server.documents.mint_rights import MintRightDocument, MintRightList
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.protocol.mint_rights import NewMintRight
    from counterfoil.server.protocol.revocation import Ending
    from counterfoil.server.records.mint_right import MintRight
    from counterfoil.server.records.store import Transaction

_HOUR: Final = 60 * 60


@click.group("mint-right")
def mint_right() -> None:
    """Rights of clients to mint tokens for people."""


@mint_right.command("give", context_settings=takes_id())
@click.argument("client_id")
@click.option("--user", "users", multiple=True, metavar="EMAIL", help="For this person.")
@click.option("--any-user", is_flag=True, help="For everybody, those who will come included.")
@click.option(
    "--api",
    "apis",
    type=(str, str),
    multiple=True,
    required=True,
    metavar="URI SCOPE",
    help="An API, and scopes of it; may be repeated.",
)
@click.option(
    "--longest",
    type=click.IntRange(1, 30 * 24 * _HOUR),
    default=_HOUR,
    show_default="3600, an hour",
    metavar="SECONDS",
    help="The greatest lifetime of a token.",
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    required=True,
    metavar="DATE",
    help="The end of the right, in UTC: 2027-01-31, or 2027-01-31T12:00:00Z.",
)
@installation
def give(
    call: Invocation,
    client_id: str,
    *,
    users: tuple[str, ...],
    any_user: bool,
    apis: tuple[tuple[str, str], ...],
    longest: int,
    until: "datetime",
) -> None:
    """Let a client mint tokens for people. Each of them sees it in their account."""
    from datetime import UTC

    from counterfoil.oauth.access import scopes_in
    from counterfoil.server.protocol.mint_rights import NewMintRight

    wanted = NewMintRight(
        client_id=client_id,
        apis={uri: scopes_in(scope) for uri, scope in apis},
        longest=longest,
        ends_at=int(until.replace(tzinfo=UTC).timestamp()),
        any_user=any_user,
    )
    document = call.change(partial(_given, wanted, users))
    call.show(document, lambda: _tell(document))


async def _given(
    wanted: "NewMintRight", users: tuple[str, ...], tx: "Transaction"
) -> "MintRightDocument":
    from msgspec.structs import replace

    from counterfoil.cli.people import find_person
    from counterfoil.server.documents.mint_rights import document_of
    from counterfoil.server.protocol import mint_rights
    from counterfoil.server.protocol.events import CLI

    named = tuple([(await find_person(tx, each)).id for each in users])
    right = await mint_rights.give(tx, replace(wanted, users=named), CLI)
    if right is None:
        raise Failure(f"there is no client {wanted.client_id}")
    return await document_of(tx, right)


@mint_right.command("list", context_settings=takes_id())
@click.argument("client_id")
@installation
def list_rights(call: Invocation, client_id: str) -> None:
    """List for whom a client may mint."""
    from counterfoil.server.documents.mint_rights import documents

    async def work(tx: "Transaction") -> "MintRightList":
        await find_client(tx, client_id)
        return await documents(tx, client_id)

    document = call.read(work)
    rows = [
        (each.id, _users_of(each), _apis_of(each), str(each.longest), at(each.ends_at))
        for each in document.mint_rights
    ]
    headers = ("id", "users", "apis", "longest", "until")
    empty = f"The client {client_id} may mint for nobody but itself."
    call.show(document, lambda: print_table(headers, rows, empty=empty))


@mint_right.command("withdraw", context_settings=takes_id())
@click.argument("right_id")
@ending_options
@installation
def withdraw(call: Invocation, right_id: str, *, manner: Manner) -> None:
    """Withdraw a right to mint, with every token that was made by it."""
    from counterfoil.server.documents.endings import document_of
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.revocation import withdraw_right

    found = call.read(partial(_find, right_id))
    sentence = (
        f"The client {found.client_id} loses a right to mint, and every token that it has made by "
        "it ends."
    )
    demand_yes(sentence, yes=manner.yes)

    async def work(tx: "Transaction") -> "Ending":
        return await withdraw_right(tx, right_id, CLI)

    async def action(authority: "Authority") -> "EndingDocument":
        ending = await authority.store.transact(work)
        return document_of(ending, await guards_at(authority, ending.position, manner.wait))

    document = call.run(action)

    def tell() -> None:
        click.echo(f"The right {right_id} is withdrawn.")
        click.echo(
            f"Ended: {document.families_ended} families of tokens. Notice: {document.notice}"
        )
        tell_guards(document.guards)

    call.show(document, tell)
    leave(document.guards)


async def _find(right_id: str, tx: "Transaction") -> "MintRight":
    found = await tx.mint_rights.find(right_id)
    if found is None:
        raise Failure(f"there is no right to mint {right_id}")
    return found


def _tell(document: "MintRightDocument") -> None:
    print_fields(
        (
            ("id", document.id),
            ("client_id", document.client_id),
            ("users", _users_of(document)),
            ("apis", _apis_of(document)),
            ("longest", f"{document.longest} seconds"),
            ("until", at(document.ends_at)),
        )
    )


def _users_of(document: "MintRightDocument") -> str:
    return "any" if document.users is None else " ".join(document.users)


def _apis_of(document: "MintRightDocument") -> str:
    return "; ".join(f"{uri} {' '.join(scopes)}" for uri, scopes in document.apis.items())
