"""Opening an installation: its store, its keys, and what a first start needs. No network.

Only here are store and protocol both known; the command line and the server both begin here.
"""

import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import Final

from msgspec import Struct

from counterfoil.net.carrier import CarrierDown, Keeper
from counterfoil.oauth.feed import carried
from counterfoil.server.geography.atlas import Atlas
from counterfoil.server.hub import Hub
from counterfoil.server.hub.receipts import Receipts
from counterfoil.server.hub.snapshots import Snapshots
from counterfoil.server.keys.encrypting import Encrypting
from counterfoil.server.keys.keyring import Keyring
from counterfoil.server.keys.master_key import load_master_key
from counterfoil.server.keys.rotation import Rotation
from counterfoil.server.keys.sealing import Sealing, Seals
from counterfoil.server.keys.server_secret import load_server_keys
from counterfoil.server.protocol.activity import Activity
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.own_api import register_own_api
from counterfoil.server.protocol.rates import ClientRates, Rates
from counterfoil.server.protocol.repeats import Repeats
from counterfoil.server.protocol.token_reading import Opening, TokenReader
from counterfoil.server.protocol.token_sizes import TokenSizes
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.guards import Most
from counterfoil.server.records.server_process import ServerProcess
from counterfoil.server.records.store import Store
from counterfoil.server.settings import MINUTE, Settings
from counterfoil.server.storage import migration, sqlite_file
from counterfoil.server.storage.bounded_queue import Bounds
from counterfoil.server.storage.migration import Ledger, Migration
from counterfoil.server.storage.sqlite import SqliteStore
from counterfoil.server.storage.statements.fences import Demand, demand_open, demand_usable

DATABASE: Final = "counterfoil.db"
_SALT_BYTES: Final = 16
_REPEATS_KEY_BYTES: Final = 32


def _place() -> str:
    return f"{socket.gethostname()} process {os.getpid()}"


class Outside(Struct, frozen=True):
    """What a server takes from outside: time in seconds since the epoch, and random bytes.

    ``place`` says to people which process on which machine this is.
    """

    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = os.urandom
    place: Callable[[], str] = _place


REAL: Final = Outside()


async def open_authority(
    settings: Settings, outside: Outside = REAL, *, held_too: bool = False
) -> Authority:
    """Open the store, make what a first start needs, and load the keys. No network.

    The caller closes the store (``await authority.store.close()``). ``held_too``: a database that
    has begun anew may be used by whoever brings it up to date, before any server may.

    Raises:
        MasterKeyError: the master key is missing, unreadable, or not of this database.
        StoreShut: a fence stands.
        StoreUnavailable: the database cannot be used.
        UnknownDatabase, UnsupportedPostgres, UnsupportedSqlite: it is not for this version.
    """
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A database without its master key is not a first start: a new key would open nothing.
    first = not await is_made(settings)
    sealing = load_master_key(settings, outside.random, may_make=first)
    demand = demand_usable if held_too else demand_open
    store = await _open_store(settings, outside, demand)
    try:
        return await _authority(settings, store, sealing, outside)
    except BaseException:
        await store.close()
        raise


async def _authority(
    settings: Settings, store: Store, sealing: Seals, outside: Outside
) -> Authority:
    rotation = Rotation(settings, sealing)
    keys = await store.transact(lambda tx: load_server_keys(tx, sealing))
    await store.transact(rotation.rotate)
    await store.transact(partial(register_own_api, issuer=settings.issuer))
    keyring = Keyring(sealing)
    hub = Hub(settings.issuer, store, keyring)
    await hub.catch_up()
    encrypting = Encrypting(sealing, keys.ephemerals, outside.random)
    return Authority(
        settings=settings,
        store=store,
        keyring=keyring,
        keys=keys,
        pending=Sealing(keys.pending, outside.random),
        letters=Sealing(keys.letters, outside.random),
        authenticators=Sealing(keys.authenticators, outside.random),
        upstream=Sealing(keys.upstream, outside.random),
        rotation=rotation,
        hub=hub,
        receipts=Receipts(hub, store, keys.receipts, _most_lost(settings)),
        snapshots=Snapshots(settings.issuer, store, keyring, settings.data),
        activity=Activity(),
        token_sizes=TokenSizes(),
        client_rates=ClientRates(
            Rates(outside.random(_SALT_BYTES)), settings.client_rate_per_minute
        ),
        repeats=Repeats(outside.random(_REPEATS_KEY_BYTES)),
        encrypting=encrypting,
        atlas=Atlas(settings.places_file),
        reader=TokenReader(settings.issuer, store, Opening(keyring, encrypting), hub),
    )


