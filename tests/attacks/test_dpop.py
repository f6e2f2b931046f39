"""Tokens that are bound to a key, stolen without it; proofs, stolen or made up (RFC 9449 §11)."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from counterfoil.jose import jwt
from counterfoil.oauth.dpop import MAX_JTI
from counterfoil.server.assembly import build
from counterfoil.server.opening import Outside
from counterfoil.server.settings import load
from tests.engines import settings_of
from tests.installation import Installation, Person, installed
from tests.proofs import App, Holder, encoded, spelled

pytestmark = pytest.mark.anyio

SERVICE = {"grant_type": "client_credentials"}
RSA = {"kty": "RSA", "e": "AQAB"}
NOWHERE = {"kty": "EC", "crv": "P-256", "x": spelled(bytes(32)), "y": spelled(bytes(32))}


def refuses(answer: httpx2.Response, error: str = "invalid_dpop_proof") -> bool:
    assert "access_token" not in answer.text
    return answer.status_code == 400 and answer.json()["error"] == error


@pytest.fixture
async def person(own: Installation) -> AsyncIterator[Person]:
    async with own.browser() as browser:
        yield Person(own, browser)


async def used_proofs(own: Installation) -> int:
    """Sweep the proofs that are known to have been used; gives how many they were."""
    own.clock.turn(10_000)
    swept = 0
    while more := await own.authority.store.transact(lambda tx: tx.proofs.sweep(100)):
        swept += more
    own.clock.turn(-10_000)
    return swept


# Replay at the server.


@pytest.mark.parametrize(
    "refused",
    [
        {"grant_type": "refresh_token", "refresh_token": "cfrt_guessed"},
        {"grant_type": "authorization_code", "code": "cfac_guessed", "code_verifier": "v" * 43},
        {"grant_type": "authorization_code", "code": "cfac_guessed"},
    ],
)
async def test_a_proof_whose_request_was_refused_is_used_up(
    own: Installation, person: Person, refused: dict[str, str]
) -> None:
    """The thief sees it fail, mends the request, and shows the proof again."""
    app = App(own, "spa")
    code = await person.code("spa")
    proof = app.proof()
    answer = await app.send(proof, **refused)
    assert answer.status_code == 400
    assert answer.json()["error"] != "invalid_dpop_proof"
    assert refuses(await app.exchange(person, code, proof))
    assert (await app.exchange(person, code)).status_code == 200


async def test_a_refusal_after_a_proof_undoes_everything_else(
    own: Installation, person: Person
) -> None:
    """The code that was taken is put back: a stranger's proof burns no code."""
    app, thief = App(own, "app"), App(own, "spa")
    code = await person.code("app")
    assert refuses(await thief.exchange(person, code), "invalid_grant")
    assert (await app.exchange(person, code)).status_code == 200
    assert await used_proofs(own) == 2


async def test_a_replayed_code_ends_its_family_with_a_proof_too(
    own: Installation, person: Person
) -> None:
    """A refusal that was returned stands, as it does without a proof."""
    app = App(own, "spa")
    code = await person.code("spa")
    tokens = (await app.exchange(person, code)).json()
    assert refuses(await app.exchange(person, code), "invalid_grant")
    assert refuses(await app.refresh(tokens["refresh_token"]), "invalid_grant")


