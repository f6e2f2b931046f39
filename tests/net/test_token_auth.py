"""httpx2 with a holder's tokens: the real library, against a real port, blocking and async."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from counterfoil.client.call import Calls, Places
from counterfoil.client.flows import Flows
from counterfoil.client.tokens import Tokens
from counterfoil.net.token_auth import AsyncAuth, BlockingAuth
from tests.client.conversation import OUTSIDE, REGISTRATION
from tests.client.listening import Api, listening

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("how", ["blocking", "async"])]


@pytest.fixture
def api() -> Iterator[Api]:
    with listening() as it:
        it.good = {"a1"}
        yield it


def calls_to(*addresses: str) -> Calls:
    flows = Flows(REGISTRATION, OUTSIDE)
    return Calls(Places.of(addresses), flows.headers, flows.prover)


def tokens_after(refused: str) -> Tokens:
    """Gives ``a0``, and ``a1`` once that was refused."""
    return Tokens(access_token="a1" if refused else "a0")


async def request(how: str, api: Api, method: str, url: str, **options: Any) -> httpx2.Response:
    """Call with the auth for the API's address; redirects are followed."""
    if how == "blocking":
        blocking = BlockingAuth(calls_to(api.url), tokens_after)
        with httpx2.Client(auth=blocking, follow_redirects=True, trust_env=False) as client:
            return client.request(method, url, **options)

    async def tokens(refused: str) -> Tokens:
        return tokens_after(refused)

    auth = AsyncAuth(calls_to(api.url), tokens)
    async with httpx2.AsyncClient(auth=auth, follow_redirects=True, trust_env=False) as client:
        return await client.request(method, url, **options)


async def test_a_refused_token_is_replaced_and_the_body_sent_again(how: str, api: Api):
    answer = await request(how, api, "POST", f"{api.url}/x", json={"a": 1})
    assert (answer.status_code, answer.text) == (200, "ok")
    assert api.shown == ["Bearer a0", "Bearer a1"]
    assert len({body for *_, body in api.asked}) == 1


async def test_a_second_refusal_is_told(how: str, api: Api):
    api.good = set()
    answer = await request(how, api, "GET", f"{api.url}/x")
    assert answer.status_code == 401
    assert api.shown == ["Bearer a0", "Bearer a1"]


async def test_a_stream_is_not_sent_twice(how: str, api: Api):
    async def pieces() -> AsyncIterator[bytes]:
        yield b"ab"

    stream: Any = pieces() if how == "async" else iter([b"ab"])
    answer = await request(how, api, "POST", f"{api.url}/x", content=stream)
    assert answer.status_code == 401
    assert [body for *_, body in api.asked] == [b"ab"]


async def test_a_redirect_elsewhere_takes_no_token_along(how: str, api: Api):
    with listening() as other:
        answer = await request(how, api, "GET", f"{api.url}/to/{other.url}/x")
        assert answer.status_code == 401
        assert other.shown == [""]
    assert api.shown == ["Bearer a0"]


async def test_another_address_gets_nothing(how: str, api: Api):
    with listening() as other, pytest.raises(ValueError, match="this token is for"):
        await request(how, api, "GET", other.url)
    assert other.asked == []


async def test_the_auth_of_the_other_kind_of_client_is_a_mistake_that_is_said(how: str, api: Api):
    if how == "blocking":

        async def tokens(refused: str) -> Tokens:
            return tokens_after(refused)

        with (
            httpx2.Client(auth=AsyncAuth(calls_to(api.url), tokens), trust_env=False) as client,
            pytest.raises(TypeError, match="of Client"),
        ):
            client.get(api.url)
    else:
        auth = BlockingAuth(calls_to(api.url), tokens_after)
        async with httpx2.AsyncClient(auth=auth, trust_env=False) as client:
            with pytest.raises(TypeError, match="AsyncClient"):
                await client.get(api.url)
    assert api.asked == []
