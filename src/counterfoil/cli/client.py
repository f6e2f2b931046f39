"""``counterfoil client``: register clients and look after their secrets (RFC 7591 §2)."""

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from counterfoil.cli.client_members import (
    backchannel_logout_options,
    exchange_right_option,
    find_client,
    members_in,
    rights_in,
    spelled_out,
    tell_client,
    tell_new_client,
    usual_grant_types,
)
from counterfoil.cli.client_proofs import rotate_secret, set_keys
from counterfoil.cli.endings import Change, end, make, named
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.mint_rights import mint_right
from counterfoil.cli.output import Failure, at, print_table
from counterfoil.cli.policies import changes_in, policy_option
from counterfoil.cli.receipts import (
    AT_ONCE,
    Manner,
    ending_options,
)

if TYPE_CHECKING:
    from counterfoil.oauth.opaque import Secret
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.protocol.endings import Ending
    from counterfoil.server.records.client import Client, ClientSecret
    from counterfoil.server.records.store import Transaction

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_DAY: Final = 24 * 60 * 60


@click.group()
def client() -> None:
    """Apps, services and automations that may ask for tokens."""


@client.command("add")
@click.argument("client_name", metavar="NAME")
@click.option(
    "--grant-type",
    "grant_types",
    multiple=True,
    metavar="TYPE",
    help="authorization_code, refresh_token, client_credentials, device_code or token-exchange; "
    "may be repeated. Default: the first two where there is a --redirect-uri, else the third.",
)
@click.option("--redirect-uri", "redirect_uris", multiple=True, metavar="URI")
@click.option(
    "--post-logout-redirect-uri", "post_logout_redirect_uris", multiple=True, metavar="URI"
)
@click.option("--scope", "scopes", multiple=True, help="Scopes it may ask for; may be repeated.")
@click.option("--public", is_flag=True, help="It cannot keep a secret: a browser or native app.")
@click.option(
    "--jwks",
    type=click.File("rb"),
    help="A file with its public keys (a JWK Set), by which it proves itself; it gets no secret.",
)
@backchannel_logout_options
@exchange_right_option
@click.option("--client-id", help="Its client_id. Default: a random one.")
@policy_option
@installation
def add(
    call: Invocation,
    /,
    *,
    client_id: str | None,
    grant_types: tuple[str, ...],
    scopes: tuple[str, ...],
    policies: tuple[str, ...],
    exchange_rights: tuple[tuple[str, str, str], ...],
    **members: Any,
) -> None:
    """Register a client and print its secret, this once."""
    from counterfoil.server.documents.clients import new_document
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.identifiers import new_handle
    from counterfoil.server.protocol.policies import with_changes
    from counterfoil.server.protocol.registration import add_client
    from counterfoil.server.records.client import Client
    from counterfoil.server.records.policy import ClientPolicy

    if client_id is not None and not _CLIENT_ID.fullmatch(client_id):
        raise click.UsageError("--client-id must be 1 to 128 letters, digits or . _ ~ -")
    changes, development = changes_in(policies), call.settings().development
    given = members_in(members, exchange_rights)
    wanted = spelled_out(grant_types) or usual_grant_types(members["redirect_uris"])

    async def work(tx: "Transaction") -> "tuple[Client, Secret | None]":
        new = Client(
            client_id=client_id or new_handle(tx),
            created_at=tx.now,
            grant_types=wanted,
            scopes=frozenset(" ".join(scopes).split()),
            policy=with_changes(ClientPolicy(), changes),
            **given,
        )
        if await tx.clients.find(new.client_id) is not None:
            raise Failure(f"the client_id {new.client_id} is taken")
        return new, await add_client(tx, new, CLI, development=development)

    document = new_document(*call.change(work, makes=True))
    call.show(document, lambda: tell_new_client(document))