async def test_of_a_storm_with_one_proof_one_request_wins(own: Installation) -> None:
    app = App(own, "service")
    proof = app.proof()
    answers = await asyncio.gather(*(app.send(proof, **SERVICE) for _ in range(30)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 29


async def test_a_proof_is_used_up_at_every_process_of_a_store(
    own: Installation, tmp_path: Path
) -> None:
    """Two servers on one database, and one after a restart."""
    app = App(own, "service")
    proof = app.proof()
    assert (await app.send(proof, **SERVICE)).status_code == 200
    for _ in range(2):
        async with AsyncExitStack() as stack:
            other = build(
                load({}, {"data": str(tmp_path), **settings_of(tmp_path)}), Outside(clock=own.clock)
            )
            server = await stack.enter_async_context(other.running())
            there = Installation(other, server, own.clock)
            there.secrets = own.secrets
            replayed = App(there, "service", app.holder)
            assert refuses(await replayed.send(proof, **SERVICE))
            assert (await replayed.ask(**SERVICE)).status_code == 200


async def test_a_clock_that_is_set_back_makes_no_proof_new(own: Installation) -> None:
    app = App(own, "service")
    proof = app.proof()
    assert (await app.send(proof, **SERVICE)).status_code == 200
    own.clock.turn(100)
    await own.authority.store.transact(lambda tx: tx.sweep(1_000))
    own.clock.turn(-50)
    assert refuses(await app.send(proof, **SERVICE))


async def test_nobody_uses_up_the_proof_of_another(own: Installation) -> None:
    """Whoever sees a jti, or guesses it, cannot be there first."""
    app, thief = App(own, "service"), App(own, "service")
    proof = app.proof(jti="1")
    assert (await thief.send(thief.proof(jti="1"), **SERVICE)).status_code == 200
    assert (await app.send(proof, **SERVICE)).status_code == 200


async def test_a_stranger_leaves_no_row(own: Installation) -> None:
    """A proof is remembered for clients that are known; whoever is not costs nothing."""
    app = App(own, "service")
    own.secrets["service"] = "guessed"
    for _ in range(5):
        assert (await app.ask(**SERVICE)).status_code == 401
    for client_id in ("nobody", "app"):
        stranger = App(own, client_id)
        stranger.place.secrets.pop(client_id, None)
        assert (await stranger.ask(**SERVICE)).status_code == 401
    assert await used_proofs(own) == 0


# Stolen tokens.


@pytest.mark.parametrize("client_id", ["spa", "app"])
async def test_a_stolen_refresh_token_is_worth_nothing_without_the_key(
    own: Installation, person: Person, client_id: str
) -> None:
    """S20, S50: nor does the attempt end anything; the owner goes on."""
    app = App(own, client_id)
    token = (await app.tokens(person))["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    assert refuses(await app.send(**form), "invalid_grant")
    assert refuses(await app.send("", **form))
    if client_id == "spa":
        thief = App(own, client_id)
        assert refuses(await thief.refresh(token), "invalid_grant")
        named = thief.proof(header={"kid": app.holder.thumbprint})
        assert refuses(await thief.refresh(token, named), "invalid_grant")
    assert refuses(await app.send(app.proof(header={"jwk": Holder().jwk}), **form))
    assert (await app.refresh(token)).status_code == 200


async def test_an_unbound_refresh_token_cannot_be_bound_by_its_thief(
    own: Installation, person: Person
) -> None:
    """Else its owner's next refresh would be a wrong key, not the reuse that ends the family."""
    token = (await person.tokens("spa"))["refresh_token"]
    thief, owner = App(own, "spa"), App(own, "spa")
    stolen = (await thief.refresh(token)).json()
    own.clock.turn(11)
    answer = await owner.send(grant_type="refresh_token", refresh_token=token)
    assert refuses(answer, "invalid_grant")
    assert "used before" in answer.json()["error_description"]
    assert refuses(await thief.refresh(stolen["refresh_token"]), "invalid_grant")


async def test_a_stolen_access_token_opens_nothing(own: Installation, person: Person) -> None:
    """Nor is it one for the scheme Bearer."""
    app, thief = App(own, "spa"), App(own, "spa")
    token = (await app.tokens(person))["access_token"]
    proof = thief.proof("/userinfo", "GET", token=token)
    for answer in (
        await thief.userinfo(token, scheme="Bearer"),
        await thief.userinfo(token, proof, scheme="Bearer"),
        await thief.userinfo(token, proof),
        await thief.userinfo(token),
    ):
        assert answer.status_code == 401
        assert "sub" not in answer.json()


async def test_a_proof_for_the_token_endpoint_opens_no_api_and_the_other_way_round(
    own: Installation, person: Person
) -> None:
    app = App(own, "spa")
    token = (await app.tokens(person))["access_token"]
    assert (await app.userinfo(token, app.proof())).status_code == 401
    seen = app.proof("/userinfo", "GET", token=token)
    assert refuses(await app.send(seen, grant_type="refresh_token", refresh_token="x"))


async def test_a_proof_for_one_token_is_none_for_another(own: Installation, person: Person) -> None:
    """Two tokens of one key: a proof goes with the one that it was made for."""
    app = App(own, "spa")
    first, second = await app.tokens(person), await app.tokens(person)
    proof = app.proof("/userinfo", "GET", token=first["access_token"])
    answer = await app.userinfo(second["access_token"], proof)
    assert answer.json()["error_reason"] == "proof_mismatch"


async def test_a_token_with_a_changed_binding_is_no_token(
    own: Installation, person: Person
) -> None:
    """The thumbprint stands under the signature."""
    app, thief = App(own, "spa"), App(own, "spa")
    token = (await app.tokens(person))["access_token"]
    header, _, signature = token.split(".")
    for cnf in ({"jkt": thief.holder.thumbprint}, None, {}):
        claims = jwt.unverified_claims(token) | {"cnf": cnf}
        forged = f"{header}.{encoded(claims)}.{signature}"
        proof = thief.proof("/userinfo", "GET", token=forged)
        assert (await thief.userinfo(forged, proof)).status_code == 401
        assert (await thief.userinfo(forged, scheme="Bearer")).status_code == 401


# Proofs that are made up.


FORGED: dict[str, Any] = {
    "a shared secret": {"jwk": {"kty": "oct", "k": spelled(b"secret")}, "alg": "HS256"},
    "a shared secret, said to be ES256": {"jwk": {"kty": "oct", "k": spelled(b"secret")}},
    "none": {"alg": "none"},
    "nOnE": {"alg": "nOnE"},
    "a key behind a URL": {"jwk": {"jku": "https://evil.example"}, "jku": "https://evil.example"},
    "a certificate": {"jwk": None, "x5c": ["MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"]},
    "a small RSA key": {"alg": "RS256", "jwk": RSA | {"n": spelled(b"\x81" * 128)}},
    "an RSA key without end": {"alg": "RS256", "jwk": RSA | {"n": spelled(b"\x81" * 2048)}},
    "an exponent without end": {
        "alg": "RS256",
        "jwk": RSA | {"n": spelled(b"\x81" * 256), "e": spelled(b"\x81" * 255)},
    },
    "an exponent of one": {"alg": "RS256", "jwk": RSA | {"n": spelled(b"\x81" * 256), "e": "AQ"}},
    "a point at infinity": {"jwk": NOWHERE},
    "another curve": {"jwk": {"kty": "EC", "crv": "P-521", "x": "AQ", "y": "AQ"}},
    "an array": {"jwk": [1, 2, 3]},
    "crit": {"crit": ["jwk"]},
    "an access token": {"typ": "at+jwt"},
}  # fmt: skip


@pytest.mark.parametrize("kind", FORGED)
async def test_a_forged_proof_proves_nothing(site: Installation, kind: str) -> None:
    app = App(site, "service")
    assert refuses(await app.send(app.proof(header=FORGED[kind]), **SERVICE))


async def test_a_stripped_signature_proves_nothing(site: Installation) -> None:
    app = App(site, "service")
    header, claims, _ = app.proof().split(".")
    unsigned = encoded(app.holder.header(alg="none"))
    for text in (f"{header}.{claims}.", f"{header}.{claims}", f"{unsigned}.{claims}."):
        assert refuses(await app.send(text, **SERVICE))


@pytest.mark.parametrize(
    "jti", ["x" * (MAX_JTI + 1), "x" * 6_000, "", None, 1, ["x"], {"$ne": None}]
)
async def test_an_odd_jti_is_refused_and_costs_no_row(site: Installation, jti: Any) -> None:
    app = App(site, "service")
    await used_proofs(site)
    assert refuses(await app.send(app.proof(jti=jti), **SERVICE))
    assert await used_proofs(site) == 0


@pytest.mark.parametrize("jti", ["'; DROP TABLE proofs; --", "\u0000", "\u202e", "x" * MAX_JTI])
async def test_whatever_stands_in_a_jti_is_only_a_name(site: Installation, jti: str) -> None:
    app = App(site, "service")
    proof = app.proof(jti=jti)
    assert (await app.send(proof, **SERVICE)).status_code == 200
    assert refuses(await app.send(proof, **SERVICE))


async def test_an_enormous_proof_is_refused(site: Installation) -> None:
    app = App(site, "service")
    for size in (9_000, 60_000):
        assert refuses(await app.send(app.proof(note="x" * size), **SERVICE))


@pytest.mark.parametrize("iat", [0, -1, 1e308, 2**63, -(2**63)])
async def test_no_time_overflows(site: Installation, iat: float) -> None:
    app = App(site, "service")
    assert refuses(await app.send(app.proof(iat=iat), **SERVICE))


async def test_duplicate_headers_are_refused(site: Installation) -> None:
    """Whichever of them others would read: also where both are the same, or one is joined."""
    app = App(site, "service")
    proof = app.proof()
    assert refuses(await app.send(proof, proof, **SERVICE))
    assert refuses(await app.send(f"{proof}, {app.proof()}", **SERVICE))
    assert refuses(await app.send("", proof, **SERVICE))
    assert (await app.send(proof, **SERVICE)).status_code == 200


async def test_proofs_made_in_stock_are_worth_nothing_where_nonces_are_required(
    tmp_path: Path,
) -> None:
    """§11.2: whoever could use the key once cannot use it tomorrow."""
    async with installed(tmp_path, dpop_nonces="required") as own:
        app = App(own, "service")
        nonce = (await app.ask(**SERVICE)).headers["dpop-nonce"]
        tomorrow = int(own.clock()) + 86_400
        stock = [app.proof(iat=tomorrow), app.proof(iat=tomorrow, nonce=nonce)]
        own.clock.turn(86_400)
        for proof in stock:
            assert refuses(await app.send(proof, **SERVICE), "use_dpop_nonce")
        for guessed in ("", secrets.token_urlsafe(16), nonce[:-1], 1):
            refused = await app.send(app.proof(nonce=guessed), **SERVICE)
            assert refused.status_code == 400
        assert await used_proofs(own) == 0
