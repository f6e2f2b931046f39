"""Tokens that are genuine, and what of them is refused all the same."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.jose import jws, jwt
from counterfoil.jose.algorithms import ALGORITHMS
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet, PrivateKey, PublicKey

CLAIMS: dict[str, object] = {
    "iss": "https://as.example.com",
    "sub": "248289761001",
    "aud": "https://api.example.com/",
    "exp": 1_700_000_000,
    "scope": "notes:read notes:write",
    "nested": {"names": ["é", '"', "\\"], "n": 1.5, "none": None},
}
EDDSA = PrivateKey.generate("EdDSA")
RFC7515_PAYLOAD = (
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
RFC7515_N = (
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
    "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
    "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
    "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
)
RFC7515_CLAIMS = {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}


def reason_of(
    token: str | bytes, keys: KeySet, typ: str | frozenset[str] = "at+jwt", **more: int
) -> str:
    with pytest.raises(JoseError) as caught:
        jwt.Verifier(keys, typ, **more).verify(token)
    return caught.value.reason


@given(st.binary(max_size=8), st.lists(st.binary(max_size=8)), st.binary(max_size=8))
def test_what_is_signed_around_a_place_is_as_if_each_were_signed_whole(
    before: bytes, each: list[bytes], after: bytes
) -> None:
    """However long the parts are, for three bytes are four letters; EdDSA signs always alike."""
    signer = jwt.Signer(EDDSA, "at+jwt")
    whole = [signer.sign(before + one + after) for one in each]
    assert signer.sign_around(before, each, after) == whole


def test_rfc7515_appendix_a_2_rs256() -> None:
    """RFC 7515 A.2: the example verifies, without `kid` and `typ` where the caller allows that."""
    key = PublicKey.from_jwk(
        {
            "kty": "RSA",
            "n": RFC7515_N,
            "e": "AQAB",
        },
        "RS256",
    )
    token = (
        f"eyJhbGciOiJSUzI1NiJ9.{RFC7515_PAYLOAD}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJb"
        "u3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
        "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eO"
        "kHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig"
        "cN_IoypGlUPQGe77Rw"
    )
    assert jwt.verify(token, KeySet([key]), jwt.NO_TYP).claims == RFC7515_CLAIMS


def test_rfc7515_appendix_a_3_es256() -> None:
    """RFC 7515 A.3: the example verifies, and its private key signs for its public one."""
    members = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    }
    key = PrivateKey.from_jwk(members, "ES256")
    token = (
        f"eyJhbGciOiJFUzI1NiJ9.{RFC7515_PAYLOAD}."
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    assert jwt.verify(token, KeySet([key.public]), jwt.NO_TYP).claims == RFC7515_CLAIMS
    assert jwt.verify(jwt.sign(CLAIMS, key, "JWT"), KeySet([key.public]), "jwt").claims == CLAIMS


def test_rfc8037_appendix_a_eddsa() -> None:
    """RFC 8037 A.3 to A.5: thumbprint, signature (to the byte) and validation."""
    key = PrivateKey.from_jwk(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        },
        "EdDSA",
    )
    assert key.public.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    part = b"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    assert jws.encode_part(key.sign(signed)) == part
    key.public.verify(jws.decode_part(part), signed)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_what_is_signed_is_verified(name: str, private_keys: Mapping[str, PrivateKey]) -> None:
    key = private_keys[name]
    token = jwt.sign(CLAIMS, key, "at+jwt")
    keys = KeySet(key.public for key in private_keys.values())
    expected = jwt.Verified(key.public.kid, "at+jwt", CLAIMS)
    assert jwt.verify(token, keys, "at+jwt") == expected
    assert jwt.verify(token.encode(), keys, "at+jwt") == expected


def test_the_header_is_alg_kid_and_typ_and_nothing_else(es256: PrivateKey) -> None:
    token = jwt.sign({}, es256, "at+jwt")
    header = {"alg": "ES256", "kid": es256.public.kid, "typ": "at+jwt"}
    assert jwt.unverified_header(token) == header
    assert list(jwt.unverified_header(token)) == list(header)


def test_claims_may_be_a_mapping_a_struct_or_bytes(es256: PrivateKey) -> None:
    class Two(msgspec.Struct):
        a: int
        b: str

    for claims in ({"a": 1, "b": "é"}, Two(1, "é"), b'{"a":1, "b":"\\u00e9"}'):
        token = jwt.sign(claims, es256, "JWT")
        assert jwt.verify(token, KeySet([es256.public]), "JWT").claims == {"a": 1, "b": "é"}
        assert jwt.unverified_claims(token) == {"a": 1, "b": "é"}


def test_a_token_is_of_the_type_that_is_asked_for(es256: PrivateKey) -> None:
    """RFC 8725 §3.11, RFC 9068 §4: `application/` and case do not matter, the type does."""
    keys = KeySet([es256.public])
    for typ in ("at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"):
        token = jwt.sign({}, es256, typ)
        for wanted in ("at+jwt", "application/AT+JWT", frozenset({"at+jwt", "dpop+jwt"})):
            assert jwt.verify(token, keys, wanted).typ == "at+jwt"
    for typ in ("JWT", "id+jwt", "text/at+jwt", "at+jwt ", "application/application/at+jwt", ""):
        expected = "wrong_type" if typ != "at+jwt" else None
        assert reason_of(jwt.sign({}, es256, typ), keys) == expected
    untyped = resigned(es256, {"alg": "ES256", "kid": es256.public.kid})
    assert reason_of(untyped, keys) == "wrong_type"
    assert jwt.verify(untyped, keys, {"JWT", jwt.NO_TYP}).typ == jwt.NO_TYP


def resigned(key: PrivateKey, header: dict[str, object], payload: bytes = b"{}") -> str:
    signed = jws.encode_part(msgspec.json.encode(header)) + b"." + jws.encode_part(payload)
    return (signed + b"." + jws.encode_part(key.sign(signed))).decode()


def test_without_a_kid_the_only_key_is_meant(private_keys: Mapping[str, PrivateKey]) -> None:
    """A choice among several keys is never guessed."""
    key = private_keys["EdDSA"]
    token = resigned(key, {"alg": "EdDSA", "typ": "at+jwt"})
    assert jwt.verify(token, KeySet([key.public]), "at+jwt").kid == key.public.kid
    several = KeySet(key.public for key in private_keys.values())
    assert reason_of(token, several) == "unknown_key"
    assert reason_of(token, KeySet()) == "unknown_key"


def test_a_genuine_payload_must_be_strict_json_too(es256: PrivateKey) -> None:
    """RFC 8725 §2.4: whoever signed it, a claim given twice has no meaning."""
    keys = KeySet([es256.public])
    for payload in (
        b'{"aud":"a","aud":"b"}',
        b'{"aud":"a","\\u0061ud":"b"}',
        b'{"cnf":{"jkt":"a","jkt":"b"}}',
        b'{"exp":NaN}',
        b'{"exp":1e999}',
        b'{"sub":"\xff"}',
        b'{"sub":"\\ud800"}',
        b'["sub"]',
        b"sub",
        b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}",
    ):
        assert reason_of(jwt.sign(payload, es256, "at+jwt"), keys) == "malformed"


def test_the_size_is_bounded(es256: PrivateKey) -> None:
    """S66: 16 KiB unless told otherwise, measured before anything is decoded."""
    keys = KeySet([es256.public])
    token = jwt.sign({"a": "x" * 12_000}, es256, "at+jwt")
    assert jwt.verify(token, keys, "at+jwt")
    assert reason_of(token, keys, max_bytes=len(token) - 1) == "oversized"
    assert reason_of(jwt.sign({"a": "x" * 16_000}, es256, "at+jwt"), keys) == "oversized"
    assert reason_of("\xff" * 20_000, keys) == "oversized"


@pytest.mark.parametrize("name", ALGORITHMS)
def test_any_changed_character_is_refused(
    name: str, private_keys: Mapping[str, PrivateKey]
) -> None:
    """S70: every position of a token in turn, with the verifier that already knows its header."""
    key = private_keys[name]
    verifier = jwt.Verifier(KeySet([key.public]), "at+jwt")
    token = jwt.sign({"sub": "somebody", "scope": "notes:read"}, key, "at+jwt").encode()
    verifier.verify(token)
    for position in range(len(token)):
        changed = bytearray(token)
        changed[position] ^= 1
        with pytest.raises(JoseError):
            verifier.verify(bytes(changed))
    verifier.verify(token)


@pytest.mark.parametrize("name", ALGORITHMS)
@given(data=st.data())
def test_any_changed_byte_is_refused(
    name: str, private_keys: Mapping[str, PrivateKey], data: st.DataObject
) -> None:
    """S70: replaced by any other byte, taken out, or put in anywhere."""
    key = private_keys[name]
    token = jwt.sign(CLAIMS, key, "at+jwt").encode()
    at = data.draw(st.integers(0, len(token)))
    width = data.draw(st.integers(0, 2))
    changed = token[:at] + data.draw(st.binary(max_size=2)) + token[at + width :]
    if changed != token:
        with pytest.raises(JoseError):
            jwt.verify(changed, KeySet([key.public]), "at+jwt")


@given(st.binary(max_size=64) | st.text(max_size=64) | st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]*"))
def test_any_input_is_refused_with_a_reason(es256: PrivateKey, junk: str | bytes) -> None:
    for read in (
        jwt.Verifier(KeySet([es256.public]), "at+jwt").verify,
        jwt.unverified_header,
        jwt.unverified_claims,
    ):
        with pytest.raises(JoseError):
            read(junk)


def test_parts_of_two_genuine_tokens_do_not_mix(es256: PrivateKey) -> None:
    """S70: a signature is for its own header and claims."""
    verifier = jwt.Verifier(KeySet([es256.public]), {"at+jwt", "JWT"})
    narrow = jwt.sign({"scope": "notes:read"}, es256, "at+jwt").split(".")
    wide = jwt.sign({"scope": "notes:write"}, es256, "JWT").split(".")
    for mixed in (
        [wide[0], *narrow[1:]],
        [narrow[0], wide[1], narrow[2]],
        [*narrow[:2], wide[2]],
    ):
        with pytest.raises(JoseError) as caught:
            verifier.verify(".".join(mixed))
        assert caught.value.reason == "bad_signature"


def test_the_headers_that_are_remembered_are_few_and_genuine(es256: PrivateKey) -> None:
    """Neither a stranger nor a whimsical issuer can fill the memory, and all still verifies."""
    verifier = jwt.Verifier(KeySet([es256.public]), "at+jwt")
    kid = es256.public.kid
    for number in range(200):
        header = {"alg": "ES256", "kid": kid, "typ": "at+jwt", "n": number}
        token = resigned(es256, header)
        forged = token[:-8] + "AAAAAAAA"
        before = len(verifier._known)
        with pytest.raises(JoseError):
            verifier.verify(forged)
        assert len(verifier._known) == before
        assert verifier.verify(token).kid == kid
    assert len(verifier._known) == 64


def test_a_verifier_may_be_shared_between_threads(es256: PrivateKey) -> None:
    verifier = jwt.Verifier(KeySet([es256.public]), "at+jwt")
    signer = jwt.Signer(es256, "at+jwt")
    found: list[object] = []

    def work(number: int) -> None:
        for count in range(30):
            claims = {"n": number, "count": count}
            found.append(verifier.verify(signer.sign(claims)).claims == claims)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 120


def test_looking_without_verifying_is_strict_all_the_same(es256: PrivateKey) -> None:
    twice = jwt.sign(b'{"iss":"a","iss":"b"}', es256, "at+jwt")
    with pytest.raises(JoseError) as caught:
        jwt.unverified_claims(twice)
    assert caught.value.reason == "malformed"
    with pytest.raises(JoseError) as caught:
        jwt.unverified_header("x" * 20_000)
    assert caught.value.reason == "oversized"
