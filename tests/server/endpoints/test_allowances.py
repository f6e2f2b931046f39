"""Taking of what limited tokens may do, over HTTP: who may, and what is answered (S54, S55)."""

import msgspec
import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.allowances import MOST_TAKES
from counterfoil.server.records.client import SPEND
from tests.allowing import (
    act,
    acted,
    add_guard,
    allow,
    counted_token,
    granted,
    left,
    post,
    spend,
    take,
)
from tests.installation import MAIL, NOTES, Installation

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def counted(place: Installation) -> Installation:
    await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await add_guard(place)
    await add_guard(place, "mail-guard", scopes=frozenset({SPEND, "mail:read"}))
    await add_guard(place, "notes-guard", scopes=frozenset({SPEND, "notes:read"}))
    await add_guard(place, "asker", scopes=frozenset({"introspect"}))
    return place


@pytest.fixture
async def jti(counted: Installation) -> str:
    return await allow(counted, await counted.service_token(), 5)


async def test_so_much_is_granted_as_there_is(counted: Installation, jti: str):
    asked = [take(jti, 3), take(jti, 3), take(jti, 3, least=1), take(jti)]
    answer = await spend(counted, *asked)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "takes": [
            {"granted": 3, "left": 2},
            {"granted": 0, "refused": "used_up"},
            {"granted": 2, "left": 0},
            {"granted": 0, "refused": "used_up"},
        ],
        "returns": [],
    }


async def test_the_same_request_again_gives_the_same_answer(counted: Installation, jti: str):
    """A guard whose answer was lost asks again, and nothing is spent twice."""
    asked = [take(jti, 2), take(jti, 1)]
    first = (await spend(counted, *asked)).json()
    assert [each["granted"] for each in first["takes"]] == [2, 1]
    assert await granted(counted, *asked) == [2, 1]
    assert await left(counted, jti) == 2


async def test_what_is_given_back_is_there_for_the_same_request(counted: Installation, jti: str):
    lease = take(jti, 5)
    assert await granted(counted, lease) == [5]
    unused = lease | {"amount": 4}
    answer = await spend(counted, take(jti, 4), returns=[unused, unused, take("x" * 22)])
    assert answer.json() == {"takes": [{"granted": 4, "left": 0}], "returns": [4, 0, 0]}


async def test_the_metadata_says_where(counted: Installation):
    async with counted.browser() as anyone:
        metadata = (await anyone.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["allowances_endpoint"] == f"{counted.issuer}/allowances"


@pytest.mark.parametrize(
    ("client_id", "audience", "status", "error"),
    [
        ("guard", NOTES, 200, None),
        ("guard", MAIL, 200, None),
        ("notes-guard", NOTES, 200, None),
        ("notes-guard", MAIL, 400, "invalid_target"),
        ("mail-guard", NOTES, 400, "invalid_target"),
        ("guard", "https://nowhere.example", 400, "invalid_target"),
        ("asker", NOTES, 403, "insufficient_scope"),
        ("service", NOTES, 403, "insufficient_scope"),
        ("nobody", NOTES, 401, "invalid_client"),
    ],
)
async def test_a_client_counts_for_the_apis_that_it_guards(
    counted: Installation, client_id: str, audience: str, status: int, error: str | None
):
    answer = await spend(counted, client_id=client_id, audience=audience)
    assert (answer.status_code, answer.json().get("error")) == (status, error)


async def test_a_request_is_read_whole_or_not_at_all(counted: Installation, jti: str):
    """And what was wrong is said, with where it stands."""
    answer = await spend(counted, take(jti), take(jti, 1, least=2))
    assert answer.status_code == 400
    assert answer.json()["error_description"] == (
        "Nothing is taken: The least is more than the amount - at $.takes[1].least."
    )
    assert (await spend(counted, *[take(jti)] * (MOST_TAKES + 1))).status_code == 400
    assert await left(counted, jti) == 5


async def test_credentials_come_in_the_header_alone(counted: Installation):
    given = {"client_id": "guard", "client_secret": counted.secrets["guard"]}
    body = msgspec.json.encode({"audience": NOTES} | given)
    async with counted.browser() as anyone:
        headers = {"content-type": "application/json"}
        answer = await anyone.post("/allowances", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert (await post(counted, b"{}", **{"content-type": "text/plain"})).status_code == 400


async def test_a_transaction_takes_of_its_count_and_of_its_sum(counted: Installation):
    """S15: of both, or of none; under its key once."""
    jti = str(unverified_claims(await counted_token(counted))["jti"])
    first = act(jti, 2500)
    assert await acted(counted, first, first, act(jti, 1501)) == [1, 1, "used_up"]
    assert await left(counted, jti, "count:transfer/EUR") == 2
    assert await left(counted, jti, "sum:transfer/EUR") == 1500
    assert await acted(counted, act(jti, 1500), act(jti, 0), act(jti, 0)) == [1, 1, "used_up"]
    assert await left(counted, jti, "sum:transfer/EUR") == 0
    assert await acted(counted, act(jti, unit="USD"), act("x" * 22)) == ["not_registered"] * 2
