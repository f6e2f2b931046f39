"""ECDH-ES: the vectors of RFC 7518 and RFC 8037, and points that are none."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from counterfoil.jose import agreement, jws
from counterfoil.jose.errors import JoseError

ALICE = {
    "kty": "EC",
    "crv": "P-256",
    "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
    "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    "d": "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo",
}
BOB = {
    "kty": "EC",
    "crv": "P-256",
    "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
    "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
}


def test_rfc7518_appendix_c_both_sides_derive_the_key_of_the_example() -> None:
    """RFC 7518 Appendix C: Z, and of it a key of 128 bits for A128GCM."""
    ours = agreement.agreed(agreement.private_key_of(ALICE), agreement.public_key_of(BOB))
    theirs = agreement.agreed(agreement.private_key_of(BOB), agreement.public_key_of(ALICE))
    assert ours == theirs
    assert list(ours[:4]) == [158, 86, 217, 29]
    key = agreement.derived(ours, "A128GCM", 128, (b"Alice", b"Bob"))
    assert jws.encode_part(key) == b"VqqN6vgjbSBcIijNcacQGg"


def test_rfc8037_appendix_a6_the_shared_secret_of_x25519() -> None:
    """RFC 8037 A.6."""
    bob = {"kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}
    ephemeral = bob | {
        "x": "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo",
        "d": "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo",
    }
    agreed = agreement.agreed(agreement.private_key_of(ephemeral), agreement.public_key_of(bob))
    assert agreed.hex() == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"


@pytest.mark.parametrize("crv", agreement.CURVES)
def test_the_same_chance_makes_the_same_key_and_other_chance_another(crv: str) -> None:
    def public(chance: bytes) -> dict[str, str]:
        return agreement.members_of(agreement.private_from(chance, crv).public_key())

    assert public(bytes(48)) == public(bytes(48))
    assert public(bytes(48)) != public(b"\x80" + bytes(47))
    assert public(b"\xff" * 48)["crv"] == crv


@pytest.mark.parametrize("crv", agreement.CURVES)
def test_a_key_comes_back_from_its_members(crv: str) -> None:
    private = agreement.generate(crv)
    members = agreement.members_of(private.public_key())
    again = agreement.private_key_of(members | {"d": agreement.secret_member_of(private)})
    assert agreement.members_of(again.public_key()) == members
    assert agreement.curve_of(private.public_key()) == crv


def test_a_point_beside_its_curve_is_refused() -> None:
    """The invalid curve attack: on another curve the private key could be counted out."""
    with pytest.raises(JoseError, match="no point of its curve") as refused:
        agreement.public_key_of(BOB | {"y": BOB["x"]})
    assert refused.value.reason == "bad_key"


def test_a_point_of_small_order_is_refused() -> None:
    """RFC 7748 §6.1: such a key agrees on zero with everybody."""
    low = {"kty": "OKP", "crv": "X25519", "x": jws.encode_part(bytes(32)).decode()}
    with pytest.raises(JoseError, match="small order"):
        agreement.agreed(X25519PrivateKey.generate(), agreement.public_key_of(low))


def test_keys_of_two_curves_agree_on_nothing() -> None:
    p256, x25519 = ec.generate_private_key(ec.SECP256R1()), X25519PrivateKey.generate()
    for private, public in ((p256, x25519.public_key()), (x25519, p256.public_key())):
        with pytest.raises(JoseError, match="not on the same curve"):
            agreement.agreed(private, public)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"crv": "P-384"}, "unsupported_key"),
        ({"crv": "secp256k1"}, "unsupported_key"),
        ({"kty": "RSA"}, "unsupported_key"),
        ({"kty": "OKP", "crv": "Ed25519"}, "unsupported_key"),
        ({"x": 7}, "bad_key"),
        ({"x": "AA"}, "bad_key"),
        ({"x": "é" * 43}, "bad_key"),
        ({"x": BOB["x"] + "="}, "bad_key"),
        ({"d": ALICE["d"]}, "bad_key"),
        ({"d": jws.encode_part(bytes(32)).decode()}, "bad_key"),
    ],
)
def test_a_key_that_is_none_is_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(JoseError) as refused:
        agreement.private_key_of(BOB | change)
    assert refused.value.reason == reason
    assert BOB["d"] not in str(refused.value)


@pytest.mark.parametrize("name", ["x", "y", "d"])
@pytest.mark.parametrize("padding", [1, 16])
def test_a_number_has_one_spelling(name: str, padding: int) -> None:
    """RFC 7518 §6.2.1.2: 32 bytes, though a longer one would name the same number."""
    longer = jws.encode_part(bytes(padding) + jws.decode_part(BOB[name].encode())).decode()
    with pytest.raises(JoseError, match=f"The key's {name} must have 32 bytes") as refused:
        agreement.private_key_of(BOB | {name: longer})
    assert refused.value.reason == "bad_key"


def test_a_number_that_begins_with_nothing_is_not_shortened() -> None:
    """RFC 7518 §6.2.1.2: leading zeros are part of it."""
    short = agreement.members_of(ec.derive_private_key(379, ec.SECP256R1()).public_key())
    whole = jws.decode_part(short["x"].encode())
    assert whole[0] == 0
    agreement.public_key_of(short)
    with pytest.raises(JoseError, match="must have 32 bytes"):
        agreement.public_key_of(short | {"x": jws.encode_part(whole[1:]).decode()})


def test_a_thumbprint_is_that_of_rfc_7638() -> None:
    from joserfc.jwk import ECKey

    theirs = ECKey.import_key({name: value for name, value in BOB.items() if name != "d"})
    assert agreement.thumbprint(agreement.public_key_of(BOB)) == theirs.thumbprint()
