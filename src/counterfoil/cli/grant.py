"""``counterfoil grant``: what people allowed apps, and taking it back."""

from typing import TYPE_CHECKING

import click

from counterfoil.cli.endings import end, named, yes_option
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import at, print_table

if TYPE_CHECKING:
    from counterfoil.cli.grant_documents import GrantDocument
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
@yes_option
@installation
def end_grant(call: Invocation, grant_id: str, *, yes: bool) -> None:
    """Take a permission back, with every token that rests on it."""
    end(call, named("grant", grant_id), f"The grant {grant_id}", yes=yes)


@grant.command("sign-out", context_settings=takes_id())
@click.argument("grant_id")
@yes_option
@installation
def sign_out(call: Invocation, grant_id: str, *, yes: bool) -> None:
    """Sign a person out of an app everywhere; the permission stays."""
    end(call, named("app_sessions", grant_id), f"Every session under the grant {grant_id}", yes=yes)
