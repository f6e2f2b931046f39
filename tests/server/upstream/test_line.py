"""Providers are asked where they are, and nowhere inside a network of ours."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from counterfoil.net.exchange import Request
from counterfoil.net.http import BadAnswer
from counterfoil.net.outward import LOOPBACK, NotOutside, OutwardClient
from counterfoil.server.upstream.line import Line
from tests.installation import Clock
from tests.upstreams import Upstream, upstream

pytestmark = pytest.mark.anyio


@pytest.fixture
async def theirs() -> AsyncIterator[Upstream]:
    async with upstream(Upstream, Clock()) as it:
        yield it


async def keys_of(theirs: Upstream, *allowed: Any) -> Any:
    line = Line(Clock(), OutwardClient(allowed))
    try:
        return await line.run(line.issuers.named(theirs.issuer).keys_for("a token"))
    finally:
        await line.aclose()


async def test_what_a_provider_publishes_is_had(theirs: Upstream):
    assert theirs.key.public.kid in await keys_of(theirs, *LOOPBACK)
    assert theirs.fetched == {"/.well-known/openid-configuration": 1, "/jwks": 1}


async def test_a_provider_in_a_network_of_ours_is_not_asked(theirs: Upstream):
    """Whoever may name a provider must not reach what stands behind the server with it."""
    with pytest.raises(NotOutside):
        await keys_of(theirs)
    assert theirs.fetched == {}


async def test_an_endpoint_whose_name_leads_elsewhere_a_moment_later_is_not_asked(
    theirs: Upstream, monkeypatch: pytest.MonkeyPatch
):
    """Its metadata come from where it may be; the name of its keys leads to a machine of ours."""
    real = asyncio.get_running_loop().getaddrinfo

    async def getaddrinfo(host: str, port: int, **given: Any) -> Any:
        if host == "keys.example":
            return [(0, 0, 0, "", ("10.0.0.1", port))]
        return await real(host, port, **given)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
    theirs.metadata = {"jwks_uri": "https://keys.example/jwks"}
    with pytest.raises(NotOutside, match=r"10\.0\.0\.1"):
        await keys_of(theirs, *LOOPBACK)


async def test_an_answer_is_read_whole_and_a_redirect_is_one_too(theirs: Upstream):
    client = OutwardClient(LOOPBACK)
    asked = Request(f"{theirs.issuer}/authorize?state=s&redirect_uri=http://127.0.0.1:1/")
    try:
        assert (await client.send(asked)).status == 302
        with pytest.raises(BadAnswer, match="media type"):
            (await client.send(Request(f"{theirs.issuer}/none"))).json()
        who = await client.send(
            Request(f"{theirs.issuer}/userinfo", authorization="Bearer of nobody")
        )
    finally:
        await client.aclose()
    assert (who.status, who.json()) == (401, {"error": "invalid_token"})
