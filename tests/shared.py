"""Fixtures for modules whose tests share one installation: each test brings its own person."""

import secrets
from collections.abc import AsyncIterator

import pytest

from tests.installation import Installation, Person, installed

__all__ = ["anyio_backend", "person", "place", "visitor"]

UNTHROTTLED = {"sign_in_rate_per_minute": 100_000, "token_failures_per_minute": 100_000}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    """An installation for a whole module. Its clock may be turned, forward only."""
    async with installed(tmp_path_factory.mktemp("data"), **UNTHROTTLED) as place:
        yield place


@pytest.fixture
async def person(place: Installation) -> AsyncIterator[Person]:
    """Somebody new, at a new browser, not signed in yet."""
    email = f"{secrets.token_hex(6)}@example.com"
    user = await place.add_user(email, name="Grace")
    async with place.browser() as browser:
        yield Person(place, browser, email, user.id)


@pytest.fixture
async def visitor(place: Installation, person: Person) -> AsyncIterator[Person]:
    """The same person, at another browser."""
    async with place.browser() as browser:
        yield Person(place, browser, person.email, person.user_id)
