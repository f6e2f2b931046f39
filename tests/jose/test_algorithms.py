"""The allow-list of algorithms and the keys that each takes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st

from counterfoil.jose import algorithms
from counterfoil.jose.algorithms import ALGORITHMS
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import PrivateKey

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_the_allow_list_is_four_asymmetric_algorithms_and_es256_is_the_default() -> None:
    """S86, S88: nothing weaker than SHA-256, no shared secret, no `none` (RFC 8725 §3.2)."""
    assert list(ALGORITHMS) == ["ES256", "EdDSA", "PS256", "RS256"]
    assert algorithms.DEFAULT == "ES256"


@pytest.mark.parametrize(
    "name",
    ["none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS1", "ES256K", "es256", 5, None],
    ids=repr,
)
def test_any_other_name_is_refused(name: object) -> None:
    """S86, S88: refused by absence, in every spelling."""
    with pytest.raises(JoseError) as caught:
        algorithms.named(name)
    assert caught.value.reason == "wrong_algorithm"


def test_the_table_cannot_be_widened_while_running() -> None:
    with pytest.raises(TypeError):
        ALGORITHMS["none"] = ALGORITHMS["ES256"]  # type: ignore[index]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_each_algorithm_takes_only_its_own_kind_of_key(name: str) -> None:
    """RFC 8725 §3.1: a key is used with one algorithm."""
    others = [ec.generate_private_key(ec.SECP384R1()), ed448.Ed448PrivateKey.generate(), b"secret"]
    others += [
        algorithm.generate()
        for algorithm in ALGORITHMS.values()
        if algorithm.kty != ALGORITHMS[name].kty
    ]
    for key in others:
        with pytest.raises(JoseError) as caught:
            ALGORITHMS[name].signer(key)
        assert caught.value.reason == "bad_key"
        public = key if isinstance(key, bytes) else key.public_key()
        with pytest.raises(JoseError) as caught:
            ALGORITHMS[name].verifier(public)
        assert caught.value.reason == "bad_key"


@pytest.mark.parametrize("name", ["PS256", "RS256"])
def test_rsa_keys_under_2048_bits_are_refused(name: str) -> None:
    """S86: RFC 7518 §3.3 and §3.5."""
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(JoseError, match="2048"):
        ALGORITHMS[name].signer(short)
    with pytest.raises(JoseError, match="2048"):
        ALGORITHMS[name].verifier(short.public_key())


@pytest.mark.parametrize(
    ("e", "bits"), [(65537, 16_384), ((1 << 2000) + 1, 2048)], ids=["modulus", "exponent"]
)
def test_rsa_keys_that_would_cost_too_much_are_refused(e: int, bits: int) -> None:
    """A stranger's key may not buy unbounded work."""
    huge = rsa.RSAPublicNumbers(e, (1 << bits) - 1).public_key()
    with pytest.raises(JoseError) as caught:
        ALGORITHMS["RS256"].verifier(huge)
    assert caught.value.reason == "bad_key"


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_signature_is_of_its_key_and_its_message(
    name: str, private_keys: Mapping[str, PrivateKey]
) -> None:
    key = private_keys[name]
    signature = key.sign(b"message")
    key.public.native_verify(signature, b"message")
    wrong_lengths = [signature[:-1], signature + b"\0", b"\0" + signature, b"", signature * 2]
    for wrong in [*wrong_lengths, bytes(len(signature)), b"\xff" * len(signature)]:
        with pytest.raises(InvalidSignature):
            key.public.native_verify(wrong, b"message")
    with pytest.raises(InvalidSignature):
        key.public.native_verify(signature, b"messages")


def test_an_es256_signature_is_r_and_s_and_not_der(es256: PrivateKey) -> None:
    """RFC 7518 §3.4: 64 bytes; neither the DER form of X.509 nor a longer s."""
    assert len(es256.sign(b"message")) == 64
    native = es256.native
    assert isinstance(native, ec.EllipticCurvePrivateKey)
    der = native.sign(b"message", ec.ECDSA(algorithms.SHA256()))
    raw = es256.sign(b"message")
    for respelled in (der, raw[:32] + b"\0" + raw[32:]):
        with pytest.raises(InvalidSignature):
            es256.public.native_verify(respelled, b"message")


@pytest.mark.parametrize("r", [0, 1, P256_ORDER, P256_ORDER + 1, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, P256_ORDER, 2**256 - 1])
def test_es256_numbers_at_the_edges_are_refused(r: int, s: int, es256: PrivateKey) -> None:
    """A signature of zeros verifies nothing, nor do r and s outside the group's order."""
    with pytest.raises(InvalidSignature):
        es256.public.native_verify(r.to_bytes(32, "big") + s.to_bytes(32, "big"), b"message")


@given(st.binary(min_size=64, max_size=64))
@example(bytes(64))
@example(bytes(31) + b"\x80" + bytes(31) + b"\x7f")
@example(b"\x80" + bytes(31) + b"\x7f" + bytes(31))
@example(b"\xff" * 64)
def test_r_and_s_become_the_der_that_cryptography_writes(signature: bytes) -> None:
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
    assert algorithms._der(signature) == encode_dss_signature(r, s)


def test_an_es256_number_beyond_the_order_is_not_taken_modulo_the_order(es256: PrivateKey) -> None:
    """A genuine r or s, plus the order, is another spelling of the same number: refused."""
    for message in (bytes([n]) for n in range(4)):
        signature = es256.sign(message)
        s = int.from_bytes(signature[32:], "big") + P256_ORDER
        if s < 2**256:
            with pytest.raises(InvalidSignature):
                es256.public.native_verify(signature[:32] + s.to_bytes(32, "big"), message)


@pytest.mark.parametrize("number", [1, 127, 128, 255, 256, 2**255, 2**256 - 1])
def test_numbers_of_a_signature_are_of_one_length(number: int) -> None:
    """In DER they have as many bytes as they need, and one more where the first would be a sign."""
    der = encode_dss_signature(number, 1)
    assert algorithms._fixed(der[4 : 4 + der[3]]) == number.to_bytes(32, "big")
