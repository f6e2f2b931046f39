"""``counterfoil remembered``: browsers that are remembered when their session is over."""

from typing import TYPE_CHECKING

import click

from counterfoil.cli.endings import end, named
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import at, print_table
from counterfoil.cli.receipts import Manner, ending_options

if TYPE_CHECKING:
    from counterfoil.server.documents.remembered_browsers import RememberedBrowserList
    from counterfoil.server.records.store import Transaction


@click.group()
def remembered() -> None:
    """Browsers that are remembered when their session is over."""


@remembered.command("list")
@click.argument("user", metavar="EMAIL")
@installation
def list_remembered(call: Invocation, user: str) -> None:
    """List the browsers that are remembered for a person, the last used first."""
    from counterfoil.cli.people import find_person
    from counterfoil.server.documents.remembered_browsers import list_of

    async def work(tx: "Transaction") -> "RememberedBrowserList":
        return await list_of(tx, (await find_person(tx, user)).id)

    document = call.read(work)
    rows = [
        (each.id, each.address, each.user_agent, at(each.last_used_at), at(each.expires_at))
        for each in document.remembered_browsers
    ]
    headers = ("id", "address", "browser", "last used", "until")
    call.show(document, lambda: print_table(headers, rows, empty="No browser is remembered."))


@remembered.command("end", context_settings=takes_id())
@click.argument("remembered_id", metavar="ID")
@ending_options
@installation
def end_remembered(call: Invocation, remembered_id: str, *, manner: Manner) -> None:
    """Forget a browser, and sign it out, with the tokens of apps that came from it."""
    end(call, named("remembered", remembered_id), f"The browser {remembered_id}", manner)
