"""The body: bounded, and gone with its browser."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from counterfoil.bff import Upstream
from counterfoil.bff.asgi import Request, TurnedAway
from counterfoil.bff.body import KEPT, Body, Gone

pytestmark = pytest.mark.anyio
API = Upstream(url="https://orders.example", longest_body=3 * KEPT, patience=0.05)


def receiving(*pieces: bytes, ends: bool = True) -> Callable[[], Awaitable[dict]]:
    waiting = list(pieces)

    async def receive() -> dict:
        if waiting:
            body = waiting.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(waiting) or not ends}
        return {"type": "http.disconnect"}

    return receive


def body_of(*pieces: bytes, ends: bool = True, length: str = "") -> Body:
    headers = (("content-length", length),) if length else ()
    return Body(receiving(*pieces, ends=ends), Request("POST", "/", headers=headers), API)


async def test_a_short_one_is_read_whole():
    body = body_of(b"a", b"b")
    assert await body.ahead() == b"ab"
    assert body.has_ended


async def test_a_long_one_comes_piece_by_piece():
    body = body_of(b"a" * KEPT, b"b" * KEPT)
    begin = await body.ahead()
    assert not body.has_ended
    assert [len(piece) async for piece in body.rest(begin)] == [KEPT, KEPT]
    assert body.has_ended


async def test_one_that_is_too_long_is_refused_however_it_is_said():
    with pytest.raises(TurnedAway) as refused:
        body_of(length=str(3 * KEPT + 1))
    assert refused.value.reply.status == 413
    body = body_of(*[b"a" * KEPT] * 4)
    begin = await body.ahead()
    with pytest.raises(TurnedAway):
        [piece async for piece in body.rest(begin)]


async def test_one_that_does_not_come_is_not_waited_for():
    async def never() -> dict:
        await asyncio.Event().wait()
        raise AssertionError

    body = Body(never, Request("POST", "/"), API)
    with pytest.raises(TurnedAway) as refused:
        await body.ahead()
    assert refused.value.reply.status == 408


async def test_a_browser_that_leaves_is_noticed():
    with pytest.raises(Gone):
        await body_of(b"a", ends=False).ahead()
    body = body_of(b"a")
    await body.ahead()
    await asyncio.wait_for(body.gone(), 5)
