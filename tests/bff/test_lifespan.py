"""The lifespan: connections are closed at its end."""

from typing import Any

import pytest

from counterfoil.bff.lifespan import run_lifespan

pytestmark = pytest.mark.anyio


async def lived(app: Any) -> list[str]:
    waiting = ["lifespan.startup", "lifespan.shutdown"]
    told: list[str] = []

    async def receive() -> Any:
        return {"type": waiting.pop(0)}

    async def send(message: Any) -> None:
        told.append(message["type"])

    async def close() -> None:
        told.append("closed")

    await run_lifespan(app, close, {"type": "lifespan"}, receive, send)
    return told


ALL = ["lifespan.startup.complete", "closed", "lifespan.shutdown.complete"]


async def test_without_pages_it_is_our_own():
    assert await lived(None) == ALL


async def test_pages_have_theirs():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    assert await lived(app) == ALL


async def test_pages_that_know_none_are_no_hindrance():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError

    assert await lived(app) == ALL


async def test_pages_that_only_turn_away_are_no_hindrance():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        return

    assert await lived(app) == ALL


async def test_pages_that_fail_to_start_are_heard():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError, match="no disk"):
        await lived(app)
