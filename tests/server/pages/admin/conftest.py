"""One installation for each module, and an administrator at a browser."""

import secrets
from collections.abc import AsyncIterator

import pytest

from tests.installation import Installation, Person
from tests.shared import anyio_backend, person, place, visitor

__all__ = ["anyio_backend", "boss", "person", "place", "visitor"]


@pytest.fixture
async def boss(place: Installation) -> AsyncIterator[Person]:
    """An administrator, signed in."""
    email = f"boss-{secrets.token_hex(4)}@example.com"
    user = await place.add_user(email, is_admin=True)
    async with place.browser() as browser:
        boss = Person(place, browser, email, user.id)
        await boss.sign_in(await browser.get("/sign-in"))
        yield boss
