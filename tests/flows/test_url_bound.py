"""Tokens that are bound to a URL, from the token request to the guarded API."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.guard import Credentials, Guard, Issuer, Rejected
from counterfoil.guard.gate import Gate
from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.url_binding import TYPE
from tests.flows.serving import fresh, served
from tests.guard.desk import request
from tests.installation import NOTES, Installation, Person, installed

pytestmark = pytest.mark.anyio
FILE = "https://notes.example/files/7"
BOUND = {"url": "https://NOTES.example:443/files/%37"}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


@pytest.fixture
async def person(place: Installation) -> AsyncIterator[Person]:
    async with place.browser() as browser:
        yield Person(place, browser)


def bound_in(token: str) -> Any:
    assert unverified_header(token)["typ"] == TYPE
    return unverified_claims(token)["url_bound"]


async def reason(gate: Gate, path: str, token: str) -> Reason | None:
    try:
        await gate.admit(request(path, token=token))
    except Rejected as rejected:
        return rejected.reason
    return None


async def test_a_service_binds_its_token_to_one_url(tmp_path: Path):
    """S52: from the real server to a real guard; S53: so, too, by the hash of the URL."""
    async with served(tmp_path) as place:
        with Guard(place.issuer, audience=NOTES) as guard:
            await fresh(guard)
            gate = Gate(guard)
            clear = await place.service_token(**BOUND)
            hashed = await place.service_token(**BOUND, url_hashed="true")
            assert bound_in(clear) == {"methods": ["GET"], "url": FILE}
            assert bound_in(hashed).keys() == {"methods", "hash"}
            for token in (clear, hashed):
                assert await reason(gate, "/files/7", token) is None
                assert await reason(gate, "/files/8", token) is Reason.WRONG_TARGET
            answer = await place.post("/revoke", "service", token=clear)
            assert answer.status_code == 200


async def test_a_reference_token_binds_as_well(tmp_path: Path):
    """What the issuer says of it holds the claim; to whoever does not know it, it is no token."""
    async with served(tmp_path) as place:
        await place.set_policy(NOTES, token_format="reference")
        secret = await place.add_client("guard", scopes=frozenset({"introspect"}))
        issuer = Issuer(place.issuer, reference=True, credentials=Credentials("guard", secret))
        with Guard(issuers=[issuer], audience=NOTES) as guard:
            await fresh(guard)
            gate, token = Gate(guard), await place.service_token(**BOUND)
            assert await reason(gate, "/files/7", token) is None
            assert await reason(gate, "/files/8", token) is Reason.WRONG_TARGET
            assert (await place.post("/introspect", "guard", token=token)).json() == {
                "active": False
            }
            await guard.aclose()


async def test_a_person_s_app_narrows_the_one_token_and_not_the_family(person: Person):
    """S52: by a code, and by a refresh; the refresh token stays what it was."""
    code = await person.code(scope="openid offline_access notes:read")
    tokens = (await person.exchange(code, **BOUND)).json()
    assert bound_in(tokens["access_token"])["url"] == FILE
    asked = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    further = (await person.installation.post("/token", "app", **asked)).json()
    assert "url_bound" not in unverified_claims(further["access_token"])
    asked["refresh_token"] = further["refresh_token"]
    methods = {"url": f"{FILE}/**", "url_methods": "PUT DELETE"}
    last = (await person.installation.post("/token", "app", **asked, **methods)).json()
    bound = bound_in(last["access_token"])
    assert bound == {"methods": ["PUT", "DELETE"], "url": f"{FILE}/**"}


async def test_userinfo_is_another_url(place: Installation, person: Person):
    code = await person.code(scope="openid notes:read")
    token = (await person.exchange(code, **BOUND)).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    answer = await person.browser.get(f"{place.issuer}/userinfo", headers=headers)
    assert (answer.status_code, answer.json()["error_reason"]) == (401, "wrong_target")


async def test_a_token_for_the_server_itself_is_not_bound(person: Person):
    """And the code is not spent on the attempt."""
    code = await person.code(scope="openid profile")
    refused = await person.exchange(code, **BOUND)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")
    assert (await person.exchange(code)).status_code == 200


async def test_introspection_describes_it_to_those_who_know_what_it_is(place: Installation):
    token = await place.service_token(**BOUND)
    asked = await place.post("/introspect", "guard", token=token, known_types=TYPE)
    assert asked.json()["url_bound"] == {"methods": ["GET"], "url": FILE}
    assert (await place.post("/introspect", "guard", token=token)).json() == {"active": False}
