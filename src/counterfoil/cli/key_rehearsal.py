"""``counterfoil key rehearse``: what the turning of keys will bring, before it happens (S80)."""

from typing import TYPE_CHECKING, Final

import click

from counterfoil.cli.invocation import Invocation, installation
from counterfoil.cli.output import at, print_table

if TYPE_CHECKING:
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.records.rehearsal import Occurrence

_DAY: Final = 86_400
_SENTENCES: Final = {
    "published": "is made, and published for all to learn",
    "signs": "begins to sign",
    "retires": "signs no more; what it signed stands",
    "gone": "is published no longer: all that it signed has expired",
}


@click.command("rehearse")
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    default=90,
    show_default=True,
    help="How far ahead to look.",
)
@installation
def rehearse(call: Invocation, days: int) -> None:
    """Show what will happen to the signing keys, and when. Nothing is changed."""

    async def action(authority: "Authority") -> "tuple[Occurrence, ...]":
        rotation = authority.rotation
        return await authority.store.read(
            lambda tx: rotation.rehearse(tx, tx.now + days * _DAY),
        )

    occurrences = call.run(action)
    rows = [
        (at(each.at), each.purpose.value, each.kid, _SENTENCES[each.turn.value])
        for each in occurrences
    ]
    headers = ("when (UTC)", "signs", "key", "what")
    empty = f"Nothing happens to the keys in {days} days."
    call.show({"occurrences": occurrences}, lambda: print_table(headers, rows, empty=empty))
