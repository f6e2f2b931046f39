"""An installation for tests: a real store in a file, a clock that is set by hand, real keys."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from counterfoil.oauth.revocations import Notice, notice_from
from counterfoil.server.keys.keyring import Keyring
from counterfoil.server.keys.rotation import Rotation
from counterfoil.server.keys.sealing import Sealing
from counterfoil.server.records.event import Event
from counterfoil.server.records.signing_key import Purpose, SigningKey
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings
from counterfoil.server.storage.sqlite import SqliteStore

START = 1_800_000_000


class Installation:
    """Everything of one data directory. ``now`` may be moved."""

    def __init__(self, data: Path, **settings: object) -> None:
        self.now = START
        self.settings = Settings(data=data, **settings)
        self.sealing = Sealing(b"k" * 32, os.urandom)
        self.store = SqliteStore.open(
            data / "counterfoil.db", clock=lambda: self.now, random=os.urandom
        )
        self.rotation = Rotation(self.settings, self.sealing)
        self.keyring = Keyring(self.sealing)

    async def rotate(self) -> bool:
        did = await self.store.transact(self.rotation.rotate)
        await self.load()
        return did

    async def load(self) -> None:
        await self.store.read(self.keyring.load)

    async def keys(self, purpose: Purpose = Purpose.TOKENS) -> list[SigningKey]:
        return await self.store.read(lambda tx: tx.signing_keys.every(purpose))

    async def notices(self) -> list[Notice]:
        return [notice_from(text) for text in await self.store.read(_live)]

    async def events(self) -> list[Event]:
        return await self.store.read(lambda tx: tx.events.latest(100))

    def kid(self, purpose: Purpose = Purpose.TOKENS) -> str:
        """The ``kid`` in what would be signed now."""
        from counterfoil.jose.jwt import unverified_header

        token = self.keyring.signer(purpose, "test", self.now).sign(b"{}")
        return str(unverified_header(token)["kid"])


async def _live(tx: Transaction) -> list[bytes]:
    return await tx.notices.live()


@asynccontextmanager
async def installation(data: Path, **settings: object) -> AsyncIterator[Installation]:
    made = Installation(data, **settings)
    try:
        yield made
    finally:
        await made.store.close()
