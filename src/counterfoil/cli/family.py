"""``counterfoil family``: what hangs under one authorization, a refresh token and its tokens."""

from typing import TYPE_CHECKING

import click

from counterfoil.cli.endings import end, named
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import Failure, at, print_table
from counterfoil.cli.receipts import Manner, ending_options

if TYPE_CHECKING:
    from counterfoil.server.documents.families import FamilyDocument
    from counterfoil.server.records.store import Transaction


@click.group()
def family() -> None:
    """What hangs under one authorization: a refresh token and its access tokens."""


@family.command("list", context_settings=takes_id())
@click.argument("grant_id")
@installation
def list_families(call: Invocation, grant_id: str) -> None:
    """List the live families of a grant: one for each authorization, whatever was refreshed."""
    from counterfoil.server.documents.families import FamilyList, documents

    async def work(tx: "Transaction") -> "list[FamilyDocument]":
        if await tx.grants.find(grant_id) is None:
            raise Failure(f"there is no grant {grant_id}")
        return await documents(tx, grant_id)

    document = FamilyList(families=tuple(call.read(work)))
    rows = [
        (
            each.id,
            each.session_id or "offline",
            each.address,
            each.user_agent,
            at(each.last_used_at),
        )
        for each in document.families
    ]
    headers = ("id", "session", "address", "browser", "last used")
    call.show(document, lambda: print_table(headers, rows, empty="There are no live families."))


@family.command("end", context_settings=takes_id())
@click.argument("family_id")
@ending_options
@installation
def end_family(call: Invocation, family_id: str, *, manner: Manner) -> None:
    """End one authorization with all its tokens; its siblings and the permission stand."""
    end(call, named("family", family_id), f"The family {family_id}", manner)
