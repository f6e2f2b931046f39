"""Opens the file: the engine's version, its settings, the file's mode, the migrations."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import apsw

from counterfoil.oauth.feed import first_digest
from counterfoil.server.storage import migration
from counterfoil.server.storage.earlier_events import take_in_earlier_events
from counterfoil.server.storage.sqlite_connection import unavailable
from counterfoil.server.storage.sqlite_schema import contract, migrate, read_ledger
from counterfoil.server.storage.statements.fences import FIND, Demand, demand_open

OLDEST_SQLITE: Final = (3, 51, 3)
"""Earlier ones can corrupt a WAL when two connections write at one moment (sqlite.org/wal.html)."""

_BESIDE: Final = "sqlite"
_OPENING_SECONDS: Final = 10
_STATEMENTS_CACHED: Final = 200
_HAS_FENCE: Final = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'fence'"
_SETTINGS: Final = """
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA mmap_size = 0;
PRAGMA trusted_schema = OFF;
PRAGMA journal_size_limit = 67108864;
"""
"""What is sorted, and what a statement may undo, stays in files: it may be as long as a table."""


class UnsupportedSqlite(Exception):
    """The SQLite library is too old to keep data safely."""


def demand_sqlite(version: str) -> None:
    """Demand a library that does not lose data.

    Raises:
        UnsupportedSqlite: ``version`` is older than 3.51.3.
    """
    if tuple(int(part) for part in version.split(".")[:3]) < OLDEST_SQLITE:
        raise UnsupportedSqlite(
            f"SQLite {version} can corrupt a database that several connections write to; "
            "3.51.3 or newer is needed: install a newer apsw"
        )


def prepare(
    path: Path, now: int, random: Callable[[int], bytes], demand: Demand = demand_open
) -> None:
    """Make the file if there is none, bring it to the newest form and begin its feed.

    Raises:
        UnsupportedSqlite: the library is too old.
        UnknownDatabase: the database demands a newer version.
        StoreShut: a fence stands.
        OSError, apsw.Error: the file cannot be made or used.
    """
    demand_sqlite(apsw.sqlite_lib_version())
    create(path)
    engine = open_writer(path)
    try:
        engine.set_busy_timeout(_OPENING_SECONDS * 1000)
        if engine.execute(_HAS_FENCE).fetchall():
            demand(engine.execute(FIND).fetchone())
        migrate(engine, migration.shipped(_BESIDE), now)
        take_in_earlier_events(engine, random)
        _begin_feed(engine, random)
    finally:
        engine.close()


def contract_file(path: Path, now: int) -> None:
    """Apply all that is missing, contracts too. Nobody may serve who does not meet them.

    Raises:
        UnknownDatabase: the database demands a newer version.
        StoreUnavailable: the file cannot be used.
    """
    with _opened(path) as engine:
        contract(engine, migration.shipped(_BESIDE), now)


def ledger_in(path: Path) -> migration.Ledger:
    """Read what a file says of itself, and change nothing in it.

    Raises:
        StoreUnavailable: the file cannot be used.
    """
    with _opened(path) as engine:
        return read_ledger(engine)


@contextmanager
def _opened(path: Path) -> Iterator[apsw.Connection]:
    try:
        with closing(open_writer(path)) as engine:
            engine.set_busy_timeout(_OPENING_SECONDS * 1000)
            yield engine
    except apsw.Error as error:
        raise unavailable(error) from error


def open_writer(path: Path) -> apsw.Connection:
    """Open the connection that writes. It waits for no one: see ``GroupCommit``."""
    engine = apsw.Connection(
        str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=_STATEMENTS_CACHED
    )
    # Changing the mode of a new file needs it alone for a moment; later this only reads.
    engine.set_busy_timeout(_OPENING_SECONDS * 1000)
    if engine.pragma("journal_mode", "wal") != "wal":
        raise apsw.CantOpenError("the file system cannot keep a write-ahead log")
    _settle(engine)
    engine.set_busy_timeout(0)
    return engine


def open_reader(path: Path) -> apsw.Connection:
    """Open a connection that can only read. Readers wait for no writer in WAL mode."""
    engine = apsw.Connection(
        str(path), flags=apsw.SQLITE_OPEN_READONLY, statementcachesize=_STATEMENTS_CACHED
    )
    engine.set_busy_timeout(100)
    _settle(engine)
    return engine


def _settle(engine: apsw.Connection) -> None:
    # Else each value that is bound is thought to ask for another plan, and whatever looks into an
    # index or joins is planned anew each time: ten times what it takes to run.
    engine.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    engine.execute(_SETTINGS).fetchall()  # it stops where one answers till fetched


def create(path: Path) -> None:
    """Make an empty file that only we may read, where there is none.

    Raises:
        OSError: it cannot be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return


def _begin_feed(engine: apsw.Connection, random: Callable[[int], bytes]) -> None:
    if engine.execute("SELECT 1 FROM feed").fetchall():
        return
    epoch = urlsafe_b64encode(random(12)).decode("ascii")
    engine.execute(
        "INSERT INTO feed (one, epoch, number, digest, swept) VALUES (1, ?, 0, ?, 0)"
        " ON CONFLICT (one) DO NOTHING",
        (epoch, first_digest(epoch)),
    )
