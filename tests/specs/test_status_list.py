"""draft-ietf-oauth-status-list, as a verifier that knows nothing of ours reads it."""

import base64
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import jwt as pyjwt
import pytest

from tests.installation import NOTES, Installation, installed

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("data")) as place:
        await place.set_policy(NOTES, status_list=True)
        yield place


async def status_of(anyone: httpx2.AsyncClient, token: str, now: float) -> int:
    """§8.3, step by step, by hand and with PyJWT."""
    reference = claims_in(token)["status"]["status_list"]
    answer = await anyone.get(reference["uri"], headers={"accept": "application/statuslist+jwt"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/statuslist+jwt"
    assert pyjwt.get_unverified_header(answer.text)["typ"] == "statuslist+jwt"
    jwks = pyjwt.PyJWKSet.from_dict((await anyone.get("/jwks.json")).json())
    key = jwks[pyjwt.get_unverified_header(answer.text)["kid"]]
    ignored = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    claims = pyjwt.decode(answer.text, key.key, algorithms=["ES256"], options=ignored)
    assert claims["sub"] == reference["uri"]
    assert claims["iat"] <= now < claims["exp"]
    assert claims["ttl"] > 0
    assert claims["status_list"]["bits"] == 1
    packed = claims["status_list"]["lst"]
    bits = zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    return bits[reference["idx"] // 8] >> (reference["idx"] % 8) & 1


def claims_in(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


async def test_a_stranger_learns_of_an_ending(place: Installation):
    """§7.1: 0 is valid, 1 is invalid."""
    tokens = [await place.service_token() for _ in range(5)]
    async with place.browser() as anyone:
        assert [await status_of(anyone, t, place.clock()) for t in tokens] == [0] * 5
        await place.post("/revoke", "service", token=tokens[2])
        assert [await status_of(anyone, t, place.clock()) for t in tokens] == [0, 0, 1, 0, 0]


async def test_scripts_in_browsers_may_ask(place: Installation):
    """§8.1: CORS."""
    uri = claims_in(await place.service_token())["status"]["status_list"]["uri"]
    async with place.browser() as anyone:
        asked = {"origin": "https://spa.example", "access-control-request-method": "GET"}
        answer = await anyone.options(uri, headers=asked)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert (await anyone.get(uri)).headers["access-control-allow-origin"] == "*"


async def test_a_list_has_room_for_many_so_that_one_is_not_known_by_it(place: Installation):
    """§12.1: whoever sees which list is fetched learns little of which token was shown."""
    uri = claims_in(await place.service_token())["status"]["status_list"]["uri"]
    async with place.browser() as anyone:
        lst = claims_in((await anyone.get(uri)).text)["status_list"]["lst"]
    assert len(zlib.decompress(base64.urlsafe_b64decode(lst + "=="))) * 8 >= 8192


async def test_a_token_of_another_api_has_no_status(place: Installation):
    """Only where the API asked for it."""
    await place.add_api("https://mail.example", "Mail", {"mail:read": "Read your mail"})
    await place.add_client("courier", scopes=frozenset({"mail:read"}))
    assert "status" not in claims_in(await place.service_token("courier"))
