"""Public members are read and written as joserfc does it, whichever way somebody spells them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, import_key

from counterfoil.jose import public_members
from counterfoil.jose.algorithms import ALGORITHMS
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import PrivateKey

KINDS = ("ES256", "EdDSA", "PS256")
PEM = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
SMALL_COORDINATE = 43
"""The private number of a point that has a coordinate with a zero octet in front."""


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_key_is_written_as_joserfc_writes_it(
    name: str, private_keys: Mapping[str, PrivateKey]
) -> None:
    """RFC 7518 §6 and RFC 7638, by others."""
    native = private_keys[name].public.native
    theirs = import_key(native.public_bytes(*PEM), ALGORITHMS[name].kty)
    assert public_members.written(native) == theirs.as_dict(private=False)
    assert list(public_members.written(native)) == sorted(theirs.as_dict(private=False))
    assert public_members.thumbprint(native) == theirs.thumbprint()


def test_a_coordinate_is_written_with_the_zeros_in_front() -> None:
    """RFC 7518 §6.2.1.2: 32 octets, however small the number. One point in 128 has such a one."""
    native = derive_private_key(SMALL_COORDINATE, SECP256R1()).public_key()
    point = native.public_numbers()
    assert min(point.x, point.y).bit_length() <= 248
    members = public_members.written(native)
    assert [len(members[name]) for name in ("x", "y")] == [43, 43]
    assert members == ECKey.import_key(native).as_dict(private=False)
    assert public_members.read(members) == native


def spellings(value: str) -> list[str]:
    """A member as it is, and as nobody may spell it, or as some do."""
    return [
        value,
        f"AAAA{value}",
        f"{value}AAAA",
        f"{value}=",
        f"{value} ",
        f"\n{value}",
        f"{value}\u00e9",
        value[:-1],
        value[:-1] + ("B" if value[-1] != "B" else "C"),
        value[:-4],
        value.swapcase(),
        value.replace(value[3], "+"),
        value.replace(value[3], "/"),
        "",
        "A",
        "AA",
        "AQ",
        "AAAA",
        "_" * 43,
        "A" * 20_000,
        "_" * 20_000,
    ]


@pytest.mark.parametrize("name", KINDS)
def test_what_is_read_is_what_joserfc_reads(
    name: str, private_keys: Mapping[str, PrivateKey]
) -> None:
    """The same key, or none, whichever of its members is spelled otherwise."""
    members = public_members.written(private_keys[name].public.native)
    read = []
    for member in set(members) - {"kty", "crv"}:
        for spelled in spellings(members[member]):
            jwk = {**members, member: spelled}
            ours, theirs = our_reading(jwk), their_reading(jwk)
            assert ours == theirs, (member, spelled[:80])
            read.append(ours)
    assert read.count(None) > len(read) // 2
    assert read.count(private_keys[name].public.native.public_bytes(*PEM)) >= len(members) - 2


@pytest.mark.parametrize(
    "changed", [{"kty": "oct"}, {"kty": None}, {"kty": 7}, {"crv": "P-384"}, {"crv": None}]
)
@pytest.mark.parametrize("name", ["ES256", "EdDSA"])
def test_another_kind_or_curve_is_no_key(
    name: str, changed: dict[str, object], private_keys: Mapping[str, PrivateKey]
) -> None:
    members = public_members.written(private_keys[name].public.native)
    with pytest.raises(JoseError) as caught:
        public_members.read({**members, **changed})
    assert caught.value.reason == "bad_key"


@pytest.mark.parametrize("value", [None, 7, 1.5, True, [], {}, b"AQAB"])
def test_a_member_that_is_no_text_is_no_key(
    value: object, private_keys: Mapping[str, PrivateKey]
) -> None:
    members = public_members.written(private_keys["PS256"].public.native)
    with pytest.raises(JoseError, match="e must be base64url"):
        public_members.read({**members, "e": value})


def our_reading(jwk: dict[str, str]) -> bytes | None:
    try:
        return public_members.read(jwk).public_bytes(*PEM)
    except JoseError as error:
        return None if error.reason == "bad_key" else error.reason.encode()


def their_reading(jwk: dict[str, str]) -> bytes | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of keys that are too short, which come later here
            return import_key(jwk).raw_value.public_bytes(*PEM)  # type: ignore[union-attr]
    except Exception:
        return None
