"""``counterfoil limited``: tokens that work so many times, and what is left of each (S54)."""

from typing import TYPE_CHECKING

import click

from counterfoil.cli.endings import end, named
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import at, print_table
from counterfoil.cli.receipts import Manner, ending_options

if TYPE_CHECKING:
    from counterfoil.server.documents.limited_tokens import LimitedTokenList
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.records.allowance import Owner
    from counterfoil.server.records.store import Transaction


@click.group()
def limited() -> None:
    """Tokens that work so many times."""


@limited.command("list")
@click.option("--user", metavar="EMAIL", help="Those of a person.")
@click.option("--client", "client_id", metavar="ID", help="Those that a client has.")
@installation
def list_tokens(call: Invocation, user: str | None, client_id: str | None) -> None:
    """List the tokens that still stand, the newest first, with what no guard has taken yet."""
    from functools import partial

    from counterfoil.server.documents.limited_tokens import list_of

    if user is None and client_id is None:
        raise click.UsageError("say whose tokens: --user, --client, or both")

    async def action(authority: "Authority") -> "LimitedTokenList":
        owner = await authority.store.read(partial(_owner, user, client_id))
        return await list_of(authority, owner)

    document = call.run(action)
    rows = [
        (
            each.jti,
            each.client_id,
            each.user_id or "the client itself",
            each.audience,
            f"{each.uses_left} of {each.max_uses}",
            at(each.expires_at),
        )
        for each in document.limited_tokens
    ]
    headers = ("jti", "client", "user", "api", "uses left", "until")
    call.show(document, lambda: print_table(headers, rows, empty="There are no limited tokens."))


async def _owner(user: str | None, client_id: str | None, tx: "Transaction") -> "Owner":
    from counterfoil.cli.client_members import find_client
    from counterfoil.cli.people import find_person
    from counterfoil.server.records.allowance import Owner

    subject = (await find_person(tx, user)).id if user is not None else ""
    if client_id is not None:
        await find_client(tx, client_id)
    return Owner(subject, client_id or "")


@limited.command("end", context_settings=takes_id())
@click.argument("jti")
@ending_options
@installation
def end_token(call: Invocation, jti: str, *, manner: Manner) -> None:
    """End a token by its jti, used or not; its siblings stand."""
    end(call, named("token", jti), f"The limited token {jti}", manner)
