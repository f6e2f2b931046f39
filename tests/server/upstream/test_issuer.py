"""What is known of a provider, and how seldom it is asked."""

import pytest

from counterfoil.net.exchange import AsyncSender
from counterfoil.net.http import BadAnswer, HttpFailure
from counterfoil.server.upstream.issuer import (
    AT_ONCE,
    COOLDOWN,
    METADATA_AGE,
    Issuer,
    Issuers,
    demand_own,
)
from tests.installation import Clock
from tests.upstreams import Upstream, upstream

pytestmark = pytest.mark.anyio
CONFIGURATION = "/.well-known/openid-configuration"
NAMES_NOTHING_KNOWN = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im5vbmUifQ.e30.AA"
TENANTS = "https://login.example/{tenantid}/v2.0"
TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"


async def test_metadata_is_fetched_once_an_hour_and_used_on_when_that_fails():
    clock = Clock()
    async with upstream(Upstream, clock) as theirs, AsyncSender() as sender:
        issuer = Issuer(theirs.issuer, clock)
        for _ in range(3):
            metadata = await sender.run(issuer.metadata())
        assert metadata.address("token_endpoint") == f"{theirs.issuer}/token"
        assert theirs.fetched == {CONFIGURATION: 1}
        theirs.metadata = {"issuer": "https://another.example"}
        clock.turn(METADATA_AGE)
        for _ in range(3):
            assert await sender.run(issuer.metadata()) == metadata
        assert theirs.fetched == {CONFIGURATION: 2}


async def test_the_document_of_another_issuer_is_not_taken_nor_fetched_again_at_once():
    clock = Clock()
    async with upstream(Upstream, clock) as theirs, AsyncSender() as sender:
        theirs.metadata = {"issuer": f"{theirs.issuer}/"}
        issuer = Issuer(theirs.issuer, clock)
        for _ in range(3):
            with pytest.raises(HttpFailure, match="names another issuer"):
                await sender.run(issuer.metadata())
        assert theirs.fetched == {CONFIGURATION: 1}
        theirs.metadata = {}
        clock.turn(COOLDOWN)
        assert (await sender.run(issuer.metadata())).issuer == theirs.issuer


async def test_a_flood_of_unknown_keys_fetches_no_more_than_is_stated():
    clock = Clock()
    async with upstream(Upstream, clock) as theirs, AsyncSender() as sender:
        issuer = Issuer(theirs.issuer, clock)
        for _ in range(20):
            await sender.run(issuer.keys_for(NAMES_NOTHING_KNOWN))
        assert theirs.fetched["/jwks"] == 1
        clock.turn(COOLDOWN)
        for _ in range(20):
            await sender.run(issuer.keys_for(NAMES_NOTHING_KNOWN))
        assert theirs.fetched["/jwks"] == 2


async def test_a_provider_that_hangs_is_waited_for_by_few():
    """Who sends many tokens at once that name it would else have all who wait for providers."""
    clock = Clock()
    issuer = Issuer("https://hangs.example", clock)
    asking = [issuer.keys_for(NAMES_NOTHING_KNOWN) for _ in range(AT_ONCE)]
    for each in asking:
        next(each)
    with pytest.raises(BadAnswer, match="already"):
        next(issuer.keys_for(NAMES_NOTHING_KNOWN))
    with pytest.raises(BadAnswer, match="already"):
        next(issuer.metadata())
    asking.pop().close()
    next(issuer.keys_for(NAMES_NOTHING_KNOWN))


async def test_what_is_known_is_used_while_few_ask_anew():
    clock = Clock()
    async with upstream(Upstream, clock) as theirs, AsyncSender() as sender:
        issuer = Issuer(theirs.issuer, clock)
        keys = await sender.run(issuer.keys_for(NAMES_NOTHING_KNOWN))
        metadata = await sender.run(issuer.metadata())
        clock.turn(METADATA_AGE)
        asking = [issuer.keys_for(NAMES_NOTHING_KNOWN) for _ in range(AT_ONCE)]
        for each in asking:
            next(each)
        assert await sender.run(issuer.keys_for(NAMES_NOTHING_KNOWN)) is keys
        assert await sender.run(issuer.metadata()) is metadata


@pytest.mark.parametrize(
    "url",
    [
        "http://accounts.example/token",
        "https://127.0.0.1/token",
        "http://localhost:8000/admin",
        "https://[::1]/token",
        "file:///etc/passwd",
        "https://accounts.example/to\nken",
        "https://user@accounts.example/token",
    ],
)
def test_no_endpoint_is_this_machines_or_out_of_reach_of_tls(url: str):
    """A provider cannot have us call what only we can reach."""
    with pytest.raises(BadAnswer):
        demand_own("https://accounts.example", url)
    assert demand_own("http://127.0.0.1:9", "http://127.0.0.1:8/token")


def test_an_issuer_of_tenants_names_each_of_them_and_nobody_else():
    issuer = Issuer(TENANTS, Clock())
    own = f"https://login.example/{TENANT}/v2.0"
    assert issuer.of_tenant(TENANT) == own
    assert issuer.names(own)
    for other in ("common", f"{TENANT}/../x", "", None, f"evil.example/{TENANT}"):
        with pytest.raises(BadAnswer):
            issuer.of_tenant(other)
    assert not issuer.names(TENANTS)
    assert not issuer.names(f"https://login-example/{TENANT}/v2.0")
    plain = Issuer("https://accounts.example", Clock())
    assert plain.of_tenant(TENANT) == plain.name
    assert not plain.names(own)


def test_one_issuer_is_known_once():
    issuers = Issuers(Clock())
    assert issuers.named("https://a.example") is issuers.named("https://a.example")
    assert issuers.named("https://a.example") is not issuers.named("https://b.example")
