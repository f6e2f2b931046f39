"""Limited tokens as JSON, by what is left of them. A stable interface. Never the token itself."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from msgspec import Struct

from counterfoil.oauth.allowances import USES
from counterfoil.server.protocol import drawing
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.allowance import Allowance, Owner
from counterfoil.server.records.listing import Part
from counterfoil.server.records.store import Transaction

_AT_ONCE: Final = 200


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


class LimitedTokenList(Struct, frozen=True, kw_only=True):
    """All that still stand of somebody's, newest first."""

    limited_tokens: tuple[LimitedTokenDocument, ...]


async def list_of(authority: Authority, owner: Owner) -> LimitedTokenList:
    """Read all that still stand, part by part."""
    documents, part = list[LimitedTokenDocument](), Part(_AT_ONCE)
    while True:
        found, now = await read_part(authority, owner, part)
        documents += standing(authority, found, now)
        if len(found) < part.limit:
            return LimitedTokenList(limited_tokens=tuple(documents))
        part = Part(part.limit, found[-1].marks.issued_at, found[-1].marks.jti)


async def read_part(authority: Authority, owner: Owner, part: Part) -> tuple[list[Allowance], int]:
    """Read those that have not expired, with the time of the reading."""
    await authority.hub.catch_up()
    return await authority.store.read(partial(_part, owner, part))


async def _part(owner: Owner, part: Part, tx: Transaction) -> tuple[list[Allowance], int]:
    found = await tx.allowances.live_of(owner, USES, part)
    return [await drawing.seen(tx, each) for each in found], tx.now


def standing(
    authority: Authority, found: Iterable[Allowance], now: int
) -> tuple[LimitedTokenDocument, ...]:
    """Give the documents of those that were not ended."""
    dead = authority.hub.revocations
    living = (each for each in found if dead.rejects(each.marks, now) is None)
    return tuple(map(document_of, living))


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
