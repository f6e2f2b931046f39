"""Moving an installation: copied to another database, backed up, restored, reopened. No network.

As in the opening, store and protocol are both known here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from counterfoil.server.keys.master_key import load_master_key, open_kept
from counterfoil.server.keys.rotation import Rotation
from counterfoil.server.keys.server_secret import NAME as SECRET
from counterfoil.server.keys.server_secret import load_server_keys
from counterfoil.server.opening import DATABASE, REAL, Outside
from counterfoil.server.protocol import restoring
from counterfoil.server.protocol.restoring import Beginning
from counterfoil.server.records.event import CLI, Event, EventKind
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.fence import Fence, FenceState
from counterfoil.server.settings import Settings
from counterfoil.server.settings.database import DatabaseUrl
from counterfoil.server.storage.moving import backup, copying, files
from counterfoil.server.storage.moving.backup import About, Manifest
from counterfoil.server.storage.moving.copying import Ends, Move
from counterfoil.server.storage.moving.ends import End, MoveRefused
from counterfoil.server.storage.moving.loading import load
from counterfoil.server.storage.moving.sqlite_end import SqliteEnd
from counterfoil.server.storage.moving.sums import Sum, Tell
from counterfoil.server.storage.transaction import BoundTransaction

__all__ = ["MoveRefused"]

E = TypeVar("E", bound=End)

_NAME_BYTES: Final = 12


class Place(Struct, frozen=True):
    """Where a database is: an address of PostgreSQL, or a file."""

    at: DatabaseUrl | Path

    def __str__(self) -> str:
        return str(self.at)


class Copied(Struct, frozen=True):
    """What was proved of each table; nothing where all was there already."""

    sums: dict[str, Sum]


class Restored(Struct, frozen=True):
    """The backup, and what ended as it was restored."""

    manifest: Manifest
    beginning: Beginning


class Reopened(Struct, frozen=True):
    """The fence that stood, and what ended; ``None`` where nothing had to."""

    fence: Fence
    beginning: Beginning | None


def place_of(settings: Settings) -> Place:
    """Say where the database of an installation is."""
    return Place(settings.database or (settings.data / DATABASE).absolute())


def place_named(where: str) -> Place:
    """Read what a person wrote: a URL, a file that ends in ``.db``, or a data directory.

    Raises:
        MoveRefused: it is a URL, and none of PostgreSQL.
    """
    if "://" in where:
        try:
            return Place(DatabaseUrl(where))
        except ValueError as error:
            raise MoveRefused(f"{error}, or a directory") from None
    path = Path(where).absolute()
    return Place(path if path.suffix == ".db" or path.is_file() else path / DATABASE)


async def copy(settings: Settings, to: Place, tell: Tell, outside: Outside = REAL) -> Copied:
    """Copy an installation's database to an empty one, and shut it for good.

    It may be asked again after it was interrupted, and after it was done.

    Raises:
        MoveRefused: it cannot be done with these two.
        StoreUnavailable, OSError: one of them failed; what was done until then stands.
    """
    name = outside.random(_NAME_BYTES).hex()
    move = Move(name, int(outside.clock()), _note_leaving)
    async with _opened(place_of(settings), outside) as source, _made(to, outside) as target:
        return Copied(await copying.copy(Ends(source, target), move, tell))


async def _note_leaving(tx: BoundTransaction, fence: Fence) -> None:
    await tx.events.append(_event(EventKind.DATABASE_SHUT, tx.now, fence))


def _event(kind: EventKind, now: int, fence: Fence) -> Event:
    return Event(
        kind=kind,
        at=now,
        actor=CLI.name,
        proof=CLI.proof,
        subject=fence.move,
        detail={"other": fence.other},
    )


async def standing(settings: Settings, outside: Outside = REAL) -> Fence:
    """Give the fence that may be taken away.

    Raises:
        MoveRefused: none stands, or it is that of a copy that is not whole.
    """
    async with _opened(place_of(settings), outside) as end:
        return await _standing(end)


async def _standing(end: End) -> Fence:
    fence = await end.fence()
    if fence is None or not fence.is_shut:
        raise MoveRefused(f"{end.name} is not shut")
    if fence.state is FenceState.ARRIVING:
        raise MoveRefused(f"{end.name} cannot be used: {fence.sentence}")
    return fence


async def reopen(settings: Settings, outside: Outside = REAL) -> Reopened:
    """Take the fence away. Where the copy may live, this one begins anew, and is held.

    Raises:
        MoveRefused: no fence stands, it is a copy that is not whole, or the clock is behind it.
        MasterKeyError: the master key is missing, or is not of this database.
    """
    sealing = load_master_key(settings, outside.random, may_make=False)
    rotation = Rotation(settings, sealing)
    async with _opened(place_of(settings), outside) as end:
        fence = await _standing(end)

        async def work(tx: BoundTransaction) -> Beginning | None:
            if await tx.fence.find() != fence:
                raise MoveRefused(f"{end.name}: its fence was moved meanwhile: ask again")
            await tx.fence.remove()
            await load_server_keys(tx, sealing)
            if fence.state is not FenceState.LEFT:
                await tx.events.append(_event(EventKind.DATABASE_REOPENED, tx.now, fence))
                return None
            _demand_clock(f"{end.name}: it was left at", fence.since, tx.now)
            cause = restoring.Cause(EventKind.DATABASE_REOPENED, "reopened", {"other": fence.other})
            beginning = await restoring.begin_anew(tx, rotation, settings.issuer, cause)
            other = f"before it was copied to {fence.other}"
            await tx.fence.put(Fence(FenceState.HELD, fence.move, other, tx.now))
            return beginning

        return Reopened(fence, await end.alone(work, int(outside.clock())))


async def back_up(settings: Settings, to: Path, tell: Tell, outside: Outside = REAL) -> Manifest:
    """Write a backup of all that is committed at this moment, while servers run.

    Raises:
        MoveRefused: there is a file already, or the database is shut or of another form.
        MasterKeyError: the master key is missing, or is not of this database.
        StoreUnavailable, OSError: the database or the file failed; no half of it is left.
    """
    files.demand_nothing_at(to)
    sealing = load_master_key(settings, outside.random, may_make=False)

    def seal(digest: bytes) -> bytes:
        return sealing.seal(digest, backup.SEALED_AS)

    about = About(version("counterfoil"), settings.issuer, int(outside.clock()), seal)
    async with _opened(place_of(settings), outside, to_read=True) as source:
        fence = await source.fence()
        if fence is not None and fence.is_shut:
            raise MoveRefused(f"{source.name}: {fence.sentence}")
        open_kept(sealing, await source.sealed(SECRET), SECRET)
        with files.draft_beside(to) as draft:
            async with closed(SqliteEnd.make(draft, outside.random)) as file:
                manifest = await backup.write(source, file, about, tell)
            files.publish(draft, to)
    return manifest


async def restore(
    settings: Settings, path: Path, to: Place, tell: Tell, outside: Outside = REAL
) -> Restored:
    """Make an installation's database of a backup; all that may have ended since ends.

    Raises:
        MoveRefused: the file is no backup, is later than the clock, or something stands there.
        MasterKeyError: the master key is missing, or did not seal the backup.
        UnknownDatabase: the backup was made by a newer version.
        StoreUnavailable, OSError: one of them failed; what was done until then stands shut.
    """
    at = to.at if isinstance(to.at, Path) else None
    if at is not None:
        files.demand_nothing_at(at)
    sealing = load_master_key(settings, outside.random, may_make=False)
    with files.draft_beside(at or settings.data / DATABASE) as draft:
        files.take_copy(path, draft)
        async with closed(SqliteEnd.make(draft, outside.random)) as file:
            restored = await _begun_anew(file, Rotation(settings, sealing), tell, outside)
            if at is None:
                async with _made(to, outside) as target:
                    moment = int(outside.clock())
                    await _load(Ends(file, target), restored.manifest, moment, tell)
        if at is not None:
            files.publish(draft, at)
    return restored


async def _begun_anew(
    file: SqliteEnd, rotation: Rotation, tell: Tell, outside: Outside
) -> Restored:
    """Prove a copy of a backup, bring it to the form of this version, and let it begin anew."""
    sealing, now = rotation.sealing, int(outside.clock())
    manifest = await backup.verify(
        file, lambda seal: open_kept(sealing, seal, backup.SEALED_AS), tell
    )
    _demand_clock(f"{file.name}: the backup is of", manifest.made_at, now)
    file.upgrade(now)

    async def work(tx: BoundTransaction) -> Beginning:
        await load_server_keys(tx, sealing)
        detail = {"made_at": str(manifest.made_at), "position": str(manifest.position)}
        cause = restoring.Cause(EventKind.DATABASE_RESTORED, "restored", detail)
        beginning = await restoring.begin_anew(tx, rotation, rotation.settings.issuer, cause)
        await tx.fence.put(_held(manifest, now))
        return beginning

    return Restored(manifest, await file.alone(work, now))


def _demand_clock(what: str, moment: int, now: int) -> None:
    if moment > now:
        raise MoveRefused(
            f"{what} {moment}, and the clock of this machine says {now}: set it right, for "
            "generations are drawn by it"
        )


def _held(manifest: Manifest, now: int) -> Fence:
    name = f"restore of {manifest.position} at {manifest.made_at}"
    return Fence(FenceState.HELD, name, f"a backup of {dated(manifest.made_at)}", now)


def dated(time: int) -> str:
    """Write a time for people, in UTC."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


