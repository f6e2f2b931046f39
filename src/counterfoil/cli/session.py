"""``counterfoil session``: browsers that are signed in."""

from typing import TYPE_CHECKING

import click

from counterfoil.cli.endings import end, named
from counterfoil.cli.invocation import Invocation, installation, takes_id
from counterfoil.cli.output import at, print_table
from counterfoil.cli.receipts import Manner, ending_options

if TYPE_CHECKING:
    from counterfoil.server.documents.sessions import SessionDocument
    from counterfoil.server.records.store import Transaction


@click.group()
def session() -> None:
    """Browsers that are signed in."""


@session.command("list")
@click.option("--user", metavar="EMAIL", help="Only of this person.")
@installation
def list_sessions(call: Invocation, user: str | None) -> None:
    """List the browsers that are signed in at present, newest first."""
    from counterfoil.cli.people import find_person
    from counterfoil.server.documents.sessions import SessionList, documents

    idle_limit = call.settings().session_idle_lifetime

    async def work(tx: "Transaction") -> "list[SessionDocument]":
        user_id = None if user is None else (await find_person(tx, user)).id
        return await documents(tx, user_id, idle_limit)

    document = SessionList(sessions=tuple(call.read(work)))
    rows = [
        (each.id, each.email, each.address, each.user_agent, each.style, at(each.last_used_at))
        for each in document.sessions
    ]
    headers = ("id", "user", "address", "browser", "style", "last used")
    call.show(document, lambda: print_table(headers, rows, empty="Nobody is signed in."))


@session.command("end", context_settings=takes_id())
@click.argument("session_id")
@ending_options
@installation
def end_session(call: Invocation, session_id: str, *, manner: Manner) -> None:
    """Sign a browser out, with the tokens of apps that came from it; offline ones stand."""
    end(call, named("session", session_id), f"The session {session_id}", manner)
