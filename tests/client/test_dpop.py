"""The client's key and its proofs, without any network (RFC 9449 §4.2, §8, §9)."""

from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.client.client_key import ClientKey
from counterfoil.client.dpop import DpopKey, Prover
from counterfoil.client.flows import Flows
from counterfoil.client.outside import Outside
from counterfoil.client.tokens import Tokens
from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import PrivateKey
from counterfoil.net.exchange import Answer, Request
from counterfoil.net.http import BadAnswer
from counterfoil.oauth.dpop import Target, read_proof
from tests.client.conversation import ISSUER, NOW, OUTSIDE, REGISTRATION, Issuer, answer

TOKEN_URL = f"{ISSUER}/token"
API = "https://api.example/notes"
BOUND = Tokens(access_token="a0", token_type="DPoP")


def flows(key: DpopKey | None = None) -> Flows:
    return Flows(REGISTRATION, OUTSIDE, key or DpopKey.in_memory())


def response(**members: Any) -> Answer:
    return answer({"access_token": "a1", "token_type": "DPoP", "expires_in": 60} | members)


def wish(status: int, nonce: str, challenge: str = "", error: str = "use_dpop_nonce") -> Answer:
    return replace(answer({"error": error}, status), dpop_nonce=nonce, www_authenticate=challenge)


class Wishing(Issuer):
    """An issuer that answers in turn."""

    def __init__(self, *turns: Answer) -> None:
        super().__init__()
        self.turns = list(turns)

    def run(self, exchange: Any) -> Any:
        request = next(exchange)
        try:
            while True:
                self.asked.append(request)
                path = request.url.removeprefix(ISSUER)
                given = self.answers.get(path) or self.turns.pop(0)
                request = exchange.send(replace(given, url=request.url))
        except StopIteration as end:
            return end.value

    @property
    def proofs(self) -> list[str]:
        return [request.proof for request in self.asked if request.proof]


def test_a_token_request_proves_the_key():
    """§5."""
    key, issuer = DpopKey.in_memory(), Wishing(response())
    tokens = issuer.run(flows(key).client_credentials("", None))
    assert tokens.token_type == "DPoP"
    proof = read_proof(issuer.proofs, Target("POST", TOKEN_URL))
    assert proof.thumbprint == key.thumbprint
    assert proof.issued_at == NOW


def test_a_sign_in_names_the_key_from_the_start():
    """§10: the code that comes back is good with no other."""
    key = DpopKey.in_memory()
    sign_in = Issuer().run(flows(key).begin("openid", {}))
    assert f"dpop_jkt={key.thumbprint}" in sign_in.url


def test_without_a_key_nothing_is_proved():
    bare = Flows(REGISTRATION, OUTSIDE)
    issuer = Issuer(token=response(token_type="Bearer"))
    assert issuer.run(bare.client_credentials("", None)).token_type == "Bearer"
    assert issuer.asked[-1].proof == ""
    assert "dpop_jkt" not in issuer.run(bare.begin("openid", {})).url


def test_whoever_proved_a_key_takes_no_token_that_anybody_could_use():
    """§5: a server that does not know DPoP gives a bearer token. It is no secret downgrade."""
    with pytest.raises(BadAnswer, match="token_type is not DPoP"):
        Issuer(token=response(token_type="Bearer")).run(flows().client_credentials("", None))


def test_a_nonce_is_asked_for_once_and_then_known():
    """§8, §8.2: one more round trip, and none for the next request."""
    issuer, client = Wishing(wish(400, "n1"), response()), flows()
    issuer.run(client.client_credentials("", None))
    first, second = issuer.proofs
    assert jwt.unverified_claims(first).get("nonce") is None
    assert jwt.unverified_claims(second)["nonce"] == "n1"
    issuer.turns = [replace(response(), dpop_nonce="n2"), response()]
    issuer.run(client.client_credentials("", None))
    issuer.run(client.client_credentials("", None))
    said = [jwt.unverified_claims(proof)["nonce"] for proof in issuer.proofs[2:]]
    assert said == ["n1", "n2"]


def test_an_assertion_is_made_anew_when_a_nonce_is_wanted():
    """RFC 7523 §3: a server takes each ``jti`` once, and the first try has used one up."""
    who = replace(REGISTRATION, credential=ClientKey(PrivateKey.generate()))
    issuer = Wishing(wish(400, "n1"), response())
    client = Flows(who, Outside(lambda: NOW), DpopKey.in_memory())
    issuer.run(client.client_credentials("", None))
    first, second = (each.form["client_assertion"] for each in issuer.asked if each.form)
    assert first != second


