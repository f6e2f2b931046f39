"""One PostgreSQL connection through asyncpg, held for a whole transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import asyncpg
from msgspec import Struct

from counterfoil.server.records.failures import Conflict, StoreShut, StoreUnavailable
from counterfoil.server.storage.connection import Row, WrongStatement
from counterfoil.server.storage.dialect import Translations, Turned
from counterfoil.server.storage.postgres_fences import SHUT_STATE
from counterfoil.server.storage.statements.fences import SHUT

T = TypeVar("T")

_COMMAND_SECONDS: Final = 30
_CONNECT_SECONDS: Final = 10
_STATEMENTS_CACHED: Final = 500
_SETTINGS: Final = {
    "application_name": "counterfoil",
    # Whoever has waited for a lock must see what was committed meanwhile, whatever is usual there.
    "default_transaction_isolation": "read committed",
    "timezone": "UTC",
}
_LIMITS: Final = {
    # Whoever stopped in the middle of a transaction must not hold up all others.
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "10s",
}
_BEGIN_AGAIN: Final = frozenset({"40001", "40P01"})
"""serialization_failure, deadlock_detected: the same work may succeed the next time."""
_LOCK_HELD: Final = "55P03"
_NO_RIGHTS: Final = "42501"
_OUR_MISTAKES: Final = frozenset({"21", "22", "23", "26", "2B", "34", "42", "44", "54", "P0"})
"""Classes of errors that no other try would mend (PostgreSQL, Appendix A)."""
_FAILURES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the line was cut in an unlucky moment
    OSError,
    TimeoutError,
)


class BeginAgain(StoreUnavailable):
    """The engine gave up this transaction for another's sake."""


class LockHeld(StoreUnavailable):
    """Somebody held a lock for longer than was waited for."""


class NoRights(StoreUnavailable):
    """The database's user may not do what is needed."""


class Wire(Struct, frozen=True):
    """Where a database is, with its password: never shown. ``limited``: nobody waits for ever."""

    url: str
    limited: bool = True

    async def connect(self) -> "asyncpg.Connection[Any]":
        """Open a connection.

        Raises:
            StoreUnavailable: there is none to be had, or this user or database is not known.
        """
        try:
            return await asyncpg.connect(
                self.url,
                timeout=_CONNECT_SECONDS,
                command_timeout=_COMMAND_SECONDS if self.limited else None,
                statement_cache_size=_STATEMENTS_CACHED,
                max_cached_statement_lifetime=0,
                target_session_attrs="primary",  # a copy lags behind: none may answer from it
                server_settings=_SETTINGS | _LIMITS if self.limited else _SETTINGS,
            )
        except (*_FAILURES, ValueError) as error:
            raise unavailable(error) from None

    def __repr__(self) -> str:
        return "Wire(…)"


