"""One installation for each module, and somebody who administers it."""

import pytest

from tests.administration import Administrator, administrator
from tests.installation import Installation
from tests.shared import anyio_backend, person, place, visitor

__all__ = ["admin", "anyio_backend", "person", "place", "visitor"]


@pytest.fixture
async def admin(place: Installation) -> Administrator:
    """A service that may do everything."""
    return await administrator(place)
