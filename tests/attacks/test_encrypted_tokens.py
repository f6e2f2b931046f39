"""An encrypted token in the hands of whoever wants to read it, forge it, or wear out its API."""

import base64
import json
import secrets
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfoil.guard import Encryption
from counterfoil.guard.gate import Gate
from counterfoil.jose import agreement, jwe, jws, jwt
from counterfoil.jose.encryption_keys import DecryptionKeys, PrivateEncryptionKey
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.reasons import Reason
from tests.attacks.test_url_bound import reason
from tests.guard.desk import Desk, request
from tests.guard.test_encryption import BOTH, KEYS, PAIR, SHARED, by_agreement, by_secret

pytestmark = pytest.mark.one_engine("about guards, which have no store")
DESK = Desk()
GATE = DESK.gate(encryption=Encryption(keys=KEYS))


def why(token: str, gate: Gate = GATE) -> Reason | None:
    return reason(gate, request(token=token))


def rewritten(token: str, **changes: object) -> str:
    aad, rest = token.split(".", 1)
    header = json.loads(jws.decode_part(aad.encode())) | changes
    return jws.encode_part(json.dumps(header).encode()).decode() + "." + rest


@BOTH
def test_nothing_inside_can_be_read(encrypted):
    """S68."""
    token = encrypted(DESK.token(email="ada@example.com"))
    parts = [base64.urlsafe_b64decode(part + "===") for part in token.split(".")]
    for secret in (b"ada@example.com", b"notes:read", b"https://"):
        assert all(secret not in part for part in parts)
    assert set(json.loads(parts[0])) <= {"alg", "enc", "kid", "typ", "cty", "epk", "apu"}


@BOTH
def test_whoever_can_encrypt_can_still_sign_nothing(encrypted):
    """The API's public key is public, and its guards know the secret: neither is a signature."""
    theirs = PrivateKey.generate()
    assert why(encrypted(DESK.token(key=theirs))) is Reason.UNKNOWN_KEY
    named = PrivateKey.of(theirs.native, "ES256", DESK.key.public.kid)
    assert why(encrypted(DESK.token(key=named))) is Reason.BAD_SIGNATURE
    assert why(encrypted(DESK.token(key=theirs, iss="https://evil.example"))) is Reason.WRONG_ISSUER


@BOTH
def test_an_unsigned_token_inside_is_refused(encrypted):
    """RFC 8725 §3.2: that it was decrypted does not make it genuine."""
    header = {"alg": "none", "typ": "at+jwt", "kid": DESK.key.public.kid}
    head = jws.encode_part(json.dumps(header).encode()).decode()
    body = DESK.token().split(".")[1]
    assert why(encrypted(f"{head}.{body}.")) is Reason.BAD_SIGNATURE
    assert why(encrypted(f"{head}.{body}.AA")) is Reason.BAD_SIGNATURE
    assert why(encrypted(json.dumps(DESK.claims()))) is Reason.MALFORMED
    assert why(encrypted("")) is Reason.MALFORMED


@BOTH
def test_one_within_another_is_refused(encrypted):
    """Nothing is opened twice: no depth, no loop."""
    assert why(by_secret(encrypted(DESK.token()))) is Reason.MALFORMED
    assert why(by_agreement(encrypted(DESK.token()))) is Reason.MALFORMED


@BOTH
def test_a_token_of_another_kind_inside_is_refused(encrypted):
    """S75: an ID token, a proof, a head of the feed."""
    for typ in ("JWT", "dpop+jwt", "statuslist+jwt", "head+jwt"):
        assert why(encrypted(DESK.token(typ=typ))) is Reason.WRONG_TYPE
        assert why(encrypted(DESK.token(), typ=typ)) is Reason.WRONG_TYPE


@BOTH
def test_a_token_of_one_api_encrypted_to_another_is_refused(encrypted):
    assert why(encrypted(DESK.token(aud="https://mail.example"))) is Reason.WRONG_AUDIENCE


def test_a_token_for_another_apis_key_is_refused():
    """Also under the name of ours."""
    other = PrivateEncryptionKey.generate()
    token = by_agreement(DESK.token(), other)
    assert why(token) is Reason.UNREADABLE
    assert why(rewritten(token, kid=PAIR.kid)) is Reason.UNREADABLE


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "RSA1_5"},
        {"alg": "RSA-OAEP-256"},
        {"alg": "A256KW"},
        {"alg": "A256GCMKW"},
        {"alg": "ECDH-ES+A256KW"},
        {"alg": "PBES2-HS512+A256KW", "p2c": 2**31, "p2s": "AAAAAAAAAAA"},
        {"alg": "dir"},
        {"alg": "none"},
        {"enc": "A128CBC-HS256"},
        {"enc": "none"},
    ],
)
def test_no_other_algorithm_is_ever_begun(changes: dict[str, object]):
    """RFC 8725 §2.7, §3.2: neither a padding oracle nor two billion rounds of PBKDF2."""
    assert why(rewritten(by_agreement(DESK.token()), **changes)) in {
        Reason.UNREADABLE,
        Reason.MALFORMED,
    }


