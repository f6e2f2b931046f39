"""``counterfoil grant``: what people allowed apps, and taking it back."""

from typing import TYPE_CHECKING

import click

from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import Failure, at, print_table

if TYPE_CHECKING:
    from counterfoil.cli.grant_documents import GrantDocument
    from counterfoil.server.protocol.revocation import Ending
    from counterfoil.server.records.store import Transaction


@click.group()
def grant() -> None:
    """What people allowed apps."""


@grant.command("list")
@click.option("--user", metavar="EMAIL", help="Only of this person.")
@click.option("--client", "client_id", metavar="ID", help="Only for this client.")
@installation
def list_grants(call: Invocation, user: str | None, client_id: str | None) -> None:
    """List what people allow apps at present: one row for each person and app."""
    from counterfoil.cli.grant_documents import GrantList, documents

    async def work(tx: "Transaction") -> "list[GrantDocument]":
        return await documents(tx, user, client_id)

    document = GrantList(grants=tuple(call.read(work)))
    rows = [
        (each.id, each.email, each.client_name, each.scope, str(each.families), at(each.updated_at))
        for each in document.grants
    ]
    headers = ("id", "user", "client", "scope", "families", "allowed")
    call.show(document, lambda: print_table(headers, rows, empty="There are no grants."))


@grant.command("end", context_settings=takes_id())
@click.argument("grant_id")
@installation
def end(call: Invocation, grant_id: str) -> None:
    """Take a permission back, with every token that rests on it."""
    from counterfoil.cli.endings import document_of, tell_ending
    from counterfoil.server.protocol.events import CLI
    from counterfoil.server.protocol.revocation import end_grant

    async def work(tx: "Transaction") -> "Ending":
        if await tx.grants.find(grant_id) is None:
            raise Failure(f"there is no grant {grant_id}")
        return await end_grant(tx, grant_id, CLI)

    document = document_of(call.change(work))
    call.show(document, lambda: tell_ending(f"The grant {grant_id} has ended.", document))
