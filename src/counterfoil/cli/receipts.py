"""``--wait``: after an ending, until every guard has acknowledged its notice."""

import asyncio
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from counterfoil.cli.output import at, print_table

if TYPE_CHECKING:
    from counterfoil.oauth.feed import Position
    from counterfoil.server.documents.receipts import GuardBehind, GuardsDocument
    from counterfoil.server.protocol.authority import Authority

WAIT: Final = 10
"""Seconds, where ``--wait`` does not say how many."""
LONGEST: Final = 60
NOT_REACHED: Final = 3
"""The exit code where it is done, but not every guard has acknowledged it."""


class Manner(NamedTuple):
    """How something is ended: without being asked (``yes``), and with how many seconds' wait."""

    yes: bool
    wait: int | None


AT_ONCE: Final = Manner(yes=True, wait=None)


def ending_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--yes`` and ``--wait``, as its argument ``manner``."""

    @click.option("--yes", is_flag=True, help="Do not ask.")
    @click.option(
        "--wait",
        type=click.IntRange(0, LONGEST),
        is_flag=False,
        flag_value=str(WAIT),
        metavar="[SECONDS]",
        help="Wait until every guard knows: 10 seconds at most, or so many. To be written last, "
        "or as --wait=SECONDS. Exit code 3 where one does not.",
    )
    @functools.wraps(command)
    def invoked(*arguments: Any, yes: bool, wait: int | None, **rest: Any) -> None:
        command(*arguments, manner=Manner(yes, wait), **rest)

    return invoked


async def guards_at(
    authority: "Authority", position: "Position", wait: int | None
) -> "GuardsDocument | None":
    """Wait for the guards, if that is wanted, and say how it stands with them.

    Ctrl-C ends the waiting alone: what has ended is told, and so is a new secret.
    """
    from counterfoil.server.documents.receipts import document_of
    from counterfoil.server.protocol.waiting import Acknowledged, wait_for

    if wait is None:
        return None
    try:
        standing = await wait_for(authority.store, position, wait)
    except asyncio.CancelledError:
        standing = Acknowledged(reached=False)
    return document_of(standing, position)


def tell_guards(document: "GuardsDocument | None") -> None:
    """Tell a person how it stands with the guards."""
    if document is None:
        return
    connected = document.known + document.anonymous
    late = len(document.behind) + len(document.lost) + document.not_named
    if document.reached and not connected:
        click.echo("No guard is connected.")
    elif document.reached:
        whoever = "the one that is connected has" if connected == 1 else f"all {connected} have"
        click.echo(f"Guards: {whoever} acknowledged it.")
    elif not late:
        click.echo("Guards: it is not known how it stands with them.")
    else:
        known = max(connected + len(document.lost), late)
        click.echo(f"Guards: {late} of {known} may still decide by what they knew.")
        rows = [_row(each, each.acknowledged or "") for each in document.behind]
        rows += [_row(each, "(line broke)") for each in document.lost]
        if rows:
            print_table(("guard", "address", "holds", "then", "at the latest"), rows, empty="")
    if document.not_named:
        click.echo(f"{document.not_named} of them cannot be named here.")
    if document.carried:
        click.echo("Guards that follow by NATS are not counted: nobody can wait for them.")


def leave(document: "GuardsDocument | None") -> None:
    """End the command with an exit code of its own where a guard has not acknowledged."""
    if document is not None and not document.reached:
        click.get_current_context().exit(NOT_REACHED)


def _row(guard: "GuardBehind", holds: str) -> tuple[str, str, str, str, str]:
    who = guard.client_id or "(anonymous)"
    return who, guard.address, holds, guard.then, at(guard.policy_bites_at)
