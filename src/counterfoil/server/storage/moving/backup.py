"""A backup: a SQLite file with all rows, and a manifest that says what it must hold, sealed.

Whoever keeps the file could write a password or an administrator into it: the seal shows that.
"""

import hashlib
from collections.abc import Callable
from typing import Final

import apsw
import msgspec
from msgspec import Struct

from counterfoil.oauth.feed import Position
from counterfoil.server.records.audit import Point
from counterfoil.server.storage.moving.copying import Ends, fill, prove
from counterfoil.server.storage.moving.ends import End, MoveRefused
from counterfoil.server.storage.moving.sqlite_end import SqliteEnd
from counterfoil.server.storage.moving.sums import Sum, Tell, sum_of
from counterfoil.server.storage.moving.tables import tables_in
from counterfoil.server.storage.sqlite_connection import unavailable
from counterfoil.server.storage.transaction import BoundTransaction

SEALED_AS: Final = "backup manifest"

_FORMAT: Final = "counterfoil backup 1"
_MAKE: Final = """
CREATE TABLE manifest (
    one INTEGER PRIMARY KEY CHECK (one = 1), text BLOB NOT NULL, seal BLOB NOT NULL
) STRICT
"""
_KEEP: Final = "INSERT INTO manifest (one, text, seal) VALUES (1, ?, ?)"
_READ: Final = "SELECT text, seal FROM manifest"
_FORGET: Final = "DROP TABLE manifest"
_SCHEMA: Final = """
SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE tbl_name <> 'manifest'
ORDER BY type, name
"""
_MIGRATIONS: Final = "SELECT number, name, checksum FROM migrations ORDER BY number"
_FINISH: Final = "PRAGMA journal_mode = DELETE"


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup holds. ``made_at`` in seconds since the epoch: it knows nothing later.

    ``position`` is that of the notices; ``audit_number`` and ``audit_digest`` say how far the audit
    log reaches. ``schema`` is the SHA-256 (hex) of all tables, triggers and migrations.
    """

    format: str
    version: str
    issuer: str
    made_at: int
    epoch: str
    number: int
    audit_number: int
    audit_digest: str
    schema: str
    tables: dict[str, Sum]

    @property
    def position(self) -> Position:
        """How far the notices reach."""
        return Position(self.epoch, self.number)


class About(Struct, frozen=True):
    """What a manifest says that does not stand in the tables, and what seals its digest."""

    version: str
    issuer: str
    now: int
    seal: Callable[[bytes], bytes]


async def write(source: End, file: SqliteEnd, about: About, tell: Tell) -> Manifest:
    """Fill an empty file with all that is committed at this moment, and prove it.

    Raises:
        MoveRefused: the source is not in the form of this version; but contracts may wait.
        StoreUnavailable: one of them failed.
    """
    left = await source.contracts_left()
    await file.make_schema(about.now, left)
    await source.begin_view()
    if await source.contracts_left() != left:
        raise MoveRefused(f"{source.name} was changed meanwhile: ask again")
    ends, tables = Ends(source, file), tables_in(file.engine)
    await fill(ends, tables, tell)
    sums = await prove(ends, tables, tell)
    manifest = await _manifest(file, about, sums)
    text = msgspec.json.encode(manifest)
    _keep(file.engine, text, about.seal(_digest(text)))
    return manifest


async def _manifest(file: SqliteEnd, about: About, sums: dict[str, Sum]) -> Manifest:
    async def work(tx: BoundTransaction) -> tuple[Position, Point]:
        position, _ = await tx.notices.head()
        return position, await tx.events.last()

    position, audit = await file.alone(work, about.now)
    return Manifest(
        format=_FORMAT,
        version=about.version,
        issuer=about.issuer,
        made_at=about.now,
        epoch=position.epoch,
        number=position.number,
        audit_number=audit.number,
        audit_digest=audit.digest,
        schema=_schema_of(file.engine),
        tables=sums,
    )


def _keep(engine: apsw.Connection, text: bytes, seal: bytes) -> None:
    try:
        with engine:
            engine.execute(_MAKE)
            engine.execute(_KEEP, (text, seal))
        engine.execute(_FINISH)
    except apsw.Error as error:
        raise unavailable(error) from error


async def verify(file: SqliteEnd, opens: Callable[[bytes], bytes], tell: Tell) -> Manifest:
    """Prove that a file holds what its manifest says, sealed by us; then the manifest is removed.

    ``opens`` gives what was sealed. Nothing else may have been done with the file before.

    Raises:
        MoveRefused: it is no backup, or not as it was made. What ``opens`` raises comes through.
    """
    text, seal = _read(file)
    manifest = _decoded(file.name, text)
    if opens(seal) != _digest(text):
        raise MoveRefused(f"{file.name}: its manifest is not the one that was sealed")
    if file.engine.pragma("integrity_check") != "ok":
        raise MoveRefused(f"{file.name}: its indexes are not those of its rows")
    if _schema_of(file.engine) != manifest.schema:
        raise MoveRefused(f"{file.name}: its tables are not those of the backup that was made")
    tables = tables_in(file.engine)
    for table in tables:
        found = await sum_of(file, table, file.fitted, tell)
        if found != manifest.tables.get(table.name):
            raise MoveRefused(f"{file.name}: the rows of {table.name} are not those of the backup")
    file.engine.execute(_FORGET)
    return manifest


def _read(file: SqliteEnd) -> tuple[bytes, bytes]:
    try:
        (row,) = file.engine.execute(_READ).fetchall()
    except (apsw.Error, ValueError):
        raise MoveRefused(f"{file.name} is no backup: it has no manifest") from None
    text, seal = row
    if not (isinstance(text, bytes) and isinstance(seal, bytes)):
        raise MoveRefused(f"{file.name} is no backup: its manifest cannot be read")
    return text, seal


def _decoded(name: str, text: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise MoveRefused(f"{name} is no backup: its manifest cannot be read") from None
    if manifest.format != _FORMAT:
        raise MoveRefused(f"{name} is a backup of a form that this version does not know")
    return manifest


def _schema_of(engine: apsw.Connection) -> str:
    rows = [*engine.execute(_SCHEMA).fetchall(), *engine.execute(_MIGRATIONS).fetchall()]
    return hashlib.sha256(msgspec.msgpack.encode(rows)).hexdigest()


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
