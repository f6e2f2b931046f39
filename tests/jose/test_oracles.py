"""Our signer and verifier beside joserfc, PyJWT and jwcrypto: the same tokens, the same claims."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jwt as pyjwt
import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError as JoserfcError
from joserfc.jwk import JWKRegistry
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jwt as jwcrypto_jwt

from counterfoil.jose import jws, jwt
from counterfoil.jose.algorithms import ALGORITHMS
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet, PrivateKey

# RFC 9864 prefers the name Ed25519 to EdDSA; joserfc says so at each use.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
# Registered claims have rules of their own in the other libraries, so ours avoid those names.
CLAIMS = st.dictionaries(st.text(max_size=8).map("x_{}".format), VALUES, max_size=5)


@pytest.mark.parametrize("name", ALGORITHMS)
@given(claims=CLAIMS)
def test_other_libraries_verify_what_we_sign(
    name: str, private_keys: Mapping[str, PrivateKey], claims: dict[str, object]
) -> None:
    """S65: three parts that standard libraries check, with our published JWK."""
    key = private_keys[name]
    token = jwt.sign(claims, key, "at+jwt")
    published: Any = key.public.as_jwk()

    theirs = joserfc_jwt.decode(token, JWKRegistry.import_key(published), algorithms=[name])
    assert theirs.claims == claims
    assert theirs.header == {"alg": name, "kid": key.public.kid, "typ": "at+jwt"}
    assert pyjwt.decode(token, pyjwt.PyJWK(published).key, algorithms=[name]) == claims
    third = jwcrypto_jwt.JWT(jwt=token, key=jwcrypto_jwk.JWK(**published), algs=[name])
    assert json.loads(third.claims) == claims


@pytest.fixture(scope="session")
def foreign_keys(private_keys: Mapping[str, PrivateKey]) -> dict[str, tuple[Any, Any, Any]]:
    """The private keys as joserfc, PyJWT and jwcrypto hold them."""
    return {
        name: (
            JWKRegistry.import_key(key.to_pem(), ALGORITHMS[name].kty),
            key.native,
            jwcrypto_jwk.JWK.from_pem(key.to_pem()),
        )
        for name, key in private_keys.items()
    }


@pytest.mark.parametrize("name", ALGORITHMS)
@given(claims=CLAIMS)
def test_we_verify_what_other_libraries_sign(
    name: str,
    private_keys: Mapping[str, PrivateKey],
    foreign_keys: dict[str, tuple[Any, Any, Any]],
    claims: dict[str, object],
) -> None:
    """S65, the other way round."""
    key = private_keys[name]
    header = {"alg": name, "kid": key.public.kid, "typ": "at+jwt"}
    joserfc_key, pyjwt_key, jwcrypto_key = foreign_keys[name]
    third = jwcrypto_jwt.JWT(header=header, claims=claims)
    third.make_signed_token(jwcrypto_key)
    for token in (
        joserfc_jwt.encode(header, claims, joserfc_key, algorithms=[name]),
        pyjwt.encode(claims, pyjwt_key, algorithm=name, headers=header),
        third.serialize(),
    ):
        verified = jwt.verify(token, KeySet([key.public]), "at+jwt")
        assert verified == jwt.Verified(key.public.kid, "at+jwt", claims)


def by_joserfc(token: bytes, key: PrivateKey) -> object:
    """What joserfc makes of it, with the rules that we add on top: names once, kid and typ."""

    def names_once(members: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(members)) != len(members):
            raise ValueError("name given twice")
        return dict(members)

    published: Any = key.public.as_jwk()
    registry = joserfc_jws.JWSRegistry(
        algorithms=[key.public.algorithm.name], strict_check_header=False
    )
    try:
        found = joserfc_jws.deserialize_compact(
            token, JWKRegistry.import_key(published), registry=registry
        )
        header = json.loads(jws.decode_part(token.split(b".")[0]), object_pairs_hook=names_once)
        claims = json.loads(found.payload.decode(), object_pairs_hook=names_once)
    except (JoserfcError, JoseError, ValueError, TypeError):
        return "refused"
    typ = header.get("typ")
    if header.get("kid", key.public.kid) != key.public.kid or "crit" in header:
        return "refused"
    if typ not in ("at+jwt", "application/at+jwt", "AT+JWT") or not isinstance(claims, dict):
        return "refused"
    return claims


def by_us(token: bytes, verifier: jwt.Verifier) -> object:
    try:
        return verifier.verify(token).claims
    except JoseError:
        return "refused"


def members(options: dict[str, list[str]]) -> st.SearchStrategy[bytes]:
    """JSON objects made of these members, some left out, some twice, in any order."""
    pairs = [f'"{name}":{value}' for name, values in options.items() for value in values]
    return st.lists(st.sampled_from(pairs), max_size=5).map(lambda m: f"{{{','.join(m)}}}".encode())


@pytest.mark.parametrize("name", ALGORITHMS)
@given(data=st.data())
def test_the_same_signed_tokens_are_accepted_as_by_joserfc(
    name: str, private_keys: Mapping[str, PrivateKey], data: st.DataObject
) -> None:
    """Headers and claims of every shape, genuinely signed: equal verdicts, equal claims."""
    key = private_keys[name]
    good = {"alg": f'"{name}"', "kid": f'"{key.public.kid}"', "typ": '"at+jwt"'}
    genuine = st.just(",".join(f'"{name}":{value}' for name, value in good.items()))
    alterations = members(
        {
            "alg": [good["alg"], '"none"', '"HS256"', "null", "[]"],
            "kid": [good["kid"], '"other"', "1", "null"],
            "typ": [good["typ"], '"AT+JWT"', '"application/at+jwt"', '"JWT"', "7"],
            "crit": ['["exp"]', '["b64"]'],
            "jku": ['"https://evil.example/jwks"'],
            "x": ["1", '{"a":[1]}'],
        }
    )
    extended = st.tuples(genuine, members({"x": ["1", '"\\u0061"'], "y": ["[]"]})).map(
        lambda both: f"{{{both[0]},{both[1][1:-1].decode()}}}".replace(",}", "}").encode()
    )
    header = data.draw(alterations | extended)
    payload = data.draw(
        members({"a": ["1", '"é"', '{"b":1}', '{"b":1,"b":2}'], "\\u0061": ["2"], "sub": ['"x"']})
        | st.sampled_from([b"{}", b"[]", b"1", b"{", b'{"a":"\xff"}', b" {} "])
    )
    signed = jws.encode_part(header) + b"." + jws.encode_part(payload)
    token = signed + b"." + jws.encode_part(key.sign(signed))
    verifier = jwt.Verifier(KeySet([key.public]), "at+jwt")
    verdict = by_us(token, verifier)
    assert verdict == by_joserfc(token, key)
    assert verdict == by_us(token, verifier)


@pytest.mark.parametrize("name", ALGORITHMS)
@given(data=st.data())
def test_the_same_damaged_tokens_are_refused_as_by_joserfc(
    name: str, private_keys: Mapping[str, PrivateKey], data: st.DataObject
) -> None:
    """S70: cut, stretched, padded, reordered: both refuse, and nothing but a refusal is raised."""
    key = private_keys[name]
    token = jwt.sign(data.draw(CLAIMS), key, "at+jwt").encode()
    parts = token.split(b".")
    at = data.draw(st.integers(0, len(token)))
    damaged = data.draw(
        st.sampled_from(
            [
                token[:at],
                token[at:],
                token[:at] + b"=" + token[at:],
                token[:at] + b"." + token[at:],
                token[:at] + token[at + 1 :],
                token[:at] + bytes([(token[at % len(token)] + 1) % 128]) + token[at + 1 :],
                b".".join(reversed(parts)),
                b".".join(parts[:2]) + b".",
                token + b"\n",
                b".".join([*parts, parts[1]]),
            ]
        )
    )
    assume(damaged != token)
    verifier = jwt.Verifier(KeySet([key.public]), "at+jwt")
    verifier.verify(token)
    assert by_us(damaged, verifier) == "refused"
    assert by_joserfc(damaged, key) == "refused"


def test_the_encoder_writes_what_a_json_reader_expects(es256: PrivateKey) -> None:
    """The payload is JSON as UTF-8, without escapes that other readers would see differently."""
    token = jwt.sign({"name": "é😀\u2028"}, es256, "at+jwt")
    assert json.loads(jws.decode_part(jws.split(token).payload)) == {"name": "é😀\u2028"}
    assert msgspec.json.decode(jws.decode_part(jws.split(token).header))["alg"] == "ES256"
