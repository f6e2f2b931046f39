"""An ID token says who signed in: only if every check of OpenID Connect Core §3.1.3.7 passes."""

from typing import Any

import msgspec
import pytest
from joserfc import jwt as oracle
from joserfc.jwk import ECKey

from counterfoil.client.errors import NotTrusted
from counterfoil.client.id_token import LEEWAY, Expected, identity_in
from counterfoil.jose import jwt
from counterfoil.jose.keys import KeySet, PrivateKey
from tests.client.conversation import ISSUER, KEY, NOW, id_token

KEYS = KeySet([KEY.public])
EXPECTED = Expected(issuer=ISSUER, client_id="app", nonce="n0nce")


def read(token: str, expected: Expected = EXPECTED, now: float = NOW) -> Any:
    return identity_in(token, KEYS, expected, now)


def test_a_good_one_says_who():
    token = id_token(nonce="n0nce", email="ada@example.com", name="Ada", auth_time=NOW - 5, x=1)
    identity = read(token)
    assert (identity.issuer, identity.subject) == (ISSUER, "ada")
    assert (identity.email, identity.name, identity.auth_time) == (
        "ada@example.com",
        "Ada",
        NOW - 5,
    )
    assert identity.claims["x"] == 1


def test_a_token_without_typ_is_taken_from_other_servers():
    claims = jwt.unverified_claims(id_token(nonce="n0nce"))
    header = {"alg": "ES256", "kid": KEY.public.kid}
    token = oracle.encode(header, claims, ECKey.import_key(KEY.to_pem()))
    assert read(token).subject == "ada"


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"aud": "other"}, "another client"),
        ({"aud": ["other"]}, "another client"),
        ({"aud": ["app", "other"]}, "issued to another client"),
        ({"aud": ["app", "other"], "azp": "other"}, "issued to another client"),
        ({"azp": "other"}, "issued to another client"),
        ({"nonce": "other"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": NOW - LEEWAY}, "expired"),
        ({"iat": NOW + LEEWAY + 1}, "in the future"),
        ({"exp": None}, "exp"),
        ({"sub": None}, "sub"),
        ({"exp": "soon"}, "exp"),
    ],
)
def test_a_wrong_claim_is_refused(claims: dict[str, object], words: str):
    with pytest.raises(NotTrusted, match=words):
        read(id_token(**({"nonce": "n0nce"} | claims)))


def test_several_audiences_are_taken_where_we_are_the_authorized_party():
    token = id_token(nonce="n0nce", aud=["app", "other"], azp="app")
    assert read(token).subject == "ada"


def test_a_stranger_s_key_is_refused():
    with pytest.raises(NotTrusted, match="none of the keys"):
        read(id_token(PrivateKey.generate(), nonce="n0nce"))


def test_an_access_token_is_no_id_token():
    """RFC 8725 §3.11: one kind of token is never taken for another."""
    with pytest.raises(NotTrusted, match="type"):
        read(id_token(typ="at+jwt", nonce="n0nce"))


def test_an_unsigned_one_is_refused():
    """RFC 8725 §3.1: ``alg: none``, and a signature that was cut off."""
    token = id_token(nonce="n0nce")
    cut = token.rpartition(".")[0] + "."
    for each in (cut, "e30.e30.", "nonsense"):
        with pytest.raises(NotTrusted):
            read(each)
    assert "none" not in {key.algorithm.name for key in KEYS.values()}


def test_a_max_age_that_was_asked_for_is_held_to():
    """OpenID Connect Core §3.1.2.1."""
    expected = msgspec.structs.replace(EXPECTED, max_age=60)
    assert read(id_token(nonce="n0nce", auth_time=NOW - 60), expected).subject == "ada"
    with pytest.raises(NotTrusted, match="too long ago"):
        read(id_token(nonce="n0nce", auth_time=NOW - 71), expected)
    with pytest.raises(NotTrusted, match="does not say when"):
        read(id_token(nonce="n0nce"), expected)


def test_a_refusal_shows_nothing_of_the_token():
    token = id_token(nonce="n0nce", aud="other")
    with pytest.raises(NotTrusted) as refused:
        read(token)
    assert not any(part in str(refused.value) for part in token.split("."))
    assert jwt.unverified_claims(token)["aud"] == "other"
