"""RFC 7662: introspection says whether a token stands, and nothing more than it must."""

import pytest

from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from tests.installation import NOTES, Installation, Person, token_request

pytestmark = pytest.mark.anyio


async def introspect(place: Installation, client_id: str, token: str) -> dict[str, object]:
    answer = await place.post("/introspect", client_id, token=token)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


async def test_a_living_access_token_is_described(place: Installation, person: Person):
    """§2.2: active and what is known of it."""
    tokens = await person.tokens()
    said = await introspect(place, "app", tokens["access_token"])
    now = int(place.clock())
    assert said.pop("jti")
    assert said == {
        "active": True,
        "scope": "notes:read openid",
        "client_id": "app",
        "token_type": "Bearer",
        "exp": now + place.authority.settings.access_token_lifetime,
        "iat": now,
        "sub": person.user_id,
        "aud": NOTES,
        "iss": place.issuer,
        "auth_time": now,
        "acr": "sfa",
    }


async def test_a_living_refresh_token_is_described(place: Installation, person: Person):
    """§2.2: any kind of token that the server issues."""
    tokens = await person.tokens()
    said = await introspect(place, "app", tokens["refresh_token"])
    assert said["active"] is True
    assert said["sub"] == person.user_id
    assert said["exp"] == int(place.clock()) + place.authority.settings.refresh_idle_lifetime


async def test_a_replaced_refresh_token_is_not_active(place: Installation, person: Person):
    """§2.2: it cannot be used any more."""
    tokens = await person.tokens()
    await token_request(
        place, "app", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert await introspect(place, "app", tokens["refresh_token"]) == {"active": False}


async def test_an_expired_token_is_not_active(place: Installation):
    """§2.2, §4: S16 expiry is checked, S36 beside revocation."""
    token = await place.service_token()
    place.clock.turn(place.authority.settings.access_token_lifetime - 1)
    assert (await introspect(place, "service", token))["active"] is True
    place.clock.turn(1)
    assert await introspect(place, "service", token) == {"active": False}


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "cfrt_AAAAAAAAAAAAAAAAAAAAAAAAAAA-00000000"])
async def test_what_is_no_token_of_ours_is_not_active(place: Installation, token: str):
    """§2.2: only active, without a reason."""
    assert await introspect(place, "service", token) == {"active": False}


async def test_an_altered_token_is_not_active(place: Installation):
    """§4: the signature is checked; S70: any changed byte."""
    header, payload, signature = (await place.service_token()).split(".")
    middle = len(payload) // 2
    altered = payload[:middle] + ("A" if payload[middle] != "A" else "B") + payload[middle + 1 :]
    token = f"{header}.{altered}.{signature}"
    assert await introspect(place, "service", token) == {"active": False}


async def test_an_id_token_is_not_active(place: Installation, person: Person):
    """§2.2; S75: it is no token that an API may accept."""
    tokens = await person.tokens()
    assert await introspect(place, "app", tokens["id_token"]) == {"active": False}


async def test_another_clients_token_looks_like_none(place: Installation, person: Person):
    """§4: nobody learns about tokens by trying."""
    tokens = await person.tokens()
    for kind in ("access_token", "refresh_token"):
        assert await introspect(place, "service", tokens[kind]) == {"active": False}


async def test_an_api_that_may_introspect_learns_of_every_token(
    place: Installation, person: Person
):
    """§2.1: the protected resource asks with credentials of its own."""
    await place.add_client("notes-api", scopes=frozenset({"introspect", "notes:read"}))
    tokens = await person.tokens()
    assert (await introspect(place, "notes-api", tokens["access_token"]))["active"] is True


async def test_nobody_asks_without_credentials(place: Installation):
    """§2.1, §2.3: 401, so that tokens cannot be scanned."""
    token = await place.service_token()
    async with place.browser() as anyone:
        for auth, form in (
            (None, {"token": token}),
            (("service", "wrong"), {"token": token}),
            (None, {"token": token, "client_id": "service"}),
        ):
            answer = await anyone.post("/introspect", data=form, auth=auth)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_public_client_may_not_ask(place: Installation):
    """§2.1: some form of authorization is a must, and a name alone is none."""
    async with place.browser() as anyone:
        answer = await anyone.post("/introspect", data={"token": "x", "client_id": "spa"})
    assert answer.json()["error"] == "unauthorized_client"


async def test_the_token_must_be_given(place: Installation):
    """§2.1, §2.3."""
    answer = await place.post("/introspect", "service", token="")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_get_is_refused(place: Installation):
    """§2.1: POST, for a token must not stand in a URL."""
    async with place.browser() as anyone:
        answer = await anyone.get("/introspect", params={"token": "x"})
    assert answer.status_code == 405


async def test_tokens_of_a_disabled_client_are_not_active(place: Installation):
    """§2.2, §4: the client has been disabled, whoever asks."""
    await place.add_client("asker", scopes=frozenset({"introspect"}))
    await place.add_client("leaving")
    token = await place.service_token("leaving")
    assert (await introspect(place, "asker", token))["active"] is True
    await place.authority.store.transact(lambda tx: revocation.disable_client(tx, "leaving", CLI))
    assert await introspect(place, "asker", token) == {"active": False}
