"""Encrypted tokens from the real server to a real guard, with all that tokens can be besides."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from jwcrypto import jwe as jwcrypto_jwe
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jwt as jwcrypto_jwt
from msgspec.structs import replace

from counterfoil.guard import Encryption, Guard, Issuer, Options, Rejected, Tickets
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.guard.encryption import Unsealing
from counterfoil.guard.gate import Gate
from counterfoil.jose import jws, strict_json
from counterfoil.jose.encryption_keys import DecryptionKeys
from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.explain import explain
from counterfoil.server.protocol.explaining.explanation import Verdict
from tests.encryption import with_pair, with_secret
from tests.flows.serving import fresh, refusal, refusal_of, served
from tests.guard.desk import request
from tests.guard.test_asgi import Served, notes_app
from tests.installation import NOTES, Installation
from tests.proofs import App, Holder

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["ECDH-ES", "dir"])
async def vault(
    on_engine: str, request: Any, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Installation, Any]]:
    async with served(tmp_path_factory.mktemp("data")) as place:
        key = await (with_pair if request.param == "ECDH-ES" else with_secret)(place)
        await decide(place, encryption=True)
        yield place, key


async def decide(place: Installation, **policy: Any) -> None:
    async def work(tx: Any) -> None:
        api = await tx.apis.find(NOTES)
        await registration.update_api(tx, replace(api, policy=replace(api.policy, **policy)), CLI)
        await place.authority.rotation.follow_apis(tx)

    await place.authority.store.transact(work)


def guard_of(place: Installation, key: Any, revocation: Any = "feed", **options: Any) -> Guard:
    encryption = Encryption(keys=DecryptionKeys((key,)))
    chosen = Options(encryption=encryption, **options)
    issuer = Issuer(place.issuer, ("ES256", "ML-DSA-65"), revocation=revocation)
    return Guard(issuers=[issuer], audience=NOTES, options=chosen)


def header_of(token: str) -> dict[str, Any]:
    """All of an encrypted token that can be read."""
    return strict_json.decode_object(jws.decode_part(token.partition(".")[0].encode()))


async def test_it_opens_its_api_and_ends_like_any_other(vault: tuple[Installation, Any]):
    """S68: to its client, and to a guard without the key, it says nothing."""
    place, key = vault
    with guard_of(place, key) as guard, Guard(place.issuer, audience=NOTES) as keyless:
        await fresh(guard)
        await fresh(keyless)
        token = await place.service_token()
        assert guard.check(token).subject == "service"
        refused = refusal(keyless, token)
        assert refused is not None
        assert refused.reason is Reason.UNREADABLE
        assert (await place.post("/revoke", "service", token=token)).status_code == 200
        assert (await refusal_of(guard, token)).reason is Reason.REVOKED
        await guard.aclose()
        await keyless.aclose()


async def test_it_is_explained_and_named_by_its_fingerprint(vault: tuple[Installation, Any]):
    """S68, S109: the server opens what it has made; what another has made it does not."""
    place, _ = vault
    token = await place.service_token()
    found = await explain(place.authority, token)
    assert found.verdict is Verdict.STANDS
    assert found.steps[0].check == "encryption"
    assert (await place.target_of(token)).name == found.fingerprint
    head, tag = token.rsplit(".", 1)
    other = "B" if tag[0] == "A" else "A"
    changed = await explain(place.authority, f"{head}.{other}{tag[1:]}")
    assert changed.verdict is Verdict.REFUSED
    assert changed.steps[0].reason is Reason.UNREADABLE


async def test_with_a_url_a_quantum_computer_and_a_ticket(vault: tuple[Installation, Any]):
    """S52, S68, S73: what is inside goes together with all that tokens can be."""
    place, key = vault
    await decide(place, signing_algorithm="ML-DSA-65")
    tickets = Tickets(keys=(b"t" * 32,))
    with guard_of(place, key, tickets=tickets) as guard:
        await fresh(guard)
        gate = Gate(guard)
        bound = await place.service_token(url="https://notes.example/files/7")
        assert (await gate.admit(request("/files/7", token=bound))).subject == "service"
        token = guard.check(await place.service_token())
        assert guard.ticket_issuing is not None
        asked = json.dumps({"url": "/files/8"}).encode()
        answer = json.loads(guard.ticket_issuing.answer(token, f"{NOTES}/tickets", asked).body)
        shown = request("/files/8?ticket=" + answer["ticket"])
        assert (await gate.admit(shown)).fingerprint == token.fingerprint
        await guard.aclose()
    await decide(place, signing_algorithm=None)


async def test_its_place_in_a_status_list_is_inside(vault: tuple[Installation, Any]):
    """S68, S117: for a guard that follows no feed; whoever carries it does not learn its place."""
    place, key = vault
    await decide(place, status_list=True)
    stands, ended = [await place.service_token() for _ in range(2)]
    assert (stands.count("."), "status" in header_of(stands)) == (4, False)
    assert (await place.post("/revoke", "service", token=ended)).status_code == 200
    with guard_of(place, key, "status_list") as guard:
        await fresh(guard)
        status = (await guard.decide(stands)).claims["status"]
        assert f"{place.issuer}/status-lists/" in str(status)
        with pytest.raises(Rejected) as refused:
            await guard.decide(ended)
        assert refused.value.reason is Reason.REVOKED
        assert guard.check(stands).subject == "service", "the list is here, and nobody is asked"
        await guard.aclose()
    await decide(place, status_list=False)


async def test_whoever_proves_no_key_has_nothing_of_it(vault: tuple[Installation, Any]):
    """S68, RFC 9449 §7: bound inside; the proof is over the text that is shown."""
    place, key = vault
    app = App(place, "service")
    told = (await app.ask(grant_type="client_credentials")).json()
    token = told["access_token"]
    assert (told["token_type"], token.count("."), "cnf" in header_of(token)) == (
        "DPoP",
        4,
        False,
    )
    with guard_of(place, key) as guard, Served(GuardMiddleware(notes_app(), guard)) as api:
        await fresh(guard)
        inner = Unsealing(Encryption(keys=DecryptionKeys((key,)))).signed_in(token)

        def ask(shown: str, proof: str | None, scheme: str = "DPoP") -> tuple[int, str]:
            headers = {"authorization": f"{scheme} {shown}"} | ({"dpop": proof} if proof else {})
            answer = api.get("/notes", **headers)
            return answer.status_code, answer.json().get("error_reason", "")

        def proved(of: str, holder: Holder = app.holder) -> str:
            return holder.proof("GET", f"{api.url}/notes", place.clock(), of)

        proof = proved(token)
        assert ask(token, proof) == (200, "")
        assert ask(token, proof) == (401, "proof_replayed")
        assert ask(token, None, "Bearer") == (401, "wrong_binding")
        assert ask(token, proved(token, Holder())) == (401, "wrong_binding")
        assert ask(token, proved(inner))[0] == 401, "the proof of another text"
        assert ask(inner, proved(inner)) == (401, "not_encrypted")
        assert ask(token, proved(token)) == (200, "")
        await guard.aclose()


async def test_others_open_and_verify_it(vault: tuple[Installation, Any]):
    """S65, S68: jwcrypto, with the API's key and nothing of ours but ``/jwks.json``."""
    place, key = vault
    token = await place.service_token()
    opened = jwcrypto_jwe.JWE()
    opened.deserialize(token)
    kid = json.loads(opened.objects["protected"])["kid"]
    if hasattr(key, "of_day"):
        secret = key.as_jwk() | {"k": _encoded(key.of_day(kid.partition(".")[2]).key)}
        opened.decrypt(jwcrypto_jwk.JWK(kty="oct", k=secret["k"]))
    else:
        opened.decrypt(jwcrypto_jwk.JWK(**key.as_jwk()))
    signed = opened.payload.decode()
    async with place.browser() as browser:
        published = jwcrypto_jwk.JWKSet.from_json((await browser.get("/jwks.json")).text)
    by = published.get_key(unverified_header(signed)["kid"])
    verified = json.loads(jwcrypto_jwt.JWT(jwt=signed, key=by, algs=["ES256"]).claims)
    assert verified == unverified_claims(signed)
    assert verified["aud"] == NOTES


def _encoded(key: bytes) -> str:
    return jws.encode_part(key).decode()
