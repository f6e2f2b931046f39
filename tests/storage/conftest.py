"""Every engine that keeps the promises of ``records/store.py``, and a clock that tests set."""

import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from counterfoil.server.records.store import Store
from counterfoil.server.storage.sqlite import SqliteStore
from tests.storage.samples import NOW, add_people


class Clock:
    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


def open_sqlite(folder: Path, clock: Callable[[], float]) -> SqliteStore:
    return SqliteStore.open(folder / "counterfoil.db", clock=clock, random=secrets.token_bytes)


ENGINES: dict[str, Callable[[Path, Callable[[], float]], Store]] = {"sqlite": open_sqlite}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ENGINES)
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> AsyncIterator[Store]:
    opened = ENGINES[request.param](tmp_path, clock)
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
