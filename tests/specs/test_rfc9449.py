"""RFC 9449, section by section: DPoP at the authorization server."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from counterfoil.jose import jwt
from counterfoil.oauth.nonces import STEP
from counterfoil.server.records.policy import ClientPolicy
from tests.installation import CALLBACK, NOTES, Installation, Person, answer_of, installed
from tests.proofs import GONE, App, Holder

pytestmark = pytest.mark.anyio

SERVICE = {"grant_type": "client_credentials"}


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Installation]:
    """A server that demands its nonces."""
    async with installed(tmp_path, dpop_nonces="required") as place:
        yield place


def error(answer: httpx2.Response) -> str:
    assert answer.status_code == 400, answer.text
    assert "access_token" not in answer.text
    return str(answer.json()["error"])


def reason(answer: httpx2.Response) -> str:
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].startswith("DPoP ")
    return str(answer.json()["error_reason"])


async def metadata(place: Installation) -> Mapping[str, Any]:
    async with place.browser() as browser:
        return (await browser.get("/.well-known/oauth-authorization-server")).json()


# §4: the proof


PROOFS: dict[str, Callable[[App], str]] = {
    "another typ": lambda app: app.proof(header={"typ": "JWT"}),
    "no alg": lambda app: app.proof(header={"alg": GONE}),
    "alg none": lambda app: app.proof(header={"alg": "none"}),
    "alg HS256": lambda app: app.proof(header={"alg": "HS256"}),
    "no jwk": lambda app: app.proof(header={"jwk": GONE}),
    "a private jwk": lambda app: app.proof(header={"jwk": app.holder.jwk | {"d": "AQ"}}),
    "another key's signature": lambda app: app.proof(header={"jwk": Holder().jwk}),
    "no jti": lambda app: app.proof(jti=GONE),
    "no htm": lambda app: app.proof(htm=GONE),
    "no htu": lambda app: app.proof(htu=GONE),
    "no iat": lambda app: app.proof(iat=GONE),
    "another method": lambda app: app.proof(method="GET"),
    "another URL": lambda app: app.proof("/introspect"),
    "another host": lambda app: app.proof(htu="https://evil.example/token"),
    "too old": lambda app: app.proof(iat=int(app.place.clock()) - 61),
    "of the future": lambda app: app.proof(iat=int(app.place.clock()) + 11),
    "no JWT": lambda app: "nonsense",
    "nothing": lambda app: "",
}


@pytest.mark.parametrize("kind", PROOFS)
async def test_a_proof_that_is_not_right_is_refused(place: Installation, kind: str):
    """§4.3, §5: whatever else is right."""
    app = App(place, "service")
    assert error(await app.send(PROOFS[kind](app), **SERVICE)) == "invalid_dpop_proof"


async def test_two_proofs_are_none(place: Installation):
    """§4.3 step 1."""
    app = App(place, "service")
    answer = await app.send(app.proof(), app.proof(), **SERVICE)
    assert error(answer) == "invalid_dpop_proof"


async def test_query_and_fragment_of_htu_do_not_count(place: Installation):
    """§4.3 step 9."""
    app = App(place, "service")
    proof = app.proof(htu=f"{place.issuer}/%74oken?a=b#c")
    assert (await app.send(proof, **SERVICE)).status_code == 200


# §5: the token request


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256", "RS256"])
async def test_an_access_token_is_bound_to_the_key(place: Installation, algorithm: str):
    """§5, §6.1: token_type DPoP, and cnf holds the thumbprint."""
    app = App(place, "service", Holder(algorithm))
    answer = (await app.ask(**SERVICE)).json()
    assert answer["token_type"] == "DPoP"
    claims = jwt.unverified_claims(answer["access_token"])
    assert claims["cnf"] == {"jkt": app.holder.thumbprint}


async def test_without_a_proof_all_is_as_it_was(place: Installation):
    """§5: the client decides, unless its policy says otherwise; and nothing is written."""
    before = place.authority.store.version()
    answer = (await App(place, "service").send(**SERVICE)).json()
    assert answer["token_type"] == "Bearer"
    assert "cnf" not in jwt.unverified_claims(answer["access_token"])
    assert place.authority.store.version() == before


@pytest.mark.parametrize("client_id", ["app", "spa"])
async def test_a_family_is_bound_from_the_exchange_on(
    place: Installation, person: Person, client_id: str
):
    """§5: what a refresh gives is bound as well."""
    app = App(place, client_id)
    first = await app.tokens(person)
    second = (await app.refresh(first["refresh_token"])).json()
    for tokens in (first, second):
        assert tokens["token_type"] == "DPoP"
        claims = jwt.unverified_claims(tokens["access_token"])
        assert claims["cnf"] == {"jkt": app.holder.thumbprint}


async def test_a_public_clients_refresh_token_is_bound(place: Installation, person: Person):
    """§5; S20."""
    app = App(place, "spa")
    token = (await app.tokens(person))["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    assert error(await app.send(**form)) == "invalid_grant"
    assert error(await App(place, "spa").ask(**form)) == "invalid_grant"
    assert (await app.ask(**form)).status_code == 200


async def test_a_confidential_clients_key_may_change_but_not_go(
    place: Installation, person: Person
):
    """§5: its refresh token is bound to its authentication."""
    app, again = App(place, "app"), App(place, "app")
    token = (await app.tokens(person))["refresh_token"]
    unproved = await app.send(grant_type="refresh_token", refresh_token=token)
    assert error(unproved) == "invalid_grant"
    answer = (await again.refresh(token)).json()
    claims = jwt.unverified_claims(answer["access_token"])
    assert claims["cnf"] == {"jkt": again.holder.thumbprint}


# §5.1, §5.2: metadata


async def test_the_algorithms_are_published(place: Installation):
    """§5.1."""
    offered = (await metadata(place))["dpop_signing_alg_values_supported"]
    assert offered == ["ES256", "EdDSA", "PS256", "RS256"]


async def test_a_client_may_be_held_to_it(place: Installation):
    """§5.2: dpop_bound_access_tokens."""
    await place.add_client("held", policy=ClientPolicy(dpop_bound_access_tokens=True))
    app = App(place, "held")
    assert error(await app.send(**SERVICE)) == "invalid_dpop_proof"
    assert (await app.ask(**SERVICE)).json()["token_type"] == "DPoP"


# §6: confirmation


async def test_introspection_tells_the_key(place: Installation):
    """§6.2."""
    app = App(place, "service")
    token = (await app.ask(**SERVICE)).json()["access_token"]
    told = (await place.post("/introspect", "service", token=token)).json()
    assert told["cnf"] == {"jkt": app.holder.thumbprint}
    assert told["token_type"] == "DPoP"
    bearer = await place.service_token()
    told = (await place.post("/introspect", "service", token=bearer)).json()
    assert "cnf" not in told
    assert told["token_type"] == "Bearer"


# §7: at a protected resource, here userinfo


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_userinfo_takes_a_bound_token_with_its_proof(
    place: Installation, person: Person, method: str
):
    """§7.1."""
    app = App(place, "spa")
    token = (await app.tokens(person))["access_token"]
    for scheme in ("DPoP", "dpop"):
        proof = app.proof("/userinfo", method, token=token)
        answer = await app.userinfo(token, proof, scheme=scheme, method=method)
        assert answer.json()["sub"] == person.user_id


async def test_userinfo_refuses_it_otherwise(place: Installation, person: Person):
    """§7.1, §7.2: and says why, with the algorithms."""
    app = App(place, "spa")
    token = (await app.tokens(person))["access_token"]

    def proof(**changes: Any) -> str:
        return app.proof("/userinfo", "GET", **({"token": token} | changes))

    used = proof()
    assert (await app.userinfo(token, used)).status_code == 200
    assert reason(await app.userinfo(token, used)) == "proof_replayed"
    assert reason(await app.userinfo(token)) == "proof_missing"
    assert reason(await app.userinfo(token, proof(), proof())) == "proof_invalid"
    assert reason(await app.userinfo(token, proof(token=None))) == "proof_mismatch"
    assert reason(await app.userinfo(token, proof(token="other"))) == "proof_mismatch"
    assert reason(await app.userinfo(token, proof(iat=1))) == "proof_expired"
    assert reason(await app.userinfo(token, scheme="Bearer")) == "wrong_binding"
    other = App(place, "spa").proof("/userinfo", "GET", token=token)
    refused = await app.userinfo(token, other)
    assert reason(refused) == "wrong_binding"
    assert 'algs="ES256 EdDSA PS256 RS256"' in refused.headers["www-authenticate"]


async def test_userinfo_offers_both_schemes(place: Installation):
    """§7.1: to whoever comes without a token."""
    async with place.browser() as browser:
        challenge = (await browser.get("/userinfo")).headers["www-authenticate"]
    assert challenge == 'Bearer error_reason="missing", DPoP algs="ES256 EdDSA PS256 RS256"'


async def test_a_bearer_token_is_none_of_scheme_dpop(place: Installation, person: Person):
    """§7.2: its client learns that it is not bound."""
    token = (await person.tokens("spa"))["access_token"]
    app = App(place, "spa")
    proof = app.proof("/userinfo", "GET", token=token)
    assert reason(await app.userinfo(token, proof)) == "wrong_binding"


# §8, §9: nonces


async def test_a_nonce_may_be_demanded(strict: Installation):
    """§8: the refusal brings it, and so does every answer."""
    app = App(strict, "service")
    refused = await app.ask(**SERVICE)
    assert error(refused) == "use_dpop_nonce"
    nonce = refused.headers["dpop-nonce"]
    answer = await app.send(app.proof(nonce=nonce), **SERVICE)
    assert answer.json()["token_type"] == "DPoP"
    assert answer.headers["dpop-nonce"] == nonce
    strict.clock.turn(STEP)
    following = await app.send(app.proof(nonce=nonce), **SERVICE)
    assert following.status_code == 200
    assert following.headers["dpop-nonce"] != nonce
    strict.clock.turn(STEP)
    assert error(await app.send(app.proof(nonce=nonce), **SERVICE)) == "use_dpop_nonce"


async def test_a_request_without_a_proof_needs_no_nonce(strict: Installation):
    """It hears of one all the same (§8.2)."""
    answer = await App(strict, "service").send(**SERVICE)
    assert answer.json()["token_type"] == "Bearer"
    assert answer.headers["dpop-nonce"]


async def test_userinfo_demands_a_nonce_too(strict: Installation):
    """§9."""
    async with strict.browser() as browser:
        person, app = Person(strict, browser), App(strict, "spa")
        nonce = (await app.ask(**SERVICE)).headers["dpop-nonce"]
        code = await person.code("spa")
        answer = await app.exchange(person, code, app.proof(nonce=nonce))
        token = answer.json()["access_token"]
        refused = await app.userinfo(token, app.proof("/userinfo", "GET", token=token))
        assert reason(refused) == "nonce_needed"
        assert refused.json()["error"] == "use_dpop_nonce"
        nonce = refused.headers["dpop-nonce"]
        proof = app.proof("/userinfo", "GET", token=token, nonce=nonce)
        assert (await app.userinfo(token, proof)).status_code == 200


async def test_scripts_may_send_proofs_and_read_nonces(place: Installation):
    """§8; S96: in browsers too."""
    origin = {"origin": "https://app.example"}
    async with place.browser() as browser:
        preflight = await browser.options(
            "/token", headers={**origin, "access-control-request-method": "POST"}
        )
        answer = await browser.post("/token", data=SERVICE, headers=origin)
    assert "dpop" in preflight.headers["access-control-allow-headers"].lower()
    assert "dpop-nonce" in answer.headers["access-control-expose-headers"].lower()


# §10: the code is bound to the key


@pytest.mark.parametrize("client_id", ["app", "spa"])
async def test_a_code_is_good_with_the_named_key_alone(
    place: Installation, person: Person, client_id: str
):
    """§10: dpop_jkt."""
    app, thief = App(place, client_id), App(place, client_id)
    code = await person.code(client_id, dpop_jkt=app.holder.thumbprint)
    assert error(await thief.exchange(person, code)) == "invalid_grant"
    unproved = await app.send(
        grant_type="authorization_code",
        code=code,
        code_verifier=person.verifier,
        redirect_uri=CALLBACK,
    )
    assert error(unproved) == "invalid_grant"
    assert (await app.exchange(person, code)).json()["token_type"] == "DPoP"


async def test_what_is_no_thumbprint_is_refused_at_once(place: Installation, person: Person):
    """§10."""
    answer = answer_of(await person.open("spa", dpop_jkt="short"))
    assert answer["error"] == "invalid_request"


# §11.1: replay


async def test_a_proof_is_good_once(place: Installation):
    """§11.1."""
    app = App(place, "service")
    proof = app.proof()
    assert (await app.send(proof, **SERVICE)).status_code == 200
    assert error(await app.send(proof, **SERVICE)) == "invalid_dpop_proof"


async def test_the_audience_of_a_bound_token_is_as_ever(place: Installation):
    """§11.7: a proof takes no other check away."""
    token = (await App(place, "service").ask(**SERVICE)).json()["access_token"]
    assert jwt.unverified_claims(token)["aud"] == NOTES
