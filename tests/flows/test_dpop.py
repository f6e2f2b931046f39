"""Tokens bound to a key, from the client's library to the guard, over sockets (RFC 9449)."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx2
import pytest

from counterfoil.client import Client, DpopKey, Refused, Tokens
from counterfoil.guard import Guard, Options, Proofs
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.jose.keys import PrivateKey
from counterfoil.server.records.policy import ClientPolicy
from tests.flows.serving import fresh, served
from tests.guard.test_asgi import Served, notes_app
from tests.installation import CALLBACK, NOTES, Installation, Person

pytestmark = pytest.mark.anyio

SCOPE = "openid offline_access notes:read"
APP = {
    "grant_types": ("authorization_code", "refresh_token"),
    "redirect_uris": (CALLBACK,),
    "scopes": frozenset({"openid", "offline_access", "notes:read"}),
}


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("served") / "data") as place:
        policy = ClientPolicy(in_session=True)
        await place.add_client("kiosk", public=True, policy=policy, **APP)
        await place.add_client("bff", policy=policy, **APP)
        yield place


@pytest.fixture
async def api(place: Installation) -> AsyncIterator[str]:
    """The notes API behind a guard that demands its own nonces."""
    options = Options(proofs=Proofs(nonces=True))
    with Guard(place.issuer, audience=NOTES, options=options) as guard:
        await fresh(guard)
        with Served(GuardMiddleware(notes_app(), guard)) as api:
            yield f"{api.url}/notes"


def started(place: Installation, client_id: str, key: DpopKey | None = None) -> Client:
    """The app, just started; without a key of its own it makes one in memory."""
    return Client(
        place.issuer,
        client_id,
        place.secrets.get(client_id),
        redirect_uri=CALLBACK,
        dpop_key=key or DpopKey.in_memory(),
    )


async def signed_in(place: Installation, app: Client) -> Tokens:
    sign_in = await anyio.to_thread.run_sync(app.begin, SCOPE)
    async with place.browser() as browser:
        person = Person(place, browser)
        page = await person.follow(await browser.get(sign_in.url))
        page = await person.sign_in(page)
        if page.status_code == 200:
            page = await person.allow(page)
        back = page.headers["location"]
    return await anyio.to_thread.run_sync(app.complete, sign_in.attempt, back)


async def refreshed(app: Client, tokens: Tokens) -> Tokens:
    return await anyio.to_thread.run_sync(app.refresh, tokens)


async def refusal(app: Client, tokens: Tokens) -> str:
    with pytest.raises(Refused) as refused:
        await refreshed(app, tokens)
    return refused.value.error


async def test_a_bound_token_goes_the_whole_line(place: Installation, api: str):
    """The API's nonce is asked for once; whoever has the token alone is refused."""
    with started(place, "spa") as app:
        tokens = await signed_in(place, app)
        assert tokens.token_type == "DPoP"
        answer = await anyio.to_thread.run_sync(app.fetch, tokens, api)
        assert answer.status == 200
        tokens = await refreshed(app, tokens)
        assert (await anyio.to_thread.run_sync(app.fetch, tokens, api)).status == 200
        headers = app.headers(tokens, "GET", api)
        with httpx2.Client(trust_env=False) as thief:
            stolen = {"authorization": f"Bearer {tokens.access_token}"}
            assert thief.get(api, headers=stolen).json()["error_reason"] == "wrong_binding"
            assert thief.get(api, headers=headers).status_code == 200
            assert thief.get(api, headers=headers).json()["error_reason"] == "proof_replayed"


@pytest.mark.parametrize("client_id", ["spa", "kiosk"])
async def test_a_refresh_token_of_a_device_needs_the_devices_key(
    place: Installation, tmp_path: Path, client_id: str
):
    """S20: copied to another machine it fails; on the device it works after every restart."""
    element = tmp_path / "element.pem"
    element.write_bytes(PrivateKey.generate().to_pem())

    def device() -> DpopKey:
        key = PrivateKey.from_pem(element.read_bytes(), "ES256")
        return DpopKey.on_device(key.public.as_jwk(), key.sign)

    with started(place, client_id, device()) as app:
        tokens = await signed_in(place, app)
    with started(place, client_id) as elsewhere:
        assert await refusal(elsewhere, tokens) == "invalid_grant"
    for _ in range(2):
        with started(place, client_id, device()) as again:
            tokens = await refreshed(again, tokens)


@pytest.mark.parametrize("client_id", ["kiosk", "bff"])
async def test_after_a_restart_of_the_app_its_refresh_token_is_worth_nothing(
    place: Installation, client_id: str
):
    """S21: the key was in memory only; the person signs in anew. Also of a confidential client."""
    with started(place, client_id) as app:
        tokens = await signed_in(place, app)
        tokens = await refreshed(app, tokens)
    with started(place, client_id) as restarted:
        assert await refusal(restarted, tokens) == "invalid_grant"
        anew = await signed_in(place, restarted)
        assert (await refreshed(restarted, anew)).refresh_token != tokens.refresh_token


async def test_an_in_session_family_cannot_begin_without_a_key(place: Installation):
    """S21: an app that proves none gets no tokens that would outlive it."""
    async with place.browser() as browser:
        person = Person(place, browser)
        code = await person.code("kiosk", scope="openid notes:read")
        answer = await person.exchange(code, "kiosk")
    assert answer.json()["error"] == "invalid_dpop_proof"


async def test_without_the_policy_a_confidential_client_may_restart(place: Installation):
    """Its refresh token is bound to its secret; the new key binds the new access token."""
    with started(place, "app") as app:
        tokens = await signed_in(place, app)
    with started(place, "app") as restarted:
        assert (await refreshed(restarted, tokens)).token_type == "DPoP"
