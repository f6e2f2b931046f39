"""``counterfoil event``: who did what to whom, when, from where, with what proof (S111)."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from counterfoil.cli.invocation import Invocation, installation
from counterfoil.cli.output import at, print_table

if TYPE_CHECKING:
    from counterfoil.server.records.event import Event, EventKind, EventQuery
    from counterfoil.server.records.store import Transaction


@click.group()
def event() -> None:
    """What happened: who, what to whom, when, from where, with what proof."""


@event.command("list")
@click.option("--kind", metavar="WORD", help="Only of this kind, such as family_ended.")
@click.option("--actor", metavar="NAME", help="Only by user:ID, client:ID, cli or janitor.")
@click.option(
    "--subject", metavar="ID", help="Only what was done to this, or concerns this person."
)
@click.option(
    "--user", "person", metavar="EMAIL", help="Only what this person did or what concerns them."
)
@click.option(
    "--since", metavar="TIME", help="Only since then: 2026-01-31, or 2026-01-31T08:00 (UTC)."
)
@click.option(
    "--limit",
    "--count",
    "limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
@installation
def list_events(call: Invocation, /, **asked: Any) -> None:
    """List the newest events, newest first."""
    from counterfoil.server.records.event import EventQuery

    kind, since = asked.pop("kind"), asked.pop("since")
    _demand_actor(asked["actor"])
    _show(
        call,
        EventQuery(
            kind=None if kind is None else _kind_of(kind),
            since=None if since is None else _time_of(since),
            **asked,
        ),
    )


def _show(call: Invocation, wanted: "EventQuery") -> None:
    from msgspec.structs import replace

    from counterfoil.cli.people import find_person

    async def work(tx: "Transaction") -> "list[Event]":
        person = wanted.person
        if person is not None and "@" in person:
            person = (await find_person(tx, person)).id
        return await tx.events.find(replace(wanted, person=person))

    events = call.read(work)
    rows = [
        (
            str(each.number),
            at(each.at),
            each.kind.value,
            each.actor,
            each.proof,
            each.subject,
            each.address,
            " ".join(f"{name}={value}" for name, value in each.detail.items()),
        )
        for each in events
    ]
    headers = ("number", "at", "event", "by", "proof", "subject", "from", "detail")
    document = {"events": events}
    call.show(document, lambda: print_table(headers, rows, empty="There are no such events."))


def _demand_actor(name: str | None) -> None:
    """Refuse what nobody is called: an e-mail address, or an id alone."""
    from counterfoil.server.protocol.events import ANYONE
    from counterfoil.server.records.event import CLI, JANITOR, SERVER

    alone = CLI.name, JANITOR.name, SERVER.name, ANYONE
    if name is not None and ":" not in name and name not in alone:
        words = f"user:ID, client:ID, provider:ID, {', '.join(alone)}"
        raise click.BadParameter(f"--actor is one of {words}")


def _kind_of(word: str) -> "EventKind":
    from counterfoil.server.records.event import EventKind

    try:
        return EventKind(word)
    except ValueError:
        words = ", ".join(kind.value for kind in EventKind)
        raise click.BadParameter(f"there is no such kind of event; there are {words}") from None


def _time_of(text: str) -> int:
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time, such as 2026-01-31T08:00") from None
    return int((then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp())