async def _load(ends: Ends, manifest: Manifest, now: int, tell: Tell) -> None:
    held = _held(manifest, now)
    arriving = Fence(FenceState.ARRIVING, held.move, held.other, now)
    await load(ends, arriving, held, tell)


@asynccontextmanager
async def _opened(place: Place, outside: Outside, *, to_read: bool = False) -> AsyncIterator[End]:
    """Open the database of an installation that is there, in the form of this version.

    ``to_read``: nothing is written, and contracts may wait.
    """
    if isinstance(place.at, Path) and not place.at.exists():
        raise MoveRefused(f"there is no installation in {place}: name its directory with --data")
    async with closed(await _end_at(place, outside, to_read=to_read)) as end:
        await (end.contracts_left() if to_read else end.demand_newest_schema())
        yield end


@asynccontextmanager
async def _made(place: Place, outside: Outside) -> AsyncIterator[End]:
    """Open a database that is to be filled; a file is made where there is none."""
    async with closed(await _end_at(place, outside, makes=True)) as end:
        yield end


async def _end_at(
    place: Place, outside: Outside, *, makes: bool = False, to_read: bool = False
) -> End:
    try:
        return await _opened_at(place, outside, makes=makes, to_read=to_read)
    except StoreUnavailable as error:
        raise MoveRefused(f"{place}: {error}") from error


async def _opened_at(place: Place, outside: Outside, *, makes: bool, to_read: bool) -> End:
    if isinstance(place.at, DatabaseUrl):
        try:
            from counterfoil.server.storage.moving.postgres_end import PostgresEnd
        except ModuleNotFoundError as error:
            raise MoveRefused(
                f"PostgreSQL needs {error.name}: pip install 'counterfoil[server,postgres]'"
            ) from None
        return await PostgresEnd.open(place.at.reveal(), str(place), outside.random)
    if makes:
        place.at.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return SqliteEnd.make(place.at, outside.random)
    return SqliteEnd.open(place.at, outside.random, to_read=to_read)


@asynccontextmanager
async def closed(end: E) -> AsyncIterator[E]:
    """Let go of a database when the block is left."""
    try:
        yield end
    finally:
        await end.close()
