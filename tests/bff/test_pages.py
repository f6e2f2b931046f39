"""The app's own pages."""

from typing import Any

import pytest

from counterfoil.bff import BackendForFrontend
from counterfoil.bff.pages import POLICY
from counterfoil.client import AsyncClient
from tests.bff.shop import ORIGIN, at

pytestmark = pytest.mark.anyio


def backend(pages: Any) -> BackendForFrontend:
    client = AsyncClient("https://id.example", "shop", "s", redirect_uri=f"{ORIGIN}/bff/callback")
    return BackendForFrontend(client, {}, pages)


def pages(*headers: tuple[bytes, bytes]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    return app


async def test_a_page_loads_scripts_of_this_site_alone():
    """S103: none that stands in the page, and none from elsewhere."""
    async with at(backend(pages())) as browser:
        answer = await browser.get("/orders")
    assert answer.text == "/orders"
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_assets_may_come_from_elsewhere_where_the_app_says_so():
    """S98: a page says by its own policy from where; the API takes no part in it."""
    own = b"default-src 'self'; script-src https://cdn.example"
    async with at(backend(pages((b"Content-Security-Policy", own)))) as browser:
        answer = await browser.get("/")
    assert answer.headers.get_list("content-security-policy") == [own.decode()]


async def test_where_there_are_no_pages_there_is_nothing():
    async with at(backend(None)) as browser:
        assert (await browser.get("/")).status_code == 404


@pytest.mark.parametrize("path", ["/bff/x", "/orders"])
async def test_a_websocket_is_not_taken(path: str):
    told: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        told.append(message)

    await backend(None)({"type": "websocket", "path": path, "headers": []}, receive, send)
    assert [message["type"] for message in told] == ["websocket.close"]
