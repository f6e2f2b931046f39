"""Every engine that keeps the promises of ``records/store.py``, and a clock that tests set."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import apsw
import asyncpg
import pytest

from counterfoil.server.records.store import Store
from counterfoil.server.storage.moving.ends import End
from counterfoil.server.storage.moving.postgres_end import PostgresEnd
from counterfoil.server.storage.moving.sqlite_end import SqliteEnd
from counterfoil.server.storage.postgres import PostgresStore
from counterfoil.server.storage.postgres_pool import Room
from counterfoil.server.storage.sqlite import SqliteStore
from tests.postgres import TEMPLATE, Postgres
from tests.storage.samples import NOW, PATIENT, add_people


class Clock:
    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


def open_sqlite(folder: Path, clock: Callable[[], float]) -> SqliteStore:
    path, random = folder / "counterfoil.db", secrets.token_bytes
    return SqliteStore.open(path, clock=clock, random=random, bounds=PATIENT)


async def open_postgres(url: str, clock: Callable[[], float]) -> PostgresStore:
    room = Room(10, PATIENT)
    return await PostgresStore.open(url, clock=clock, random=secrets.token_bytes, room=room)


class Engine:
    """Opens stores: each of them on a database of its own, or one more on the last one's."""

    def __init__(self, name: str, folder: Path, server: Postgres | None) -> None:
        self.name = name
        self._folder = folder
        self._server = server
        self._made: list[str] = []

    @property
    def where(self) -> str:
        """The path or the URL of the last database."""
        if self._server is None:
            return str(self._folder / self._made[-1] / "counterfoil.db")
        return self._server.url(self._made[-1])

    async def open(
        self, clock: Callable[[], float], *, anew: bool = False, template: str = TEMPLATE
    ) -> Store:
        """Open a store on the database that there is; ``anew``: on one that nobody used."""
        if self._server is None:
            if anew or not self._made:
                self._made.append(f"{len(self._made)}")
            return open_sqlite(self._folder / self._made[-1], clock)
        if anew or not self._made:
            self._made.append(self._server.create(template))
        return await open_postgres(self._server.url(self._made[-1]), clock)

    async def end(self, *, anew: bool = False) -> End:
        """Open the last one's database as the end of a move; ``anew``: one in which nothing is."""
        if self._server is None:
            if anew:
                self._made.append(f"{len(self._made)}")
            return SqliteEnd.make(self.file, secrets.token_bytes)
        if anew:
            self._made.append(self._server.create())
        return await PostgresEnd.open(self.url, "the database", secrets.token_bytes)

    @property
    def file(self) -> Path:
        """The last one's file, where that is what it is."""
        folder = self._folder / self._made[-1]
        folder.mkdir(exist_ok=True)
        return folder / "counterfoil.db"

    @property
    def url(self) -> str:
        """The last one's address, where it has one."""
        assert self._server is not None
        return self._server.url(self._made[-1])

    async def run(self, sql: str) -> None:
        """Run a statement on the last one's database, as somebody who knows nothing of us does."""
        if self._server is None:
            with closing(apsw.Connection(str(self.file))) as engine:
                engine.execute(sql)
            return
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    @asynccontextmanager
    async def opened(self, clock: Callable[[], float]) -> AsyncIterator[Store]:
        """A store on a database that nobody used, for as long as the block lasts."""
        store = await self.open(clock, anew=True)
        try:
            yield store
        finally:
            await store.close()

    def close(self) -> None:
        for name in self._made if self._server is not None else ():
            assert self._server is not None
            self._server.drop(name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    name = request.param
    made = request.getfixturevalue("postgres_server") if name == "postgres" else None
    with closing(Engine(name, tmp_path, made)) as engine:
        yield engine


@pytest.fixture
async def store(engine: Engine, clock: Clock) -> AsyncIterator[Store]:
    opened = await engine.open(clock)
    yield opened
    await opened.close()


@pytest.fixture
async def peopled(store: Store) -> Store:
    """A store with a user, a client and a grant."""
    await store.transact(add_people)
    return store


@pytest.fixture
async def sqlite(tmp_path: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    opened = open_sqlite(tmp_path, clock)
    yield opened
    await opened.close()


@pytest.fixture
async def postgres(database: str, clock: Clock) -> AsyncIterator[PostgresStore]:
    opened = await open_postgres(database, clock)
    yield opened
    await opened.close()
