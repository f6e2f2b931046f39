"""Client assertions: forged, replayed, redirected, enormous (RFC 7523 §8, RFC 8725)."""

import asyncio
import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from counterfoil.jose.jwt import Signer
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.client_assertion import LONGEST, TYPE
from tests.attacks.conftest import PLENTY
from tests.client_keys import assertion, claims_of, jwks_of, key, post, proved_by, token
from tests.engines import values_of
from tests.installation import Installation, installed

pytestmark = pytest.mark.anyio

OTHER = key("ES256", "other")


@pytest.fixture(scope="module")
async def house(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    """A client with a key, one with two, one with another's key name, and those with secrets."""
    async with installed(tmp_path_factory.mktemp("house"), **PLENTY) as house:
        await house.add_client("keyed", jwks=jwks_of(key()))
        await house.add_client("two", jwks=jwks_of(key(), key("RS256")))
        await house.add_client("other", jwks=jwks_of(OTHER))
        await house.add_client("off", jwks=jwks_of(key()))
        yield house


def spelled(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def forged(place: Installation, header: dict[str, Any], signature: bytes = b"x", **c: Any) -> str:
    """An assertion with a header and a signature of the attacker's choice."""
    parts = (header, claims_of(place, "keyed", **c))
    signed = ".".join(spelled(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{spelled(signature)}"


async def is_refused(answer: Any) -> bool:
    assert "access_token" not in answer.text
    return (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "HS256", "HS512"])
@pytest.mark.parametrize("signature", [b"", b"x"])
async def test_no_signature_is_no_proof(house: Installation, alg: str, signature: bytes) -> None:
    """RFC 8725 §2.1: `none`, in every spelling."""
    header = {"alg": alg, "kid": key().public.kid, "typ": TYPE}
    assert await is_refused(await token(house, forged(house, header, signature)))


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
async def test_the_public_key_is_no_secret(house: Installation, alg: str) -> None:
    """RFC 8725 §2.1: HMAC under the published key, in every form in which that is known."""
    native = key().public.native
    forms = [
        native.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        native.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(key().public.as_jwk()).encode(),
    ]
    header = {"alg": alg, "kid": key().public.kid, "typ": TYPE}
    for secret in forms:
        signed = forged(house, header).rpartition(".")[0]
        mac = hmac.new(secret, signed.encode(), f"sha{alg[2:]}").digest()
        assert await is_refused(await token(house, f"{signed}.{spelled(mac)}"))


async def test_a_secret_is_no_key_of_a_client_that_has_one(house: Installation) -> None:
    """Nor is client_secret_jwt, by the client's own secret or by its stored hash."""
    secret = house.secrets["service"].encode()
    parts = ({"alg": "HS256", "typ": "JWT"}, claims_of(house, "service"))
    signed = ".".join(spelled(json.dumps(part).encode()) for part in parts)
    for known in (secret, hashlib.sha256(secret).digest()):
        mac = hmac.new(known, signed.encode(), "sha256").digest()
        assert await is_refused(await token(house, f"{signed}.{spelled(mac)}"))


async def test_a_key_is_for_one_algorithm(house: Installation) -> None:
    """RFC 8725 §3.1: an RSA key that is pinned to RS256 proves nothing by PS256."""
    renamed = PrivateKey.of(key("RS256").native, "PS256", key("RS256").public.kid)
    assert await is_refused(await token(house, assertion(house, "two", renamed)))
    assert (await token(house, assertion(house, "two", key("RS256")))).status_code == 200


async def test_a_key_that_comes_along_is_not_looked_at(house: Installation) -> None:
    """RFC 8725 §3.10: jwk, jku, x5u and x5c of the header are nothing."""
    mine = PrivateKey.generate("ES256", key().public.kid)
    header = {
        "alg": "ES256",
        "kid": key().public.kid,
        "typ": TYPE,
        "jwk": mine.public.as_jwk(),
        "jku": "https://evil.example/jwks.json",
        "x5u": "https://evil.example/chain.pem",
    }
    signed = forged(house, header).rpartition(".")[0]
    assert await is_refused(await token(house, f"{signed}.{spelled(mine.sign(signed.encode()))}"))


@pytest.mark.parametrize(
    "kid", ["other-ES256", "../first-ES256", "' OR 1=1 --", "x" * 2000, "\x00", "first-es256"]
)
async def test_the_name_of_a_key_leads_to_no_other_clients_key(
    house: Installation, kid: str
) -> None:
    """RFC 8725 §3.10: a kid is looked up among the keys of the very client that it is said of."""
    stranger = PrivateKey.of(OTHER.native, "ES256", kid)
    assert await is_refused(await token(house, assertion(house, "keyed", stranger)))


async def test_another_client_cannot_say_that_it_is_this_one(house: Installation) -> None:
    for changes in ({}, {"iss": "other"}, {"sub": "keyed", "iss": "other"}):
        said = assertion(house, "keyed", OTHER, **changes)
        assert await is_refused(await token(house, said))
    assert (await token(house, assertion(house, "other", OTHER))).status_code == 200


async def test_of_several_keys_none_is_meant_without_its_name(house: Installation) -> None:
    header = {"alg": "ES256", "typ": TYPE}
    parts = (header, claims_of(house, "two"))
    signed = ".".join(spelled(json.dumps(part).encode()) for part in parts)
    answer = await token(house, f"{signed}.{spelled(key().sign(signed.encode()))}")
    assert await is_refused(answer)


@pytest.mark.parametrize("extra", [{"crit": ["exp"]}, {"b64": False, "crit": ["b64"]}], ids=str)
async def test_an_extension_that_is_not_known_is_refused(
    house: Installation, extra: dict[str, Any]
) -> None:
    """RFC 7515 §4.1.11."""
    header = {"alg": "ES256", "kid": key().public.kid, "typ": TYPE} | extra
    signed = forged(house, header).rpartition(".")[0]
    assert await is_refused(await token(house, f"{signed}.{spelled(key().sign(signed.encode()))}"))


@pytest.mark.parametrize(
    "audience",
    [
        "https://other.example",
        "https://other.example/token",
        ["https://other.example", "http://127.0.0.1:8000"],
        ["http://127.0.0.1:8000"],
        "http://127.0.0.1:8000/",
        "http://127.0.0.1:8000/token",
        "HTTP://127.0.0.1:8000",
        "",
    ],
    ids=str,
)
async def test_what_was_made_for_another_server_is_not_taken(
    house: Installation, audience: object
) -> None:
    """rfc7523bis §4: a malicious server that is told of its own issuer learns nothing for ours."""
    assert await is_refused(await token(house, assertion(house, "keyed", aud=audience)))


async def test_a_stolen_one_is_worth_nothing_once_it_was_used(house: Installation) -> None:
    """At no endpoint, however fast: one statement takes it."""
    once = assertion(house, "keyed")
    answers = await asyncio.gather(*(token(house, once) for _ in range(20)))
    assert sorted(each.status_code for each in answers) == [200] + [401] * 19
    for path, form in (
        ("/introspect", {"token": "x"}),
        ("/revoke", {"token": "x"}),
        ("/device_authorization", {"scope": "notes:read"}),
    ):
        assert await is_refused(await post(house, path, form | proved_by(once)))
    async with house.browser() as browser:
        headers = {"authorization": f"Bearer {once}"}
        assert (await browser.post("/reports", json={}, headers=headers)).status_code == 401


async def test_it_is_remembered_for_as_long_as_it_is_good(house: Installation) -> None:
    """Also after the janitor has swept, up to its last second."""
    exp = int(house.clock()) + LONGEST
    once = assertion(house, "keyed", exp=exp, jti="kept")
    assert (await token(house, once)).status_code == 200
    house.clock.turn(LONGEST + 9)
    await house.authority.store.transact(lambda tx: tx.sweep(1000))
    answer = await token(house, once)
    assert "used before" in answer.json()["error_description"]


@pytest.mark.parametrize(
    "times", [{"exp": -60}, {"exp": 3600}, {"exp": 10**15}, {"iat": 3600}, {"nbf": 60}], ids=str
)
async def test_one_that_is_stale_or_made_in_stock_is_refused(
    house: Installation, times: dict[str, int]
) -> None:
    now = int(house.clock())
    changes = {name: now + seconds for name, seconds in times.items()}
    assert await is_refused(await token(house, assertion(house, "keyed", **changes)))


@pytest.mark.parametrize(
    "exp", [True, None, "9999999999", [], {}, -(10**400), float("1e308")], ids=str
)
async def test_a_time_that_is_none_is_refused(house: Installation, exp: object) -> None:
    assert await is_refused(await token(house, assertion(house, "keyed", exp=exp)))


@pytest.mark.parametrize("size", [4000, 8000, 60_000, 1_000_000])
async def test_an_enormous_one_is_refused_before_it_is_read(house: Installation, size: int) -> None:
    answer = await token(house, assertion(house, "keyed", pad="x" * size))
    assert answer.status_code in {400, 401}
    assert len(answer.content) < 1000


@pytest.mark.parametrize("depth", [40, 2000])
async def test_a_deep_one_is_refused(house: Installation, depth: int) -> None:
    nested = b'{"sub":"keyed","x":' + b"[" * depth + b"]" * depth + b"}"
    header = spelled(json.dumps({"alg": "ES256", "kid": key().public.kid}).encode())
    signed = f"{header}.{spelled(nested)}"
    answer = await token(house, f"{signed}.{spelled(key().sign(signed.encode()))}")
    assert answer.status_code == 401


async def test_a_claim_given_twice_is_refused(house: Installation) -> None:
    """Two readers could take it for two clients."""
    twice = json.dumps(claims_of(house, "other"))[:-1] + ', "sub": "keyed", "iss": "keyed"}'
    header = {"alg": "ES256", "kid": OTHER.public.kid, "typ": TYPE}
    signed = f"{spelled(json.dumps(header).encode())}.{spelled(twice.encode())}"
    answer = await token(house, f"{signed}.{spelled(OTHER.sign(signed.encode()))}")
    assert await is_refused(answer)


async def test_in_the_url_it_is_nothing(house: Installation) -> None:
    """It would end up in logs."""
    said = proved_by(assertion(house, "keyed"))
    async with house.browser() as browser:
        form = {"grant_type": "client_credentials"}
        answer = await browser.post("/token", params=said, data=form)
        assert await is_refused(answer)
        answer = await browser.get("/registry", params=said | {"audience": "https://x.example"})
        assert answer.status_code == 401
    assert (await token(house, said["client_assertion"])).status_code == 200, "it was not used up"


async def test_there_is_no_other_way_for_a_client_with_keys(house: Installation) -> None:
    """Neither by name alone, nor by a secret, right or wrong."""
    form = {"grant_type": "client_credentials", "client_id": "keyed"}
    assert await is_refused(await post(house, "/token", form))
    for secret in ("x", house.secrets["service"]):
        assert await is_refused(await post(house, "/token", form | {"client_secret": secret}))
    async with house.browser() as browser:
        auth = ("keyed", "")
        answer = await browser.post("/token", data=form, auth=auth)
    assert await is_refused(answer)


@pytest.mark.parametrize("client_id", ["service", "spa", "nobody"])
async def test_an_assertion_is_no_way_for_any_other_client(
    house: Installation, client_id: str
) -> None:
    assert await is_refused(await token(house, assertion(house, client_id)))


async def test_two_ways_at_once_are_refused(house: Installation) -> None:
    """OAuth 2.1 §2.4: one method in each request."""
    form = {"grant_type": "client_credentials"} | proved_by(assertion(house, "keyed"))
    answer = await post(house, "/token", form | {"client_secret": "x", "client_id": "keyed"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    async with house.browser() as browser:
        auth = ("service", house.secrets["service"])
        answer = await browser.post("/token", data=form, auth=auth)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        bearer = {"authorization": f"Bearer {assertion(house, 'keyed')}"}
        only = {"grant_type": "client_credentials"}
        answer = await browser.post("/token", data=only, headers=bearer)
        assert await is_refused(answer), "a form has its own place for it"


async def test_a_disabled_client_is_known_by_no_key(house: Installation) -> None:
    await house.authority.store.transact(lambda tx: tx.clients.disable("off", tx.now))
    assert await is_refused(await token(house, assertion(house, "off")))


async def test_forged_ones_are_slowed_down_like_wrong_secrets(tmp_path: Any) -> None:
    async with installed(tmp_path, token_failures_per_minute=5) as place:
        await place.add_client("keyed", jwks=jwks_of(key()))
        tries = [await token(place, assertion(place, "keyed", OTHER)) for _ in range(8)]
        assert [each.status_code for each in tries] == [401] * 5 + [429] * 3
        assert (await token(place, assertion(place, "keyed"))).status_code == 200


async def test_nothing_of_an_assertion_is_kept_or_logged(
    house: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    """S110."""
    caplog.set_level(0)
    right = assertion(house, "keyed", jti="a-canary")
    wrong = assertion(house, "keyed", OTHER, jti="a-canary")
    for unverified in (right, right, wrong):
        await token(house, unverified)
    values = await values_of(house.authority.settings)
    for text in (right, wrong, "a-canary", right.rpartition(".")[2]):
        assert text not in caplog.text
        assert not any(text.encode() in value for value in values)


async def test_a_signature_of_another_use_is_no_assertion(house: Installation) -> None:
    """RFC 8725 §3.11: what the client signs elsewhere with the same key has another type."""
    for typ in ("dpop+jwt", "at+jwt", "logout+jwt", "secevent+jwt"):
        said = Signer(key(), typ).sign(claims_of(house, "keyed"))
        assert await is_refused(await token(house, said))
