"""Clients that authenticate by a signed assertion (RFC 7523 §2.2, §3), by section."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from counterfoil.jose.jwt import Signer
from counterfoil.oauth.client_assertion import ALGORITHMS, ASSERTION_TYPE, AssertionMaker
from counterfoil.server.records.client import DEVICE_CODE, END_USERS, INTROSPECT, REPORT
from counterfoil.server.records.event import EventKind, EventQuery
from tests.client_keys import assertion, claims_of, jwks_of, key, post, proved_by, token
from tests.installation import Installation, Person, installed
from tests.shared import UNTHROTTLED

pytestmark = pytest.mark.anyio

CLIENT = "keyed"


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("data"), **UNTHROTTLED) as place:
        await place.add_client(
            CLIENT,
            jwks=jwks_of(*(key(name) for name in ALGORITHMS)),
            grant_types=("client_credentials", DEVICE_CODE),
            scopes=frozenset({"notes:read", INTROSPECT, END_USERS, REPORT}),
        )
        yield place


async def refused(answer: Any) -> str:
    """The sentence of a refusal as RFC 6749 §5.2 has it."""
    assert answer.status_code == 401, answer.text
    assert answer.json()["error"] == "invalid_client"
    return str(answer.json()["error_description"])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_client_is_known_by_its_signature(place: Installation, algorithm: str) -> None:
    """§2.2, with each algorithm."""
    answer = await token(place, assertion(place, CLIENT, key(algorithm)))
    assert answer.status_code == 200, answer.text


async def test_what_we_make_is_taken(place: Installation) -> None:
    """Both sides are of one text; and ``client_id`` may come along (RFC 7521 §4.2)."""
    maker = AssertionMaker(key(), CLIENT, place.issuer, lambda count: b"\x07" * count)
    answer = await token(place, maker.make(place.clock()), client_id=CLIENT)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("typ", ["JWT", "client-authentication+jwt"])
async def test_its_type_is_that_of_the_draft_or_the_usual_one(
    place: Installation, typ: str
) -> None:
    """draft-ietf-oauth-rfc7523bis §4."""
    answer = await token(place, Signer(key(), typ).sign(claims_of(place, CLIENT)))
    assert answer.status_code == 200, answer.text


async def test_a_token_of_another_type_is_no_assertion(place: Installation) -> None:
    """RFC 8725 §3.11."""
    for typ in ("at+jwt", "dpop+jwt"):
        sentence = await refused(
            await token(place, Signer(key(), typ).sign(claims_of(place, CLIENT)))
        )
        assert "type" in sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"iss": "service"},
        {"sub": None},
        {"sub": "service"},
        {"aud": None},
        {"aud": "https://other.example"},
        {"aud": ["http://127.0.0.1:8000"]},
        {"aud": "http://127.0.0.1:8000/token"},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 257},
        {"jti": 7},
        {"exp": None},
        {"exp": "soon"},
    ],
    ids=str,
)
async def test_every_claim_is_demanded(place: Installation, changes: dict[str, Any]) -> None:
    """§3: iss, sub, aud, exp; and here jti, for each is taken once."""
    await refused(await token(place, assertion(place, CLIENT, **changes)))


@pytest.mark.parametrize("exp", [60, 300, 310, -9])
async def test_it_may_live_for_five_minutes_by_clocks_that_agree_within_ten_seconds(
    place: Installation, exp: int
) -> None:
    """§3 rule 4."""
    answer = await token(place, assertion(place, CLIENT, exp=int(place.clock()) + exp))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "times", [{"exp": -10}, {"exp": 311}, {"nbf": 11}, {"iat": 11}, {"exp": 10**12}], ids=str
)
async def test_it_is_timely(place: Installation, times: dict[str, int]) -> None:
    """§3 rules 4 to 6."""
    now = int(place.clock())
    changes = {name: now + seconds for name, seconds in times.items()}
    await refused(await token(place, assertion(place, CLIENT, **changes)))


async def test_it_is_good_once(place: Installation) -> None:
    """§3 rule 7."""
    once = assertion(place, CLIENT)
    assert (await token(place, once)).status_code == 200
    assert "used before" in await refused(await token(place, once))


async def test_it_is_used_up_though_the_request_is_refused(place: Installation) -> None:
    once = assertion(place, CLIENT)
    assert (await token(place, once, scope="mail:send")).json()["error"] == "invalid_scope"
    assert "used before" in await refused(await token(place, once))


async def test_the_parameters_say_what_they_are(place: Installation) -> None:
    """§2.2."""
    form = {"grant_type": "client_credentials", "client_assertion": assertion(place, CLIENT)}
    answer = await post(place, "/token", form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    another = form | {"client_assertion_type": "urn:ietf:params:oauth:x"}
    assert await refused(await post(place, "/token", another))
    only = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    assert (await post(place, "/token", only)).status_code == 400


async def test_a_client_id_that_comes_along_is_that_of_the_assertion(place: Installation) -> None:
    """RFC 7521 §4.2."""
    answer = await token(place, assertion(place, CLIENT), client_id="service")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_every_endpoint_with_a_form_takes_it(place: Installation) -> None:
    told = (await token(place, assertion(place, CLIENT))).json()["access_token"]

    async def at(path: str, **form: str) -> Any:
        return await post(place, path, form | proved_by(assertion(place, CLIENT)))

    assert (await at("/introspect", token=told)).json()["active"]
    assert (await at("/device_authorization", scope="notes:read")).status_code == 200
    assert (await at("/revoke", token=told)).status_code == 200
    assert not (await at("/introspect", token=told)).json()["active"]


async def test_an_endpoint_without_a_form_takes_it_as_a_bearer_token(
    place: Installation, person: Person
) -> None:
    body = {"sub_id": {"format": "opaque", "id": person.user_id}}
    async with place.browser() as browser:

        async def end(unverified: str) -> Any:
            headers = {"authorization": f"Bearer {unverified}"}
            path = "/global-token-revocation"
            return await browser.post(path, json=body, headers=headers)

        once = assertion(place, CLIENT)
        assert (await end(once)).status_code == 204
        assert "used before" in await refused(await end(once))
        await refused(await end("nonsense"))


async def test_the_metadata_says_so(place: Installation) -> None:
    """RFC 8414 §2."""
    async with place.browser() as browser:
        found = (await browser.get("/.well-known/oauth-authorization-server")).json()
    for endpoint in ("token", "revocation", "introspection"):
        assert "private_key_jwt" in found[f"{endpoint}_endpoint_auth_methods_supported"]
        supported = found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert supported == list(ALGORITHMS)
    assert "private_key_jwt" in found["global_token_revocation_endpoint_auth_methods_supported"]


async def test_events_say_by_which_key_a_client_was_known(place: Installation) -> None:
    """S111."""
    told = (await token(place, assertion(place, CLIENT))).json()["access_token"]
    form = {"token": told} | proved_by(assertion(place, CLIENT))
    assert (await post(place, "/revoke", form)).status_code == 200

    query = EventQuery(kind=EventKind.TOKEN_ENDED, actor=f"client:{CLIENT}")
    events = await place.authority.store.read(lambda tx: tx.events.find(query))
    assert events[0].proof == f"key:{key().public.thumbprint}"
