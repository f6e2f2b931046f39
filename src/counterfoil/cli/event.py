"""``counterfoil event``: who did what, when, from where (S111)."""

from typing import TYPE_CHECKING

import click

from counterfoil.cli.invocation import Invocation, installation
from counterfoil.cli.output import at, print_table

if TYPE_CHECKING:
    from counterfoil.server.records.event import Event
    from counterfoil.server.records.store import Transaction


@click.group()
def event() -> None:
    """What happened: who, what, when, from where."""


@event.command("list")
@click.option("--count", type=click.IntRange(1, 10_000), default=50, show_default=True, metavar="N")
@installation
def list_events(call: Invocation, count: int) -> None:
    """List the newest events, newest first."""

    async def work(tx: "Transaction") -> "list[Event]":
        return await tx.events.latest(count)

    events = call.read(work)
    rows = [
        (
            str(each.number),
            at(each.at),
            each.kind.value,
            each.actor,
            each.subject,
            each.address,
            " ".join(f"{name}={value}" for name, value in each.detail.items()),
        )
        for each in events
    ]
    headers = ("number", "at", "event", "by", "subject", "from", "detail")
    document = {"events": events}
    call.show(document, lambda: print_table(headers, rows, empty="Nothing has happened yet."))