def test_a_server_that_is_never_content_is_asked_twice_and_no_more():
    issuer = Wishing(wish(400, "n1"), wish(400, "n2"), response())
    with pytest.raises(Exception, match="use_dpop_nonce"):
        issuer.run(flows().client_credentials("", None))
    assert len(issuer.proofs) == 2


def test_another_refusal_is_not_tried_again():
    issuer = Wishing(wish(400, "n1", error="invalid_grant"), response())
    with pytest.raises(Exception, match="invalid_grant"):
        issuer.run(flows().client_credentials("", None))
    assert len(issuer.proofs) == 1


def test_an_api_is_called_with_the_token_and_its_proof():
    """§7.1: the proof is for this URL without its query, and holds the hash of the token."""
    issuer = Wishing(answer({"notes": []}))
    told = issuer.run(flows().fetch(BOUND, Request(f"{API}?page=2#x")))
    assert told.json() == {"notes": []}
    assert issuer.asked[0].authorization == "DPoP a0"
    assert jwt.unverified_claims(issuer.proofs[0])["htu"] == API
    assert read_proof(issuer.proofs, Target("GET", API, "a0"))


def test_an_api_may_want_a_nonce_of_its_own():
    """§9: each server has its own nonces."""
    challenge = 'DPoP error="use_dpop_nonce", error_description="?"'
    issuer, client = Wishing(wish(401, "n1", challenge, "x"), answer({})), flows()
    issuer.run(client.fetch(BOUND, Request(API, {"a": "b"})))
    assert jwt.unverified_claims(issuer.proofs[1])["nonce"] == "n1"
    assert read_proof(issuer.proofs[1:], Target("POST", API, "a0"))
    issuer.turns = [answer({})]
    issuer.run(client.fetch(BOUND, Request("https://other.example/")))
    assert "nonce" not in jwt.unverified_claims(issuer.proofs[2])


def test_a_bearer_token_is_shown_as_ever():
    issuer, client = Wishing(answer({})), flows()
    bearer = Tokens(access_token="a0")
    issuer.run(client.fetch(bearer, Request(API)))
    assert issuer.asked[0].headers == {"Authorization": "Bearer a0"}
    assert client.headers(bearer, "GET", API) == {"Authorization": "Bearer a0"}


def test_headers_for_other_means():
    headers = flows().headers(BOUND, "PUT", API)
    assert headers["Authorization"] == "DPoP a0"
    assert read_proof([headers["DPoP"]], Target("PUT", API, "a0"))


def test_bound_tokens_without_their_key_are_a_mistake():
    bare = Flows(REGISTRATION, OUTSIDE)
    with pytest.raises(ValueError, match="bound to a key"):
        bare.headers(BOUND, "GET", API)
    with pytest.raises(ValueError, match="bound to a key"):
        Issuer().run(bare.fetch(BOUND, Request(API)))


def test_a_key_in_memory_is_a_new_one_each_time_and_shows_nothing():
    """S21: it is gone with the app."""
    one, other = DpopKey.in_memory(), DpopKey.in_memory()
    assert one.thumbprint != other.thumbprint
    assert repr(one) == f"DpopKey({one.thumbprint!r})"


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256", "RS256"])
def test_a_key_that_is_kept_is_the_same_again(algorithm: str):
    kept = PrivateKey.generate(algorithm).to_pem()
    one, other = (DpopKey.of(PrivateKey.from_pem(kept, algorithm)) for _ in range(2))
    assert one.thumbprint == other.thumbprint
    proof = Prover(one, OUTSIDE).proof("GET", API)
    assert read_proof([proof], Target("GET", API)).thumbprint == one.thumbprint


def test_a_key_of_the_device_signs_without_being_seen():
    """S20: as a secure element does; only its public half and its signatures come out."""
    element = PrivateKey.generate()
    key = DpopKey.on_device(element.public.as_jwk(), element.sign)
    proof = Prover(key, OUTSIDE).proof("GET", API)
    assert read_proof([proof], Target("GET", API)).thumbprint == element.public.thumbprint
    private = element.public.as_jwk() | {"d": "AQ"}
    with pytest.raises(JoseError):
        DpopKey.on_device(private, element.sign)
