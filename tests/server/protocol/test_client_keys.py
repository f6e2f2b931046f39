"""The public keys of a client: which may be registered, and how they are kept (RFC 7591 §2)."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol.client_keys import (
    LONGEST,
    MOST_KEYS,
    keys_in,
    spelled,
    thumbprints_in,
)
from tests.client_keys import jwks_of, key


def jwk(algorithm: str = "ES256", **changes: Any) -> dict[str, Any]:
    whole = key(algorithm).public.as_jwk() | changes
    return {name: value for name, value in whole.items() if value is not None}


def refusal(*keys: object) -> str:
    with pytest.raises(OAuthError) as refused:
        spelled(msgspec.json.encode({"keys": keys}))
    assert refused.value.error == "invalid_request"
    return refused.value.description


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256", "RS256"])
def test_a_key_is_pinned_to_its_algorithm(algorithm: str):
    kept = spelled(jwks_of(key(algorithm)))
    (found,) = keys_in(kept).values()
    assert (found.algorithm.name, found.thumbprint) == (algorithm, key(algorithm).public.thumbprint)
    assert spelled(kept) == kept


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_an_elliptic_key_need_not_name_its_algorithm(algorithm: str):
    (found,) = keys_in(spelled(msgspec.json.encode({"keys": [jwk(algorithm, alg=None)]}))).values()
    assert found.algorithm.name == algorithm


def test_an_rsa_key_must_name_it():
    """It could be for either of two, and a key is for one (RFC 8725 §3.1)."""
    assert "algorithm" in refusal(jwk("RS256", alg=None))


def test_a_key_without_a_name_is_named_by_its_thumbprint():
    kept = spelled(msgspec.json.encode({"keys": [jwk(kid=None)]}))
    assert list(keys_in(kept)) == [key().public.thumbprint]
    assert thumbprints_in(kept) == {key().public.thumbprint}


def test_of_no_text_there_are_no_keys():
    assert len(keys_in("")) == 0


PRIVATE = {"d": "x"}
WRONG: dict[str, Callable[[], list[object]]] = {
    "none": list,
    "no object": lambda: ["x"],
    "empty": lambda: [{}],
    "private": lambda: [jwk() | PRIVATE],
    "for encryption": lambda: [jwk(use="enc")],
    "another kind's algorithm": lambda: [jwk(alg="RS256")],
    "unsigned": lambda: [jwk(alg="none")],
    "a secret's algorithm": lambda: [jwk(alg="HS256")],
    "a secret": lambda: [{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}],
    "an empty name": lambda: [jwk(kid="")],
    "no name": lambda: [jwk(kid=7)],
    "no point": lambda: [jwk(x="x")],
    "one key twice": lambda: [jwk(), jwk(kid="another name for the same")],
    "one name twice": lambda: [jwk(kid="one"), jwk("EdDSA", kid="one")],
    "too many": lambda: [jwk(kid=str(number)) for number in range(MOST_KEYS + 1)],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_prove_a_client_is_not_registered(wrong: str):
    assert refusal(*WRONG[wrong]()).startswith("The jwks cannot be registered")


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"keys": 7}', "é", " " * (LONGEST + 1)])
def test_what_is_no_set_of_keys_is_refused(text: str):
    with pytest.raises(OAuthError):
        spelled(text)


@given(st.text() | st.binary())
def test_nothing_at_all_is_taken_for_a_set_of_keys(text: str | bytes):
    with pytest.raises(OAuthError):
        spelled(text)


def test_a_post_quantum_key_is_not_for_clients():
    """Its algorithm is for tokens of APIs that ask for it; nothing that a stranger sends is."""
    post_quantum = PrivateKey.generate("ML-DSA-65").public.as_jwk()
    assert "one of ES256, EdDSA, PS256, RS256" in refusal(post_quantum)
