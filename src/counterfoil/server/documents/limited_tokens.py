"""Limited tokens as JSON, by what is left of them. A stable interface. Never the token itself."""

from msgspec import Struct

from counterfoil.server.records.allowance import Allowance


class LimitedTokenDocument(Struct, frozen=True, kw_only=True):
    """A token that works so many times. ``uses_left``: what no guard has taken yet (S54).

    ``user_id`` is null where a client asked for itself. Times in seconds since the epoch.
    """

    jti: str
    client_id: str
    user_id: str | None
    audience: str
    max_uses: int
    uses_left: int
    issued_at: int
    expires_at: int


def document_of(allowance: Allowance) -> LimitedTokenDocument:
    """Give the document of a limited token."""
    marks = allowance.marks
    return LimitedTokenDocument(
        jti=marks.jti,
        client_id=marks.client_id,
        user_id=allowance.subject if marks.family else None,
        audience=marks.audience,
        max_uses=allowance.total,
        uses_left=allowance.left,
        issued_at=marks.issued_at,
        expires_at=allowance.expires_at,
    )
