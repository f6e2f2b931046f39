"""RFC 7009: a client gives a token back."""

import pytest

from tests.installation import Installation, Person, token_request

pytestmark = pytest.mark.anyio


async def is_active(place: Installation, client_id: str, token: str) -> bool:
    answer = await place.post("/introspect", client_id, token=token)
    return bool(answer.json()["active"])


async def test_an_access_token_is_revoked_and_its_siblings_live(place: Installation):
    """§2; S37: the client ends its own token; S45: exactly that one."""
    first, second = await place.service_token(), await place.service_token()
    assert await is_active(place, "service", first)
    answer = await place.post("/revoke", "service", token=first)
    assert answer.status_code == 200
    assert not await is_active(place, "service", first)
    assert await is_active(place, "service", second)


async def test_a_refresh_token_ends_with_all_access_tokens_of_its_family(
    place: Installation, person: Person
):
    """§2.1: the server should also invalidate the access tokens; S46: the group in one call."""
    tokens = await person.tokens()
    shown = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    renewed = (await token_request(place, "app", **shown)).json()
    issued = tokens["access_token"], renewed["access_token"]
    assert [await is_active(place, "app", token) for token in issued] == [True, True]
    await place.post("/revoke", "app", token=renewed["refresh_token"])
    assert [await is_active(place, "app", token) for token in issued] == [False, False]
    shown["refresh_token"] = renewed["refresh_token"]
    assert (await token_request(place, "app", **shown)).json()["error"] == "invalid_grant"


async def test_an_older_refresh_token_ends_the_family_too(place: Installation, person: Person):
    """§2.1: revoked is what the token stands for, even where the client holds an old one."""
    tokens = await person.tokens()
    shown = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    renewed = (await token_request(place, "app", **shown)).json()
    await place.post("/revoke", "app", token=tokens["refresh_token"])
    assert not await is_active(place, "app", renewed["access_token"])


@pytest.mark.parametrize("token", ["x", "a.b.c", "cfrt_AAAAAAAAAAAAAAAAAAAAAAAAAAA-00000000"])
async def test_an_unknown_token_is_no_error(place: Installation, token: str):
    """§2.2: the purpose is reached already."""
    assert (await place.post("/revoke", "service", token=token)).status_code == 200


async def test_revoking_again_is_no_error(place: Installation):
    """§2.2."""
    token = await place.service_token()
    for _ in range(2):
        assert (await place.post("/revoke", "service", token=token)).status_code == 200


async def test_an_expired_token_is_no_error_and_leaves_no_notice(place: Installation):
    """§2.2; S41: nothing is remembered of what has ended by itself."""
    token = await place.service_token()
    place.clock.turn(place.authority.settings.access_token_lifetime)
    before = place.authority.hub.position
    assert (await place.post("/revoke", "service", token=token)).status_code == 200
    assert place.authority.hub.position == before


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_another_clients_token_is_refused_and_stays(
    place: Installation, person: Person, kind: str
):
    """§2.1: whether the token was issued to this client is verified."""
    tokens = await person.tokens()
    answer = await place.post("/revoke", "service", token=tokens[kind])
    assert answer.status_code == 400
    assert answer.json()["error"] == "unauthorized_client"
    assert await is_active(place, "app", tokens[kind])


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
async def test_the_hint_changes_nothing(place: Installation, hint: str):
    """§2.1: a wrong or unknown token_type_hint must not keep a token alive."""
    token = await place.service_token()
    answer = await place.post("/revoke", "service", token=token, token_type_hint=hint)
    assert answer.status_code == 200
    assert not await is_active(place, "service", token)


async def test_the_token_must_be_given(place: Installation):
    """§2.1, §2.2.1: errors as in RFC 6749 §5.2."""
    answer = await place.post("/revoke", "service", token="")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "token" in answer.json()["error_description"]


async def test_the_client_must_be_authenticated(place: Installation):
    """§2.1, §2.2.1."""
    token = await place.service_token()
    async with place.browser() as anyone:
        answer = await anyone.post("/revoke", data={"token": token}, auth=("service", "wrong"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert await is_active(place, "service", token)


async def test_a_public_client_revokes_by_its_name(place: Installation, person: Person):
    """§2.1, §5: the token itself is what it holds."""
    tokens = await person.tokens("spa")
    async with place.browser() as anyone:
        form = {"client_id": "spa", "token": tokens["refresh_token"]}
        assert (await anyone.post("/revoke", data=form)).status_code == 200
    shown = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await token_request(place, "spa", **shown)).json()["error"] == "invalid_grant"


async def test_only_post_revokes(place: Installation):
    """§2.1: a GET could be sent by any image tag."""
    async with place.browser() as anyone:
        answer = await anyone.get("/revoke", params={"token": "x", "client_id": "spa"})
    assert answer.status_code == 405
