"""RFC 9396: rich authorization requests, of the one type that limits what a token may do."""

import json
from typing import Any

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.limits import Limit
from tests.installation import NOTES, Installation, Person, answer_of, token_request
from tests.minting import ONE, add_minter, mint

pytestmark = pytest.mark.anyio
DETAIL: dict[str, Any] = {
    "type": "counterfoil_limit",
    "action": "transfer",
    "unit": "EUR",
    "per_transaction": 2500,
}
DETAILS = "authorization_details"
SCOPE = "openid notes:read offline_access"


@pytest.fixture(autouse=True)
async def unlimited(place: Installation) -> None:
    """Begin without limits that an administrator set."""
    await place.set_policy(NOTES, limits=())


def said(*details: Any) -> str:
    return json.dumps(details)


async def service(place: Installation, details: str) -> tuple[int, dict[str, Any]]:
    form = {"grant_type": "client_credentials", DETAILS: details}
    answer = await token_request(place, "service", **form)
    return answer.status_code, answer.json()


async def refresh(place: Installation, tokens: dict[str, Any], **form: str) -> dict[str, Any]:
    asked = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]} | form
    return dict((await place.post("/token", "app", **asked)).json())


async def test_metadata_name_the_type(place: Installation):
    """§10."""
    async with place.browser() as anyone:
        told = (await anyone.get("/.well-known/oauth-authorization-server")).json()
    assert told["authorization_details_types_supported"] == ["counterfoil_limit"]


@pytest.mark.parametrize(
    "details",
    [
        "no json",
        "{}",
        "[]",
        "null",
        said("transfer"),
        said(DETAIL | {"type": "payment_initiation"}),
        said({"action": "transfer"}),
        said({"type": "counterfoil_limit"}),
        said(DETAIL, DETAIL | {"type": "other"}),
        said(DETAIL | {"locations": [NOTES]}),
        said(DETAIL | {"per_transaction": "2500"}),
        said(DETAIL | {"per_transaction": 25.0}),
        said(DETAIL | {"per_transaction": -1}),
        said(DETAIL | {"per_transaction": 2**53}),
        said(DETAIL, DETAIL | {"per_transaction": 1}),
        said(DETAIL)[:-2] + ', "per_transaction": 1}]',
        said(*[DETAIL | {"action": f"a{number}"} for number in range(33)]),
        said(DETAIL | {"action": "x" * 65}),
        " " * 5000 + said(DETAIL),
    ],
)
async def test_what_is_not_understood_is_refused(place: Installation, person: Person, details: str):
    """§5: a type, a member or a value: at every endpoint that takes the parameter."""
    assert (await service(place, details))[1]["error"] == "invalid_authorization_details"
    page = await person.open(**{DETAILS: details})
    assert answer_of(page)["error"] == "invalid_authorization_details"
    answer = await token_request(place, "service", grant_type="client_credentials")
    assert DETAILS not in answer.json()


async def test_the_answer_and_the_token_carry_what_was_granted(place: Installation):
    """§7, §9.1, §9.2: the token response, the claim and introspection."""
    await place.add_client("asker", scopes=frozenset({"introspect"}))
    status, told = await service(place, said(DETAIL | {"count": 3}))
    assert (status, told[DETAILS]) == (200, [DETAIL | {"count": 3}])
    token = told["access_token"]
    assert unverified_claims(token)[DETAILS] == [DETAIL | {"count": 3}]
    answer = await place.post("/introspect", "asker", token=token)
    assert answer.json()[DETAILS] == [DETAIL | {"count": 3}]


