"""What every ending prints: what it ended, and how far guards must have read to know of it."""

from typing import TYPE_CHECKING

import click
from msgspec import Struct

from counterfoil.cli.output import counted

if TYPE_CHECKING:
    from counterfoil.server.protocol.revocation import Ending


class EndingDocument(Struct, frozen=True, kw_only=True):
    """``notice`` is ``epoch:number``: a guard whose head has reached it refuses what was ended.

    It is null where nothing was left to end.
    """

    families_ended: int
    sessions_ended: int
    notice: str | None


def document_of(ending: "Ending") -> EndingDocument:
    """Give the document of an ending."""
    return EndingDocument(
        families_ended=ending.families,
        sessions_ended=ending.sessions,
        notice=str(ending.position),
    )


def tell_ending(subject: str, document: EndingDocument) -> None:
    """Tell a person what was ended."""
    click.echo(subject)
    ended = [
        counted(count, noun)
        for count, noun in (
            (document.sessions_ended, "session"),
            (document.families_ended, "family"),
        )
        if count
    ]
    if ended:
        click.echo(
            f"Ended: {', '.join(ended)} of tokens."
            if document.families_ended
            else f"Ended: {ended[0]}."
        )
    if document.notice:
        click.echo(f"Notice: {document.notice}")