def test_the_public_key_is_no_shared_secret():
    """The confusion of RSA and HMAC, once more: `dir` under the bytes of the public key."""
    token = DESK.token().encode()
    header = jwe.header_for(jwe.DIRECT, PAIR.kid, "at+jwt")
    for key in (
        jws.decode_part(PAIR.public.as_jwk()["x"].encode()),
        jws.decode_part(PAIR.public.as_jwk()["y"].encode()),
    ):
        assert why(jwe.seal(header, key, secrets.token_bytes, token)) is Reason.UNREADABLE


def test_no_key_of_a_day_is_guessed_from_another():
    """Who has one day's key has one day: it opens nothing under another day's name."""
    day = SHARED.of_day("20000")
    header = jwe.header_for(jwe.DIRECT, f"{SHARED.kid}.20001", "at+jwt")
    forged = jwe.seal(header, day.key, secrets.token_bytes, DESK.token().encode())
    assert why(forged) is Reason.UNREADABLE


@pytest.mark.parametrize("crv", agreement.CURVES)
def test_a_point_that_is_none_tells_nothing_of_the_private_key(crv: str):
    """Invalid curve and small subgroup: refused before anything is agreed on."""
    pair = PrivateEncryptionKey.generate(crv)
    gate = DESK.gate(encryption=Encryption(keys=DecryptionKeys((pair,))))
    token = by_agreement(DESK.token(), pair)
    epk = agreement.members_of(agreement.generate(crv).public_key())
    zero, high = (jws.encode_part(each * 32).decode() for each in (b"\0", b"\xff"))
    for bad in (
        epk | {"x": zero},
        epk | {"x": high},
        epk | {"crv": "P-384"},
        agreement.members_of(PAIR.public.native) | {"y": zero},
        {},
        [],
        None,
        "x",
    ):
        assert why(rewritten(token, epk=bad), gate) in {Reason.UNREADABLE, Reason.MALFORMED}


def test_a_bomb_is_not_unpacked():
    """RFC 7516 §4.1.3: what is said to be compressed is not looked at."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(8_000_000)) + packer.flush()
    header = jwe.header_for(jwe.DIRECT, SHARED.of_day("1").kid, "at+jwt") | {"zip": "DEF"}
    token = jwe.seal(header, SHARED.of_day("1").key, secrets.token_bytes, bomb[:8000])
    assert why(token) is Reason.MALFORMED


def test_what_is_too_long_costs_nothing(monkeypatch: pytest.MonkeyPatch):
    """The length is looked at before anything is decoded, agreed on or decrypted."""

    def never(*_: object) -> None:
        raise AssertionError("it was begun")

    for name in ("decode_part", "encode_part"):
        monkeypatch.setattr(jws, name, never)
    monkeypatch.setattr(agreement, "agreed", never)
    assert why("a..b." + "c" * jwt.MAX_BYTES + ".d") is Reason.MALFORMED
    assert why("a" * 5000 + "..b.c.d") is Reason.MALFORMED


def test_a_form_with_many_recipients_is_none():
    """RFC 7516 §7.2: the JSON form, and whatever is not compact."""
    aad, key, iv, text, tag = by_agreement(DESK.token()).split(".")
    form = {"protected": aad, "encrypted_key": key, "iv": iv, "ciphertext": text, "tag": tag}
    # No dot in it, so it is taken for a readable one.
    assert why(json.dumps(form)) in {Reason.MALFORMED, Reason.NOT_ENCRYPTED}


def test_the_signed_token_inside_does_not_pass_by_itself():
    """The API's own people have it in clear; in a log it is worth nothing."""
    assert why(DESK.token()) is Reason.NOT_ENCRYPTED


def test_refusals_hold_no_piece_of_the_token():
    token = by_agreement(DESK.token(email="ada@example.com", aud="https://mail.example"))
    for each in (token, token[:-2], rewritten(token, kid="k" * 40), rewritten(token, zip="DEF")):
        refused = DESK.refusal(each)
        assert refused is not None
        assert not any(len(part) > 8 and part in str(refused) for part in each.split("."))
        assert "ada@" not in str(refused)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["alg", "enc", "kid", "typ", "cty", "epk", "apu", "zip", "crit", "p2c"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "d"]), inner, max_size=4)
            ),
            max_leaves=5,
        ),
        min_size=1,
    ),
    st.booleans(),
)
def test_no_header_of_anybodys_invention_passes(changes: dict[str, object], agree: bool):
    """Whatever the header becomes, the token is refused with a reason, and nothing breaks."""
    token = (by_agreement if agree else by_secret)(DESK.token())
    aad = token.split(".", 1)[0]
    same = json.loads(jws.decode_part(aad.encode()))
    if all(same.get(name) == value for name, value in changes.items()):
        return
    assert why(rewritten(token, **changes)) is not None
