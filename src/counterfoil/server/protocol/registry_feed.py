"""The registry's feed: guards of an API learn which of its tokens were issued (S43).

It promises little, and needs no more: a digest that a guard has missed is asked about, never
refused. So there are no heads here, and no order but the store's.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from msgspec import Struct

from counterfoil.oauth.errors import OAuthError, invalid_target
from counterfoil.oauth.feed import Position
from counterfoil.oauth.registry import Entry, spelled
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.client_authentication import (
    Credentials,
    authenticate,
    demand_confidential,
)
from counterfoil.server.records.client import INTROSPECT
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.issued_token import Registered
from counterfoil.server.records.store import Transaction

_PAGE: Final = 500
_POLL_SECONDS: Final = 0.05
_BEAT_SECONDS: Final = 2.0
"""A guard waits five seconds for the next piece, and then takes the line for dead."""


class Follower(Struct, frozen=True):
    """Who follows the registry of which API."""

    credentials: Credentials
    audience: str


class Told(Struct, frozen=True):
    """What a follower is told: entries with the cursor behind them; without: the line stands."""

    cursor: Position | None
    data: bytes


_BEAT: Final = Told(None, b"{}")


class RegistryFeed:
    """The registry as one process tells it to its followers."""

    def __init__(self) -> None:
        self.followers = 0

    async def follow(
        self, authority: Authority, follower: Follower, cursor: Position | None
    ) -> AsyncIterator[Told]:
        """Tell every token of the API after a cursor, as it is issued, for ever.

        Ends when the follower may no longer know, when the store fails, and when the server ends.
        """
        self.followers += 1
        try:
            async for told in _tell(authority, follower, cursor):
                yield told
        except (OAuthError, StoreUnavailable):
            return
        finally:
            self.followers -= 1


async def demand_follower(follower: Follower, tx: Transaction) -> str | None:
    """Demand a client that may know the tokens of this API; gives the id of its secret.

    Raises:
        OAuthError: ``invalid_client``, ``unauthorized_client``, or ``invalid_target`` where the
            API keeps no registry or is not this client's to know: they cannot be told apart.
    """
    authenticated = await authenticate(tx, follower.credentials)
    client = authenticated.client
    demand_confidential(client)
    if INTROSPECT not in client.scopes:
        raise OAuthError("unauthorized_client", f"The registry is for clients with {INTROSPECT}.")
    api = await tx.apis.find(follower.audience)
    if api is None or not api.policy.registry or not client.guards(api.uri):
        raise invalid_target("No API of this audience keeps a registry that this client may know.")
    return authenticated.secret_id


async def _tell(
    authority: Authority, follower: Follower, cursor: Position | None
) -> AsyncIterator[Told]:
    epoch = authority.hub.position.epoch
    number = cursor.number if cursor is not None and cursor.epoch == epoch else 0
    clock = asyncio.get_running_loop().time
    seen, beat_at = -1, clock()
    while not authority.hub.has_ended:
        version = authority.store.version()
        page = []
        if version != seen:
            page = await authority.store.read(partial(_page, follower, number))
        if page:
            number = page[-1].number
            yield Told(Position(epoch, number), _data(page))
        if len(page) == _PAGE:
            continue
        seen = version
        if clock() >= beat_at:
            beat_at = clock() + _BEAT_SECONDS
            yield _BEAT
        await asyncio.sleep(_POLL_SECONDS)


async def _page(follower: Follower, number: int, tx: Transaction) -> list[Registered]:
    """Read on. Each time the follower is asked anew whether it still may know."""
    await demand_follower(follower, tx)
    return await tx.issued_tokens.after(follower.audience, number, _PAGE)


def _data(page: list[Registered]) -> bytes:
    return spelled([Entry(each.digest, each.expires_at) for each in page])
