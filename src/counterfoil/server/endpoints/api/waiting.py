"""``?wait=``: an ending that answers when every connected guard has acknowledged it."""

from typing import Annotated, TypeVar

from msgspec import Meta

from counterfoil.oauth.feed import Position
from counterfoil.server.documents.receipts import GuardsDocument, document_of
from counterfoil.server.endpoints.api.operation import Asked, Call
from counterfoil.server.protocol.waiting import LONGEST_WAIT, wait_for


class Waiting(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For how many seconds to wait for the guards. 0 asks them and tells what is known at once."""

    wait: Annotated[int, Meta(ge=0, le=LONGEST_WAIT)] | None = None


Q = TypeVar("Q", bound=Waiting)
B = TypeVar("B")


async def guards_at(call: Call[Q, B], position: Position) -> GuardsDocument | None:
    """Take the endings in here, and wait for the guards where the caller wants it."""
    authority, wait = call.server.authority, call.query.wait
    await authority.hub.catch_up()
    if wait is None:
        return None
    # A server that ends answers what was begun: a new secret is told this once.
    standing = await wait_for(authority.store, position, wait, lambda: authority.hub.has_ended)
    return document_of(standing, position)