def _most_lost(settings: Settings) -> Most:
    return Most(settings.followers_per_address, settings.followers_most)


async def is_made(settings: Settings) -> bool:
    """Say whether there is an installation where the settings say.

    Raises:
        StoreUnavailable, UnsupportedPostgres: its database cannot be reached, or is another's.
    """
    if settings.database is None:
        return (settings.data / DATABASE).exists()
    with _demanding("PostgreSQL", "postgres", StoreUnavailable):
        from counterfoil.server.storage import postgres_connection, postgres_schema
    return await postgres_schema.is_made(postgres_connection.Wire(settings.database.reveal()))


async def _open_store(settings: Settings, outside: Outside, demand: Demand) -> Store:
    clock, random = outside.clock, outside.random
    bounds = Bounds(settings.queue_most, settings.queue_seconds)
    if settings.database is None:
        path = settings.data / DATABASE
        return SqliteStore.open(path, clock=clock, random=random, bounds=bounds, demand=demand)
    with _demanding("PostgreSQL", "postgres", StoreUnavailable):
        from counterfoil.server.storage.postgres import PostgresStore
        from counterfoil.server.storage.postgres_pool import Room
    return await PostgresStore.open(
        settings.database.reveal(),
        clock=clock,
        random=random,
        room=Room(settings.database_connections, bounds),
        demand=demand,
    )


def this_process(outside: Outside) -> ServerProcess:
    """Describe this process to the others at its database."""
    return ServerProcess(
        id=outside.random(16).hex(),
        version=version("counterfoil"),
        knows=migration.newest(migration.shipped()),
        place=outside.place(),
    )


async def look_at_schema(settings: Settings) -> Ledger:
    """Read what the database says of itself, and change nothing in it.

    Raises:
        StoreUnavailable, UnsupportedPostgres: it cannot be read.
    """
    if settings.database is None:
        return sqlite_file.ledger_in(settings.data / DATABASE)
    with _demanding("PostgreSQL", "postgres", StoreUnavailable):
        from counterfoil.server.storage import postgres_connection, postgres_schema
    return await postgres_schema.ledger_at(postgres_connection.Wire(settings.database.reveal()))


async def contract_schema(settings: Settings, outside: Outside = REAL) -> None:
    """Apply every migration that is missing, contracts too. Nobody may serve whom they end.

    Raises:
        UnknownDatabase: it demands a newer version.
        StoreUnavailable, UnsupportedPostgres: it cannot be used.
    """
    now = int(outside.clock())
    if settings.database is None:
        sqlite_file.contract_file(settings.data / DATABASE, now)
        return
    with _demanding("PostgreSQL", "postgres", StoreUnavailable):
        from counterfoil.server.storage import postgres_connection, postgres_schema
    wire = postgres_connection.Wire(settings.database.reveal(), limited=False)
    await postgres_schema.contract(wire, now)


def shipped_for(settings: Settings) -> list[Migration]:
    """Give the migrations of this version for the engine of an installation."""
    return migration.shipped("sqlite" if settings.database is None else "postgres")


def keeper_of(settings: Settings) -> Callable[[], Awaitable[Keeper]] | None:
    """Say how to connect to the carrier; ``None`` where there is to be none.

    Raises:
        CarrierDown: its library is missing.
    """
    servers, names = settings.nats_servers, carried(settings.issuer)
    if servers is None:
        return None
    with _demanding("NATS", "nats", CarrierDown):
        from counterfoil.net.jetstream import Keeping, Stream
    keeping = Keeping(replayed_for(settings), settings.nats_replicas)
    return lambda: Stream.open(servers, names, keeping)


def replayed_for(settings: Settings) -> int:
    """Say for how many seconds a carrier keeps notices: no longer than what they are about lives.

    Who was away for longer than an hour begins from a snapshot in any case.
    """
    return max(MINUTE, min(settings.longest_lifetime, 60 * MINUTE))


@contextmanager
def _demanding(what: str, extra: str, failure: type[Exception]) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise failure(
            f"{what} needs {error.name}: pip install 'counterfoil[server,{extra}]'"
        ) from None
