"""Forgeries: each a known way to make a verifier trust what it should not (RFC 8725 §2)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from counterfoil.jose import jws, jwt
from counterfoil.jose.algorithms import ALGORITHMS
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet, PrivateKey

PAYLOAD = b'{"sub":"admin"}'


def assemble(header: dict[str, object] | bytes, signature: bytes = b"", by: object = None) -> str:
    """A token with any header at all, signed by `by` if given."""
    raw = header if isinstance(header, bytes) else msgspec.json.encode(header)
    signed = jws.encode_part(raw) + b"." + jws.encode_part(PAYLOAD)
    if isinstance(by, PrivateKey):
        signature = by.sign(signed)
    elif callable(by):
        signature = by(signed)
    return (signed + b"." + jws.encode_part(signature)).decode()


def reason_of(token: str, key: PrivateKey) -> str:
    """Why it is refused; by a verifier that knows a genuine header already."""
    verifier = jwt.Verifier(KeySet([key.public]), "at+jwt")
    verifier.verify(jwt.sign({}, key, "at+jwt"))
    with pytest.raises(JoseError) as caught:
        verifier.verify(token)
    return caught.value.reason


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "none ", "", "NoNe\u0000"])
@pytest.mark.parametrize("named", [True, False])
def test_none_is_refused_in_every_spelling(alg: str, named: bool, es256: PrivateKey) -> None:
    """S88: with the name of a key or without, with a signature or without (RFC 8725 §3.2)."""
    header: dict[str, object] = {"alg": alg, "typ": "at+jwt"}
    if named:
        header["kid"] = es256.public.kid
    for token in (assemble(header), assemble(header, by=es256)):
        assert reason_of(token, es256) == "wrong_algorithm"


@pytest.mark.parametrize("alg", ["none", "HS256", "ES512", "RS384"])
def test_an_algorithm_that_is_not_ours_is_named_before_the_key(alg: str, es256: PrivateKey) -> None:
    """S86: keys for it were left out of the set, so `unknown_key` would mislead."""
    header: dict[str, object] = {"alg": alg, "kid": "theirs", "typ": "at+jwt"}
    assert reason_of(assemble(header, b"signature"), es256) == "wrong_algorithm"


def test_a_stripped_signature_is_refused(es256: PrivateKey) -> None:
    """S88: the pinned algorithm with nothing behind it."""
    token = jwt.sign({}, es256, "at+jwt")
    assert reason_of(token[: token.rindex(".") + 1], es256) == "malformed"
    assert reason_of(token[: token.rindex(".")], es256) == "malformed"


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("claimed", ["HS256", "HS384", "HS512", "pinned"])
def test_a_public_key_is_never_a_shared_secret(
    name: str, claimed: str, private_keys: Mapping[str, PrivateKey]
) -> None:
    """S87: HMAC with any published form of the key as its secret (RFC 8725 §2.1, §3.1)."""
    key = private_keys[name]
    native = key.public.native
    pem = native.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = native.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    jwk = msgspec.json.encode(key.public.as_jwk())
    header: dict[str, object] = {
        "alg": name if claimed == "pinned" else claimed,
        "kid": key.public.kid,
        "typ": "at+jwt",
    }
    expected = "bad_signature" if claimed == "pinned" else "wrong_algorithm"
    for secret in (pem, pem.strip(), der, jwk, b""):
        token = assemble(header, by=lambda signed, s=secret: hmac.digest(s, signed, hashlib.sha256))
        assert reason_of(token, key) == expected


def test_the_token_does_not_choose_the_algorithm(private_keys: Mapping[str, PrivateKey]) -> None:
    """S87: a genuine RS256 signature of a key that is pinned to PS256 is refused."""
    pinned = private_keys["PS256"]
    twin = PrivateKey.of(pinned.native, "RS256", pinned.public.kid)
    token = jwt.sign({}, twin, "at+jwt")
    assert reason_of(token, pinned) == "wrong_algorithm"
    relabelled: dict[str, object] = {"alg": "PS256", "kid": pinned.public.kid, "typ": "at+jwt"}
    assert reason_of(assemble(relabelled, by=twin), pinned) == "bad_signature"


@pytest.mark.parametrize("name", ALGORITHMS)
def test_another_keys_signature_under_a_trusted_kid_is_refused(
    name: str, private_keys: Mapping[str, PrivateKey]
) -> None:
    """S89: `kid` selects, it does not vouch."""
    stranger = PrivateKey.generate(name, kid=private_keys[name].public.kid)
    assert reason_of(jwt.sign({}, stranger, "at+jwt"), private_keys[name]) == "bad_signature"


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "/proc/self/environ",
        "C:\\keys\\1",
        "' OR '1'='1",
        "x' UNION SELECT 'secret' --",
        "$(id)",
        "https://evil.example/key",
        "__class__",
        "",
        "\u0000",
        "kid" * 2_000,
    ],
)
def test_a_kid_is_a_name_and_nothing_more(kid: str, es256: PrivateKey) -> None:
    """S89: neither a path, a query nor an address (RFC 8725 §3.10)."""
    header: dict[str, object] = {"alg": "ES256", "kid": kid, "typ": "at+jwt"}
    assert reason_of(assemble(header, by=es256), es256) == "unknown_key"


@pytest.mark.parametrize("kid", [None, 0, 1.5, True, [], ["a"], {}, {"$gt": ""}])
def test_a_kid_that_is_no_text_is_refused(kid: object, es256: PrivateKey) -> None:
    header = {"alg": "ES256", "kid": kid, "typ": "at+jwt"}
    assert reason_of(assemble(header, by=es256), es256) == "malformed"


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_key_that_a_token_brings_along_is_not_used(
    name: str, private_keys: Mapping[str, PrivateKey]
) -> None:
    """S87, S89: `jwk`, `jku`, `x5u` and `x5c` are neither trusted nor fetched (RFC 8725 §3.10)."""
    key = private_keys[name]
    stranger = PrivateKey.generate(name)
    for brought in (
        {"jwk": stranger.public.as_jwk()},
        {"jku": "http://127.0.0.1:9/jwks", "x5u": "http://127.0.0.1:9/cert"},
        {"jku": "file:///etc/passwd"},
        {"x5c": ["MIIB"], "x5t": "AAAA"},
    ):
        for kid, expected in (
            (key.public.kid, "bad_signature"),
            (stranger.public.kid, "unknown_key"),
        ):
            header: dict[str, object] = {"alg": name, "kid": kid, "typ": "at+jwt", **brought}
            assert reason_of(assemble(header, by=stranger), key) == expected
        own: dict[str, object] = {"alg": name, "kid": key.public.kid, "typ": "at+jwt", **brought}
        genuine = assemble(own, by=key)
        assert jwt.verify(genuine, KeySet([key.public]), "at+jwt").claims == {"sub": "admin"}


def test_a_header_with_a_name_twice_is_refused(es256: PrivateKey) -> None:
    """RFC 7515 §4: else two readers could see two algorithms."""
    kid = es256.public.kid.encode()
    for header in (
        b'{"alg":"none","alg":"ES256","kid":"%b","typ":"at+jwt"}' % kid,
        b'{"alg":"ES256","alg":"ES256","kid":"%b","typ":"at+jwt"}' % kid,
        b'{"alg":"ES256","kid":"%b","typ":"JWT","t\\u0079p":"at+jwt"}' % kid,
        b'{"alg":"ES256","kid":"%b","typ":"at+jwt","jwk":{"a":1,"a":2}}' % kid,
    ):
        assert reason_of(assemble(header, by=es256), es256) == "malformed"


@pytest.mark.parametrize("crit", [["b64"], ["exp"], [], ["http://example.com/UNDEFINED"]])
def test_a_critical_extension_is_refused_even_when_signed(crit: object, es256: PrivateKey) -> None:
    """RFC 7515 §4.1.11."""
    header = {"alg": "ES256", "kid": es256.public.kid, "typ": "at+jwt", "crit": crit, "b64": False}
    assert reason_of(assemble(header, by=es256), es256) == "unknown_critical"


def test_another_spelling_of_a_genuine_token_is_refused(es256: PrivateKey) -> None:
    """S70, S89: padding, white space, stray bits, the JSON form, percent signs."""
    token = jwt.sign({"sub": "somebody"}, es256, "at+jwt")
    header, payload, signature = token.split(".")
    last = {"A": "B", "Q": "R", "g": "h", "w": "x"}[signature[-1]]
    for spelled in (
        token + "=",
        token + "==",
        token + "\n",
        " " + token,
        token + ".",
        f"{header}=.{payload}.{signature}",
        f"{header}.{payload}==.{signature}",
        token[:-1] + last,
        token.replace(".", "%2E"),
        token.replace(".", "\uff0e"),
        f'{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}',
    ):
        assert reason_of(spelled, es256) in ("malformed", "bad_signature")


def test_a_der_signature_is_refused(es256: PrivateKey) -> None:
    """RFC 7518 §3.4: the same numbers in the form of X.509."""
    token = jws.split(jwt.sign({}, es256, "at+jwt"))
    raw = jws.decode_part(token.signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    respelled = (token.signed + b"." + jws.encode_part(der)).decode()
    assert reason_of(respelled, es256) == "bad_signature"


@pytest.mark.parametrize("length", [1, 32, 63, 64, 65, 128, 256, 4096])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_zeros_of_any_length_are_no_signature(
    name: str, length: int, private_keys: Mapping[str, PrivateKey]
) -> None:
    key = private_keys[name]
    header: dict[str, object] = {"alg": name, "kid": key.public.kid, "typ": "at+jwt"}
    assert reason_of(assemble(header, bytes(length)), key) == "bad_signature"


def test_an_encrypted_token_is_not_a_signed_one(es256: PrivateKey) -> None:
    """RFC 8725 §2.3: five parts are refused before they are read."""
    header = {"alg": "dir", "enc": "A128GCM", "kid": es256.public.kid}
    part = jws.encode_part(msgspec.json.encode(header)).decode()
    assert reason_of(f"{part}..AAAA.AAAA.AAAA", es256) == "malformed"