class PostgresConnection:
    """Keeps the promises of ``Connection``, while a work is under way and at no other time.

    ``wrote``: a row was changed since whoever asks said that none was. ``changed`` is called with
    the table in which it was, and with no name where changes were undone. ``foreseen`` holds rows
    that came with another's, each until it is asked for, or until something is written.
    """

    def __init__(self, engine: "asyncpg.Connection[Any]") -> None:
        self.now = 0
        self.at_work = False
        self.wrote = False
        self.engine = engine
        self.changed: Callable[[str], None] | None = None
        self.foreseen: dict[tuple[str, object], Row | None] = {}
        self._translations = Translations()

    async def one(self, sql: str, *values: object) -> Row | None:
        """Give the first row, if there is one."""
        statement = self._ready(sql)
        if self.foreseen and len(values) == 1 and (sql, values[0]) in self.foreseen:
            return self.foreseen.pop((sql, values[0]))
        row = await _judged(self.engine.fetchrow(statement.text, *_bound(values)))
        self._note(statement, 0 if row is None else 1)
        return tuple(row) if row is not None else None

    async def all(self, sql: str, *values: object) -> list[Row]:
        """Give every row."""
        statement = self._ready(sql)
        rows = await _judged(self.engine.fetch(statement.text, *_bound(values)))
        self._note(statement, len(rows))
        return [tuple(row) for row in rows]

    async def run(self, sql: str, *values: object) -> int:
        """Insert, update or delete; gives the number of rows that were changed."""
        statement = self._ready(sql)
        status = await _judged(self.engine.execute(statement.text, *_bound(values)))
        count = status.rpartition(" ")[2]
        changed = int(count) if count.isdecimal() else 0
        self._note(statement, changed)
        if not changed and statement.is_plain_insert:
            raise Conflict("a name that must be unique is taken")
        return changed

    async def run_for_each(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement for each row of values, without waiting for each answer."""
        bound = [_bound(row) for row in rows]
        await _judged(self.engine.executemany(self._ready(sql).text, bound))

    async def copy_in(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Add rows to a table, all or none, by the protocol that is made for it."""
        await _judged(self.engine.copy_records_to_table(table, records=rows, columns=list(columns)))

    async def step(self, sql: str) -> str:
        """Run statements that begin or end something, as they are; gives the last one's tag."""
        return await _judged(self.engine.execute(sql))

    async def listen(self, channel: str, hear: Callable[[str], None]) -> None:
        """Call ``hear`` with what is told on a channel, whenever somebody tells."""
        await _judged(self.engine.add_listener(channel, lambda *told: hear(told[3])))

    @property
    def is_usable(self) -> bool:
        """Whether the line stands, and no transaction is left open on it."""
        return not self.engine.is_closed() and not self.engine.is_in_transaction()

    def drop(self) -> None:
        """Let go of the line at once; what was not committed is gone."""
        self.at_work = False
        self.engine.terminate()

    async def close(self) -> None:
        """Take leave, and let go of the line."""
        self.at_work = False
        try:
            await self.engine.close(timeout=_CONNECT_SECONDS)
        except _FAILURES:
            self.engine.terminate()

    def _note(self, statement: Turned, rows: int) -> None:
        if not statement.writes:
            return
        self.foreseen.clear()
        if rows:
            self.wrote = True
        if self.changed is not None and (statement.undoes or (rows and statement.changes)):
            self.changed(statement.changes)

    def _ready(self, sql: str) -> Turned:
        if not self.at_work:
            raise RuntimeError("a transaction was used outside of its work")
        return self._translations.of(sql)


def without_nul(text: str) -> str:
    """Replace the one letter that no text there can hold: whoever sent it sent rubbish."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _bound(values: Iterable[object]) -> list[object]:
    return [without_nul(value) if type(value) is str else value for value in values]


async def _judged(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except asyncpg.UniqueViolationError:
        raise Conflict("a name that must be unique is taken") from None
    except (asyncpg.DataError, asyncpg.UnsupportedClientFeatureError, *_FAILURES) as error:
        raise _judgement(error) from None  # else a traceback in a log would quote it


def _judgement(error: BaseException) -> Exception:
    """Say whose mistake it was. The engine's own words may hold values, and are not repeated."""
    state = getattr(error, "sqlstate", None) or ""
    if state in _BEGIN_AGAIN:
        return BeginAgain("the database chose another transaction")
    if state == _LOCK_HELD:
        return LockHeld("somebody else holds what is needed; see pg_stat_activity and pg_locks")
    if state == _NO_RIGHTS:
        return NoRights(
            "its user may not do what is needed: it must own Counterfoil's tables, or be allowed "
            "to read and write all of them"
        )
    if state == SHUT_STATE:
        return StoreShut(SHUT)
    if state[:2] in _OUR_MISTAKES or isinstance(error, asyncpg.DataError):
        constraint = getattr(error, "constraint_name", None) or ""
        return WrongStatement(f"{type(error).__name__} {state} {constraint}".strip())
    return unavailable(error)


def unavailable(error: BaseException) -> StoreUnavailable:
    """Say that the store cannot answer, in words that hold no secret."""
    said = str(error) if isinstance(error, _FAILURES) else "its address cannot be used"
    if isinstance(error, asyncio.TimeoutError):
        said = "it does not answer"
    return StoreUnavailable(f"the database failed: {type(error).__name__}: {said}")
