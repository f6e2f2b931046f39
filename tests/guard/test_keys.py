"""The keys of one issuer, and when they are fetched again."""

import pytest

from counterfoil.guard.keys import COOLDOWN, REFRESH, IssuerKeys
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet, PrivateKey

ALL = ("ES256", "EdDSA", "PS256", "RS256")


def keys_for(*algorithms: str) -> IssuerKeys:
    return IssuerKeys("at+jwt", algorithms, max_bytes=1000)


def jwks(*keys: PrivateKey) -> dict[str, object]:
    return KeySet(key.public for key in keys).as_jwks()


def test_the_same_keys_stay_the_same_object():
    """So tokens that were verified with them need not be verified again."""
    keys, one, two = keys_for(*ALL), PrivateKey.generate(), PrivateKey.generate("EdDSA")
    keys.take(jwks(one))
    verifier = keys.verifier
    keys.take(jwks(one))
    assert keys.verifier is verifier
    keys.take(jwks(one, two))
    assert keys.verifier is not verifier
    verifier = keys.verifier
    keys.take(jwks(two, one))
    assert set(keys.verifier.keys) == {one.public.kid, two.public.kid}


def test_a_key_replaced_under_its_kid_is_another_key():
    keys = keys_for(*ALL)
    keys.take(jwks(PrivateKey.generate(kid="k")))
    verifier = keys.verifier
    keys.take(jwks(PrivateKey.generate(kid="k")))
    assert keys.verifier is not verifier


def test_only_pinned_algorithms_are_held():
    """S87: RFC 8725 §3.1."""
    keys, wanted = keys_for("EdDSA"), PrivateKey.generate("EdDSA")
    keys.take(jwks(PrivateKey.generate(), wanted))
    assert list(keys.verifier.keys) == [wanted.public.kid]


def test_a_key_without_alg_counts_where_one_algorithm_is_pinned():
    """RFC 7517 §4.4 makes ``alg`` optional; the owner's configuration decides, nobody else."""
    published = jwks(PrivateKey.generate("RS256"))
    del published["keys"][0]["alg"]
    for algorithms, held in ((("RS256",), 1), (("PS256",), 1), (ALL, 0)):
        keys = keys_for(*algorithms)
        keys.take(published)
        assert len(keys.verifier.keys) == held


def test_what_is_no_key_set_changes_nothing():
    keys, one = keys_for(*ALL), PrivateKey.generate()
    keys.take(jwks(one))
    for bad in ({}, {"keys": {}}, {"keys": [{"kty": "EC", "d": "x"}]}):
        with pytest.raises(JoseError):
            keys.take(bad)
    assert list(keys.verifier.keys) == [one.public.kid]


def test_keys_are_fetched_ahead():
    keys = keys_for(*ALL)
    assert keys.due <= 0
    keys.looked(1000)
    assert keys.due == 1000 + REFRESH
    keys.looked(1000, 0.5)
    assert keys.due == 1000.5


def test_an_unknown_key_is_looked_for_once_per_cooldown():
    keys = keys_for(*ALL)
    keys.looked(1000)
    assert keys.missed(1001)
    assert keys.due == 1000 + COOLDOWN
    assert not any(keys.missed(1001 + second) for second in range(20))
    keys.looked(1030)
    assert keys.missed(1090)
    assert keys.due == 1090


def test_a_notice_passes_the_cooldown_but_cannot_flood():
    keys = keys_for(*ALL)
    keys.looked(1000)
    assert keys.changed(1000.2)
    assert keys.due == 1001
    assert not keys.changed(1000.5)
    keys.looked(1001)
    assert keys.changed(1010)
    assert keys.due == 1010
