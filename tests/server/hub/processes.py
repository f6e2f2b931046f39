"""Server processes of one installation, with guards, and what they have told of them."""

import asyncio
import secrets
from typing import Final

from counterfoil.net.event_stream import Event, EventParser
from counterfoil.oauth.feed import Position
from counterfoil.oauth.receipts import Introduction
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.hub import Hub
from counterfoil.server.hub.followers import Follower
from counterfoil.server.hub.receipts import Receipts
from counterfoil.server.records.guards import Following, LostGuard, Most, Said
from tests.installation import Installation

MOST: Final = Most(of_address=1000, in_all=1000)
NAME: Final = "0123456789abcdef"


class Process:
    """A server process of the installation, with guards; its rounds are made by hand."""

    def __init__(self, place: Installation) -> None:
        authority = place.authority
        self.place = place
        self.hub = Hub(place.issuer, authority.store, authority.keyring)
        self.receipts = Receipts(self.hub, authority.store, authority.keys.receipts, MOST)
        self.now = asyncio.get_running_loop().time()

    async def guard(
        self, client_id: str = "", address: str = "192.0.2.1", name: str = ""
    ) -> tuple[str, Follower]:
        await self.hub.catch_up()
        follower = self.hub.followers.admit(address, self.place.authority.settings)
        follower.position = self.hub.position
        introduction = Introduction("reject", 30.0, name or secrets.token_urlsafe(16))
        return await self.receipts.welcome(follower, introduction, client_id), follower

    async def says(self, line: str, position: Position, *, leaves: bool = False) -> bool:
        said = Said(line, position.number, leaves)
        return await self.receipts.hear(said, position.epoch)

    async def round(self, seconds: float = 0.02) -> None:
        self.now += seconds
        await self.receipts.tick(self.place.clock, self.now)

    async def told(self, follower: Follower) -> list[Event]:
        return EventParser().feed(await self.hub.next_for(follower))


async def rolls(place: Installation) -> list[Following]:
    return await place.authority.store.read(lambda tx: tx.guards.every())


async def ask(place: Installation) -> Position:
    """End something, and have somebody wait for it."""
    store = place.authority.store
    position = await store.transact(
        lambda tx: tx.notices.append([Notice(Ended.TOKEN, "t", 10**10)])
    )
    until = int(place.clock()) + 60
    await store.transact(lambda tx: tx.guards.ask(str(position), position, until))
    return position


async def lost(place: Installation) -> list[LostGuard]:
    return await place.authority.store.read(lambda tx: tx.guards.lost())
