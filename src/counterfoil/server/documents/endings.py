"""Receipts of endings as JSON. A stable interface."""

from msgspec import Struct

from counterfoil.server.documents.receipts import GuardsDocument
from counterfoil.server.protocol.endings import Ending


class EndingDocument(Struct, frozen=True, kw_only=True):
    """``notice`` is ``epoch:number``: a guard whose head has reached it refuses what was ended.

    ``remembered_browsers_ended``: so many browsers are remembered no more (S24).
    ``ended`` is false where nothing was left to end. ``guards`` says how it stands with them,
    where somebody waited for it; else it is null.
    """

    families_ended: int
    sessions_ended: int
    remembered_browsers_ended: int
    notice: str
    ended: bool
    guards: GuardsDocument | None = None


def document_of(ending: Ending, guards: GuardsDocument | None = None) -> EndingDocument:
    """Give the document of an ending."""
    return EndingDocument(
        families_ended=ending.families,
        sessions_ended=ending.sessions,
        remembered_browsers_ended=ending.remembered,
        notice=str(ending.position),
        ended=ending.ended,
        guards=guards,
    )