async def test_a_client_narrows_what_administrators_set_and_never_widens_it(place: Installation):
    """§3: what is left out is as they have set it."""
    of_api = (Limit(**DETAIL, sum=9000), Limit(**DETAIL | {"action": "refund"}))
    await place.set_policy(NOTES, limits=of_api)
    narrower = DETAIL | {"per_transaction": 100, "count": 1}
    assert (await service(place, said(narrower)))[1][DETAILS] == [narrower | {"sum": 9000}]
    for wider in (
        DETAIL | {"per_transaction": 2501},
        DETAIL | {"sum": 9001},
        DETAIL | {"unit": "USD"},
        DETAIL | {"action": "close"},
    ):
        status, told = await service(
            place, said(DETAIL, wider) if wider["action"] == "close" else said(wider)
        )
        assert (status, told["error"]) == (400, "invalid_authorization_details")
    bare = {"type": "counterfoil_limit", "action": "transfer", "unit": "EUR"}
    assert (await service(place, said(bare)))[1][DETAILS] == [DETAIL | {"sum": 9000}]


async def test_what_a_person_has_allowed_stays_through_every_refresh(
    place: Installation, person: Person
):
    """§6: a token request narrows it for one token; none widens it."""
    tokens = await person.tokens(scope=SCOPE, **{DETAILS: said(DETAIL)})
    assert tokens[DETAILS] == [DETAIL]
    tokens = await refresh(place, tokens, resource=NOTES)
    assert tokens[DETAILS] == [DETAIL]
    less = DETAIL | {"per_transaction": 5}
    narrowed = await refresh(place, tokens, **{DETAILS: said(less)})
    assert narrowed[DETAILS] == [less]
    wider = await refresh(place, narrowed, **{DETAILS: said(DETAIL | {"per_transaction": 2501})})
    assert wider["error"] == "invalid_authorization_details"
    tokens = await refresh(place, narrowed)
    assert tokens[DETAILS] == [DETAIL]
    assert unverified_claims(tokens["access_token"])[DETAILS] == [DETAIL]


async def test_at_the_exchange_of_a_code_it_is_narrowed_too(place: Installation, person: Person):
    """§6: and a refusal leaves the code as good as it was."""
    code = await person.code(scope=SCOPE, **{DETAILS: said(DETAIL)})
    wider = {DETAILS: said(DETAIL | {"action": "close"})}
    answer = await person.exchange(code, **wider)
    assert answer.json()["error"] == "invalid_authorization_details"
    less = {DETAILS: said(DETAIL | {"per_transaction": 5})}
    told = (await person.exchange(code, **less)).json()
    assert told[DETAILS] == [DETAIL | {"per_transaction": 5}]
    assert (await refresh(place, told))[DETAILS] == [DETAIL]


async def test_a_device_asks_for_limits_as_an_app_does(place: Installation):
    """§3: at the device authorization endpoint, too."""
    form = {"client_id": "tv", "scope": "notes:read", DETAILS: said(DETAIL | {"type": "other"})}
    await place.add_client(
        "tv",
        scopes=frozenset({"openid", "notes:read"}),
        grant_types=("urn:ietf:params:oauth:grant-type:device_code",),
        public=True,
    )
    async with place.browser() as device:
        answer = await device.post("/device_authorization", data=form)
        assert answer.json()["error"] == "invalid_authorization_details"
        answer = await device.post("/device_authorization", data=form | {DETAILS: said(DETAIL)})
    assert answer.status_code == 200, answer.text


async def test_a_description_of_a_token_may_hold_them(place: Installation):
    """S56: the mistakes are named by their place."""
    await add_minter(place)
    made = (await mint(place, ONE | {DETAILS: [DETAIL | {"count": 2}]})).json()
    assert made[DETAILS] == [DETAIL | {"count": 2}]
    await place.set_policy(NOTES, limits=(Limit(**DETAIL),))
    for details, path in (
        ([DETAIL | {"per_transaction": 2501}], f"$[0].{DETAILS}"),
        ([DETAIL, DETAIL], f"$[0].{DETAILS}"),
        ([], f"$[0].{DETAILS}"),
        ([DETAIL | {"per_day": 1}], f"$[0].{DETAILS}[0]"),
        ([DETAIL | {"sum": "1"}], f"$[0].{DETAILS}[0].sum"),
    ):
        refused = (await mint(place, [ONE | {DETAILS: details}])).json()
        told = {(each["path"], each["error"]) for each in refused["errors"]}
        assert told == {(path, "invalid_authorization_details")}, refused
