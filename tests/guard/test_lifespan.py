"""The app's lifespan starts and stops its guard (ASGI, "Lifespan Protocol")."""

import pytest

from counterfoil.guard import Guard
from counterfoil.guard.gate import Gate
from counterfoil.guard.lifespan import guarded_lifespan
from tests.guard.issuer import AUDIENCE, TinyIssuer

pytestmark = pytest.mark.anyio


async def run(app, guard: Guard) -> list[tuple[str, bool]]:
    """What was sent, and whether the guard was running then."""
    sent: list[tuple[str, bool]] = []
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, object]:
        return {"type": next(messages)}

    async def send(message: dict[str, object]) -> None:
        sent.append((message["type"], guard.is_started))

    await guarded_lifespan(app, Gate(guard), {"type": "lifespan"}, receive, send)
    return sent


@pytest.fixture
def guard(issuer: TinyIssuer) -> Guard:
    return Guard(issuer.url, audience=AUDIENCE)


async def with_lifespan(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def without_lifespan(scope, receive, send):
    raise NotImplementedError(scope["type"])


@pytest.mark.parametrize("app", [with_lifespan, without_lifespan])
async def test_the_guard_runs_between_start_and_stop(app, guard: Guard):
    """Also for an app that has no lifespan."""
    sent = await run(app, guard)
    assert sent == [("lifespan.startup.complete", True), ("lifespan.shutdown.complete", False)]


async def test_the_app_starts_with_a_guard_that_knows(guard: Guard):
    async def app(scope, receive, send):
        await receive()
        assert guard.wait_until_fresh(0)
        await send({"type": "lifespan.startup.failed"})

    assert await run(app, guard) == [("lifespan.startup.failed", False)]


async def test_an_app_that_breaks_after_its_start_is_not_covered_up(guard: Guard):
    async def app(scope, receive, send):
        await receive()
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await run(app, guard)
    await guard.aclose()
