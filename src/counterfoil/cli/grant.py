"""``counterfoil grant``: what people allowed apps, and taking it back."""

from typing import TYPE_CHECKING

import click

from counterfoil.cli.endings import end, named
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import Failure, at, print_table
from counterfoil.cli.receipts import Manner, ending_options

if TYPE_CHECKING:
    from datetime import datetime

    from counterfoil.server.documents.grants import GrantDocument
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
    from counterfoil.cli.people import find_person
    from counterfoil.server.documents.grants import GrantList, documents

    async def work(tx: "Transaction") -> "list[GrantDocument]":
        user_id = None if user is None else (await find_person(tx, user)).id
        if client_id is not None and await tx.clients.find(client_id) is None:
            raise Failure(f"there is no client {client_id}")
        return await documents(tx, user_id, client_id)

    document = GrantList(grants=tuple(call.read(work)))
    rows = [
        (
            each.id,
            each.email,
            each.client_name,
            each.scope,
            str(each.families),
            at(each.updated_at),
            at(each.ends_at),
        )
        for each in document.grants
    ]
    headers = ("id", "user", "client", "scope", "families", "allowed", "until")
    call.show(document, lambda: print_table(headers, rows, empty="There are no grants."))


@grant.command("limit", context_settings=takes_id())
@click.argument("grant_id")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
    metavar="DATE",
    help="The end of it, in UTC: 2027-01-31, or 2027-01-31T12:00:00Z.",
)
@click.option("--never", is_flag=True, help="It stands until the person takes it back.")
@installation
def limit(call: Invocation, grant_id: str, *, until: "datetime | None", never: bool) -> None:
    """Give a permission another end date. What would outlive it ends at once."""
    from datetime import UTC

    from counterfoil.server.documents.grants import LimitedGrant, document_of
    from counterfoil.server.protocol.end_dates import limit_grant
    from counterfoil.server.protocol.events import CLI

    if (until is None) is not never:
        raise click.UsageError("give either --until or --never")
    ends_at = None if until is None else int(until.replace(tzinfo=UTC).timestamp())

    async def work(tx: "Transaction") -> LimitedGrant:
        found = await tx.grants.find(grant_id)
        if found is None or not found.is_live(tx.now):
            raise Failure(f"there is no grant {grant_id}")
        if ends_at is not None and ends_at <= tx.now:
            raise Failure("that has passed: `counterfoil grant end` ends it now")
        ended = await limit_grant(tx, found, ends_at, CLI)
        changed = await tx.grants.find(grant_id) or found
        return LimitedGrant(grant=await document_of(tx, changed), families_ended=ended)

    document = call.change(work)

    def tell() -> None:
        end = f"on {at(ends_at)}" if ends_at is not None else "when the person takes it back"
        click.echo(f"The grant {grant_id} ends {end}.")
        if document.families_ended:
            click.echo(f"Ended at once: {document.families_ended} families of tokens.")

    call.show(document, tell)


@grant.command("end", context_settings=takes_id())
@click.argument("grant_id")
@ending_options
@installation
def end_grant(call: Invocation, grant_id: str, *, manner: Manner) -> None:
    """Take a permission back, with every token that rests on it."""
    end(call, named("grant", grant_id), f"The grant {grant_id}", manner)


@grant.command("sign-out", context_settings=takes_id())
@click.argument("grant_id")
@ending_options
@installation
def sign_out(call: Invocation, grant_id: str, *, manner: Manner) -> None:
    """Sign a person out of an app everywhere; the permission stays."""
    end(call, named("app_sessions", grant_id), f"Every session under the grant {grant_id}", manner)
