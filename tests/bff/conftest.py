"""One shop, and one app of it, for all who do not need another."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.bff.shop import App, Browser, Shop, opened
from tests.interop.serving import serving


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as server, opened(server) as it:
        yield it


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def usual_app(shop: Shop) -> AsyncIterator[App]:
    async with shop.app() as it:
        yield it


@pytest.fixture
def app(usual_app: App) -> App:
    """The app as most tests need it; a test may turn its clock, for itself alone."""
    usual_app.clock.ahead = 0
    usual_app.shop.odd.be_usual()
    return usual_app


@pytest.fixture
async def browser(app: App) -> AsyncIterator[Browser]:
    async with app.browser() as it:
        yield it