@client.command("update", context_settings=takes_id())
@click.argument("client_id")
@click.option("--name", "client_name", help="What people are told it is.")
@click.option("--grant-type", "grant_types", multiple=True, metavar="TYPE")
@click.option("--redirect-uri", "redirect_uris", multiple=True, metavar="URI")
@click.option(
    "--post-logout-redirect-uri", "post_logout_redirect_uris", multiple=True, metavar="URI"
)
@click.option("--scope", "scopes", multiple=True, help="Scopes it may ask for.")
@backchannel_logout_options
@exchange_right_option
@click.option("--no-exchange-rights", is_flag=True, help="Take all of them back.")
@policy_option
@installation
def update(
    call: Invocation,
    /,
    client_id: str,
    *,
    scopes: tuple[str, ...],
    policies: tuple[str, ...],
    exchange_rights: tuple[tuple[str, str, str], ...],
    no_exchange_rights: bool,
    **members: Any,
) -> None:
    """Change a client. A list that is given takes the place of the one that stands."""
    from msgspec.structs import replace

    from counterfoil.server.documents.clients import document_of
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.policies import with_changes
    from counterfoil.server.protocol.registration import update_client

    changes, development = changes_in(policies), call.settings().development
    members["grant_types"] = spelled_out(members["grant_types"])
    given = {name: value for name, value in members.items() if value not in (None, ())}
    if exchange_rights or no_exchange_rights:
        given["exchange_rights"] = () if no_exchange_rights else rights_in(exchange_rights)
    if scopes:
        given["scopes"] = frozenset(" ".join(scopes).split())

    async def work(tx: "Transaction") -> "Client":
        found = await find_client(tx, client_id)
        wanted = replace(found, **given, policy=with_changes(found.policy, changes))
        return await update_client(tx, wanted, CLI, development=development) or found

    document = document_of(call.change(work))
    call.show(document, lambda: tell_client(document))


@client.command("list")
@installation
def list_clients(call: Invocation) -> None:
    """List the clients."""
    from counterfoil.server.documents.clients import ClientList, document_of

    async def work(tx: "Transaction") -> "list[Client]":
        return await tx.clients.every()

    document = ClientList(clients=tuple(map(document_of, call.read(work))))
    rows = [
        (
            each.client_id,
            each.client_name,
            " ".join(each.grant_types),
            each.scope,
            "disabled" if each.disabled_at else "public" if each.is_public else "confidential",
        )
        for each in document.clients
    ]
    headers = ("client_id", "client_name", "grant_types", "scope", "kind")
    call.show(document, lambda: print_table(headers, rows, empty="There are no clients."))


@client.command("show", context_settings=takes_id())
@click.argument("client_id")
@installation
def show(call: Invocation, client_id: str) -> None:
    """Show a client and when its secrets were used. The secrets themselves are not kept."""
    from counterfoil.server.documents.clients import shown_document

    async def work(tx: "Transaction") -> "tuple[Client, list[ClientSecret]]":
        return await find_client(tx, client_id), await tx.clients.secrets_of(client_id)

    document = shown_document(*call.read(work))

    def tell() -> None:
        tell_client(document)
        rows = [
            (each.id, at(each.created_at), at(each.expires_at), at(each.last_used_at))
            for each in document.secrets
        ]
        click.echo()
        headers = ("secret", "made", "expires", "last used")
        print_table(headers, rows, empty="It has no secrets.")

    call.show(document, tell)


client.add_command(rotate_secret)
client.add_command(set_keys)
client.add_command(mint_right)


@client.command("end", context_settings=takes_id())
@click.argument("client_id")
@ending_options
@installation
def end_tokens(call: Invocation, client_id: str, *, manner: Manner) -> None:
    """End every token of a client, whoever stands behind it. It stays registered."""
    end(call, named("client", client_id), f"Every token of {client_id}", manner)


@client.command("disable", context_settings=takes_id())
@click.argument("client_id")
@ending_options
@installation
def disable(call: Invocation, client_id: str, *, manner: Manner) -> None:
    """Disable a client, and end every token that it holds."""
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.revocation import disable_client

    async def work(_: "Authority", tx: "Transaction", client_id: str) -> "Ending":
        return await disable_client(tx, client_id, CLI)

    find = partial(_id_of, client_id=client_id)
    change = Change("client_disabled", find, work, f"The client {client_id} is disabled.")
    make(call, change, manner)


@client.command("enable", context_settings=takes_id())
@click.argument("client_id")
@installation
def enable(call: Invocation, client_id: str) -> None:
    """Let a disabled client ask for tokens again. Nothing that has ended comes back."""
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.registration import enable_client

    async def work(_: "Authority", tx: "Transaction", client_id: str) -> "Ending":
        return await enable_client(tx, client_id, CLI)

    find = partial(_id_of, client_id=client_id)
    change = Change("client_enabled", find, work, f"The client {client_id} is enabled.")
    make(call, change, AT_ONCE)


async def _id_of(tx: "Transaction", client_id: str) -> str:
    return (await find_client(tx, client_id)).client_id
