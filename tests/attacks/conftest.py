"""What the attacks share: installations to attack, one per module where nothing lasting is done."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.each_engine import pytest_generate_tests
from tests.guard.desk import Desk
from tests.installation import Installation, installed

__all__ = ["anyio_backend", "desk", "own", "pytest_generate_tests", "secure", "site"]

PLENTY = {"sign_in_rate_per_minute": 1_000_000, "token_failures_per_minute": 1_000_000}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def desk() -> Desk:
    """A guard whose issuer sits at the same desk."""
    return Desk()


@pytest.fixture(scope="module")
async def site(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    """One installation for a whole module: its clock stands, and nobody in it is locked out."""
    async with installed(tmp_path_factory.mktemp("site"), **PLENTY) as installation:
        yield installation


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Installation]:
    """An installation of a test's own, where it may turn the clock and lock people out."""
    async with installed(tmp_path) as installation:
        yield installation


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[Installation]:
    """An installation as the world reaches it: over https."""
    async with installed(tmp_path, issuer="https://id.example", **PLENTY) as installation:
        yield installation
