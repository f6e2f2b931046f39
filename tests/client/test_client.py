"""Both faces of the client against a real server, over a socket."""

from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.client import AsyncClient, Client, HttpFailure, MemoryCache, Refused
from tests.interop.serving import CALLBACK, EMAIL, GOODBYE, SCOPE, Serving, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as it:
        yield it


BACK: Any = {"redirect_uri": CALLBACK, "post_logout_redirect_uri": GOODBYE}


def who(server: Serving, client_id: str) -> tuple[str, str, str]:
    return server.issuer, client_id, server.secrets[client_id]


@pytest.mark.parametrize("client_id", ["web", "spa"])
def test_the_blocking_client_goes_the_whole_line(server: Serving, client_id: str):
    """S18, S37: sign in, refresh, give back; what was given back is refused."""
    with Client(*who(server, client_id), **BACK) as client:
        sign_in = client.begin(SCOPE)
        tokens = client.complete(sign_in.attempt, server.allow(sign_in.url))
        assert tokens.identity is not None
        assert tokens.identity.email == EMAIL
        assert tokens.scopes == set(SCOPE.split())
        fresh = client.refresh(tokens)
        assert fresh.refresh_token != tokens.refresh_token
        assert client.logout_url(fresh, "s").startswith(f"{server.issuer}/logout?")
        client.revoke(fresh.refresh_token or "")
        with pytest.raises(Refused, match="invalid_grant"):
            client.refresh(fresh)


@pytest.mark.anyio
async def test_the_async_client_goes_the_same_line(server: Serving):
    async with AsyncClient(*who(server, "web"), **BACK) as client:
        sign_in = await client.begin(SCOPE)
        tokens = await client.complete(sign_in.attempt, server.allow(sign_in.url))
        fresh = await client.refresh(tokens)
        assert fresh.identity == tokens.identity or fresh.identity is not None
        assert (await client.logout_url(fresh)).startswith(f"{server.issuer}/logout?")
        await client.revoke(fresh.refresh_token or "")
        with pytest.raises(Refused, match="invalid_grant"):
            await client.refresh(fresh)


@pytest.mark.anyio
async def test_a_service_gets_a_token_either_way(server: Serving):
    """RFC 6749 §4.4."""
    with Client(*who(server, "service")) as client:
        assert client.client_credentials("notes:read").scopes == {"notes:read"}
        with pytest.raises(Refused, match="invalid_scope"):
            client.client_credentials("openid")
    async with AsyncClient(*who(server, "service")) as other:
        assert (await other.client_credentials("notes:write")).scopes == {"notes:write"}


@pytest.mark.anyio
async def test_a_token_is_exchanged_for_less(server: Serving):
    """RFC 8693, S12, S73: by both faces; a ticket comes in its URL."""
    grants = ("--grant-type", "client_credentials", "--grant-type", "token-exchange")
    server.register("robot", *grants, "--scope", "notes:read notes:write")
    url = "https://notes.example/files/7"
    with Client(*who(server, "robot")) as client:
        whole = client.client_credentials().access_token
        less = client.exchange(whole, "notes:read", lifetime="60")
        assert less.scopes == {"notes:read"}
        with pytest.raises(Refused, match="invalid_scope"):
            client.exchange(less.access_token, "notes:write")
        link = client.ticket(whole, url, ticket_once="true")
        assert link.startswith(f"{url}?ticket=")
        with pytest.raises(Refused, match="invalid_request"):
            client.ticket(whole, "/files/7")
    async with AsyncClient(*who(server, "robot")) as other:
        assert (await other.exchange(whole, may_act="x")).scopes == {"notes:read", "notes:write"}
        assert (await other.ticket(whole, url)).startswith(f"{url}?ticket=")


def test_an_issuer_that_is_not_there_is_named():
    with (
        Client("http://127.0.0.1:9", "a") as client,
        pytest.raises(HttpFailure, match=r"http://127\.0\.0\.1:9"),
    ):
        client.begin("openid")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_an_option_that_there_is_not_is_refused(kind: Any):
    """Or tokens would be bound to no key, for want of an underscore."""
    with pytest.raises(TypeError, match="dpopkey"):
        kind("https://id.example", "app", dpopkey=None)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_cache_that_is_empty_is_a_cache(kind: Any):
    class Counted(MemoryCache):
        def __len__(self) -> int:
            return 0

    cache = Counted()
    assert kind("https://id.example", "app", cache=cache)._cache is cache


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_directory_is_no_cache(kind: type):
    """It would be noticed where the first token is to be kept."""
    with pytest.raises(TypeError, match=r"a str is no cache: write FileCache\(directory\)"):
        kind("https://id.example", "shop", cache="state/tokens")
