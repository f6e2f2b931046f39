"""Where the parts of a server are put together; only here are store and protocol both known."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from typing import Final

from msgspec import Struct

from counterfoil.server.app import App
from counterfoil.server.hub import Hub
from counterfoil.server.identity.passwords import Passwords
from counterfoil.server.identity.throttle import Throttle
from counterfoil.server.janitor import Janitor
from counterfoil.server.keys.keyring import Keyring
from counterfoil.server.keys.master_key import load_master_key
from counterfoil.server.keys.rotation import Rotation
from counterfoil.server.keys.sealing import Sealing
from counterfoil.server.keys.server_secret import load_server_keys
from counterfoil.server.pages.rendering import Pages
from counterfoil.server.protocol.activity import Activity
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import HANDLE_BYTES, named
from counterfoil.server.protocol.token_reading import TokenReader
from counterfoil.server.records.store import Store, StoreUnavailable
from counterfoil.server.settings import Settings
from counterfoil.server.storage.sqlite import SqliteStore
from counterfoil.server.web.cookies import Cookies
from counterfoil.server.web.server import Server

DATABASE: Final = "counterfoil.db"
_FLUSH_SECONDS: Final = 5


class Outside(Struct, frozen=True):
    """What a server takes from outside: time in seconds since the epoch, and random bytes."""

    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = secrets.token_bytes


REAL: Final = Outside()


async def open_authority(settings: Settings, outside: Outside = REAL) -> Authority:
    """Open the store, make what a first start needs, and load the keys. No network.

    The caller closes the store (``await authority.store.close()``).

    Raises:
        MasterKeyError: the master key is missing, unreadable, or not of this database.
        StoreUnavailable: the database cannot be used.
    """
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    sealing = load_master_key(settings, outside.random)
    store = SqliteStore.open(settings.data / DATABASE, clock=outside.clock, random=outside.random)
    try:
        return await _authority(settings, store, sealing, outside)
    except BaseException:
        await store.close()
        raise


async def _authority(
    settings: Settings, store: Store, sealing: Sealing, outside: Outside
) -> Authority:
    rotation = Rotation(settings, sealing)
    keys = await store.transact(lambda tx: load_server_keys(tx, sealing))
    await store.transact(rotation.rotate)
    keyring = Keyring(sealing)
    hub = Hub(settings.issuer, store, keyring)
    await hub.catch_up()
    return Authority(
        settings=settings,
        store=store,
        keyring=keyring,
        keys=keys,
        pending=Sealing(keys.pending, outside.random),
        rotation=rotation,
        hub=hub,
        activity=Activity(),
        reader=TokenReader(settings.issuer, keyring, hub),
    )


def build(settings: Settings, outside: Outside = REAL) -> App:
    """Build the ASGI app of one issuer. It opens its store when its lifespan begins."""

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Server]:
        async with AsyncExitStack() as stack:
            authority = await open_authority(settings, outside)
            stack.push_async_callback(authority.store.close)
            passwords = stack.enter_context(closing(Passwords(settings.password_threads)))
            stack.push_async_callback(authority.activity.flush, authority.store)
            for work in _background(authority, outside):
                await stack.enter_async_context(_running(work))
            yield _server(authority, passwords, outside)

    return App(lifespan)


def _background(
    authority: Authority, outside: Outside
) -> tuple[Coroutine[object, object, None], ...]:
    holder = named(outside.random(HANDLE_BYTES))
    janitor = Janitor(authority.store, authority.rotation, holder)
    interval = authority.settings.head_interval_ms
    return (
        authority.hub.run(outside.clock, interval),
        janitor.run(),
        _flush(authority),
    )


@asynccontextmanager
async def _running(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _flush(authority: Authority) -> None:
    """Write down, now and then, when things were last used."""
    while True:
        await asyncio.sleep(_FLUSH_SECONDS)
        with suppress(StoreUnavailable):
            await authority.activity.flush(authority.store)


def _server(authority: Authority, passwords: Passwords, outside: Outside) -> Server:
    settings = authority.settings
    return Server(
        authority=authority,
        pages=Pages(),
        cookies=Cookies(development=settings.development),
        passwords=passwords,
        sign_in_throttle=Throttle(settings.sign_in_rate_per_minute),
        client_throttle=Throttle(settings.token_failures_per_minute),
        clock=outside.clock,
        random=outside.random,
    )
