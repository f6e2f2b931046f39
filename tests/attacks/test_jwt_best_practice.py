"""What an attacker tries with a token at the guard, by the attacks that RFC 8725 names.

Its §2.4 (compression) and §2.5 (agreed keys) are attacks on encrypted tokens, which are refused as
such; a key that lies off its curve is refused all the same.
"""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.guard import Issuer
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import ISSUER, Desk
from tests.guard.issuer import AUDIENCE

ATTACKS = {
    "2.1 weak signatures": (
        "test_a_token_never_chooses_its_algorithm",
        "test_a_public_key_is_no_shared_secret",
        "test_a_key_is_good_for_one_algorithm",
    ),
    "2.2 weak symmetric keys": ("test_a_shared_secret_is_no_key_of_an_issuer",),
    "2.3 encryption composed with signatures": ("test_an_encrypted_token_is_not_opened",),
    "2.4 length of ciphertexts": ("test_an_encrypted_token_is_not_opened",),
    "2.5 invalid curves": ("test_a_key_off_its_curve_verifies_nothing",),
    "2.6 encodings of JSON": ("test_two_readers_see_one_token",),
    "2.7 substitution": ("test_a_genuine_token_of_elsewhere_is_refused",),
    "2.8 confusion of kinds": ("test_another_kind_of_token_is_no_access_token",),
    "2.9 attacks on the server by way of the header": (
        "test_a_kid_is_only_a_name",
        "test_a_key_from_the_header_is_never_used",
    ),
}


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_of_the_list_has_its_test(attack: str):
    assert all(callable(globals().get(name)) for name in ATTACKS[attack])


def part(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(desk: Desk, header: dict[str, object], signature: bytes = b"") -> str:
    return f"{part(header)}.{part(desk.claims())}.{part(signature) if signature else ''}"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, "HS256", "ES384", 0])
@pytest.mark.parametrize("with_kid", [True, False])
def test_a_token_never_chooses_its_algorithm(desk: Desk, alg: object, with_kid: bool):
    """S87, S88: RFC 8725 §3.1 and §3.2."""
    header = {"alg": alg, "typ": "at+jwt"} | ({"kid": desk.key.public.kid} if with_kid else {})
    for signature in (b"", b"x" * 64):
        assert desk.reason(forged(desk, header, signature)) in {
            Reason.BAD_SIGNATURE,
            Reason.MALFORMED,
        }


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_a_public_key_is_no_shared_secret(algorithm: str):
    """S87: HMAC keyed with the public key, the classic confusion (RFC 8725 §2.1)."""
    desk = Desk(algorithm=algorithm)
    header = {"alg": "HS256", "typ": "at+jwt", "kid": desk.key.public.kid}
    signed = f"{part(header)}.{part(desk.claims())}"
    native = desk.key.public.native
    for encoding in (Encoding.PEM, Encoding.DER):
        secret = native.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        assert desk.reason(f"{signed}.{part(mac)}") is Reason.BAD_SIGNATURE


def test_a_key_is_good_for_one_algorithm():
    """RFC 8725 §3.1: an RS256 key does not verify PS256, though both are allowed."""
    desk = Desk(algorithm="RS256")
    other = PrivateKey.of(desk.key.native, "PS256", desk.key.public.kid)
    assert desk.reason(desk.token(key=other)) is Reason.BAD_SIGNATURE


def test_an_algorithm_that_the_owner_did_not_pin_is_not_accepted():
    """S86: the issuer publishes an RSA key, but this API trusts ES256 alone."""
    desk = Desk(Issuer(ISSUER, algorithms=("ES256",)))
    rsa = PrivateKey.generate("RS256")
    desk.publish(desk.key, rsa)
    assert desk.reason(desk.token(key=rsa)) is Reason.UNKNOWN_KEY
    assert desk.reason(desk.token()) is None


def test_a_shared_secret_is_no_key_of_an_issuer(desk: Desk):
    """§2.2: whoever reads it could sign. A set with one is not taken; the keys before it stay."""
    secret = b"guess"
    jwk = {"kty": "oct", "kid": "shared", "alg": "HS256", "k": part(secret)}
    with pytest.raises(JoseError, match="private"):
        desk.state.keys.take({"keys": [jwk, desk.key.public.as_jwk()]})
    signed = f"{part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': 'shared'})}.{part(desk.claims())}"
    mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    assert desk.reason(f"{signed}.{part(mac)}") in {Reason.UNKNOWN_KEY, Reason.BAD_SIGNATURE}
    assert desk.reason(desk.token()) is None


def test_an_encrypted_token_is_not_opened(desk: Desk):
    """§2.3, §2.4: five parts, whatever the header says of them; nothing is inflated."""
    header = {"alg": "dir", "enc": "A128GCM", "typ": "at+jwt", "kid": desk.key.public.kid}
    for further in ({}, {"zip": "DEF"}, {"cty": "JWT"}):
        token = ".".join([part(header | further), "", *[part(b"x" * 16)] * 3])
        assert desk.reason(token) is Reason.UNREADABLE
    inside = desk.token()
    token = f"{part(header)}..{part(b'iv')}.{part(inside.encode())}.{part(b'tag')}"
    assert desk.reason(token) is Reason.UNREADABLE


def test_a_key_off_its_curve_verifies_nothing(desk: Desk):
    """§2.5, §3.4: not even a look at a signature is had with it."""
    jwk = desk.key.public.as_jwk()
    desk.state.keys.take({"keys": [{**jwk, "y": jwk["x"]}]})
    assert desk.reason(desk.token()) in {Reason.UNKNOWN_KEY, Reason.STALE}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "latin-1"])
def test_two_readers_see_one_token(desk: Desk, encoding: str):
    """§2.6, §3.7: UTF-8 without a mark, each name once; signed by the issuer itself or not."""
    text = json.dumps(desk.claims(sub="u\u00e9"), ensure_ascii=False)
    header = {"alg": "ES256", "typ": "at+jwt", "kid": desk.key.public.kid}
    for payload in (text.encode(encoding), (text[:-1] + ', "sub": "u2"}').encode()):
        signed = f"{part(header)}.{part(payload)}"
        token = f"{signed}.{part(desk.key.sign(signed.encode()))}"
        assert desk.reason(token) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://evil.example"}, Reason.WRONG_ISSUER),
        ({"iss": f"{ISSUER}/"}, Reason.WRONG_ISSUER),
        ({"aud": "https://other.example"}, Reason.WRONG_AUDIENCE),
        ({"aud": [f"{AUDIENCE}/"]}, Reason.WRONG_AUDIENCE),
        ({"aud": None}, Reason.MALFORMED),
        ({"sub": None}, Reason.MALFORMED),
    ],
)
def test_a_genuine_token_of_elsewhere_is_refused(
    desk: Desk, changes: dict[str, object], why: Reason
):
    """§2.7, §3.8, §3.9: compared exactly, and nothing of it may be left out."""
    assert desk.reason(desk.token(**changes)) is why


@pytest.mark.parametrize("typ", ["JWT", "", "id_token+jwt", "logout+jwt", "notices-head+jwt"])
def test_another_kind_of_token_is_no_access_token(desk: Desk, typ: str):
    """S75: an ID token, a logout token or a head of the feed (RFC 8725 §3.11, RFC 9068 §4)."""
    assert desk.reason(desk.token(typ=typ)) is Reason.WRONG_TYPE


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_a_type_is_a_media_type(desk: Desk, typ: str):
    """RFC 9068 §4: with or without ``application/``, in any case."""
    assert desk.reason(desk.token(typ=typ)) is None


def test_keys_of_the_feed_never_sign_tokens(desk: Desk):
    assert desk.reason(desk.token(key=desk.book.key)) is Reason.UNKNOWN_KEY


@pytest.mark.parametrize(
    "kid",
    [
        "../../etc/passwd",
        "' OR 1=1 --",
        "",
        "a" * 5000,
        "\x00",
        "https://evil.example/jwks",
        None,
        ["x"],
        {"x": 1},
        7,
    ],
)
def test_a_kid_is_only_a_name(desk: Desk, kid: object):
    """RFC 8725 §3.10: it selects among pinned keys, and nothing else is done with it."""
    header = {"alg": "ES256", "typ": "at+jwt", "kid": kid}
    assert desk.reason(forged(desk, header, b"x" * 64)) in {
        Reason.UNKNOWN_KEY,
        Reason.MALFORMED,
        Reason.BAD_SIGNATURE,
    }


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_from_the_header_is_never_used(desk: Desk, member: str):
    """RFC 8725 §3.10, RFC 7515 §4.1: the token brings its own key, or says where to fetch it."""
    thief = PrivateKey.generate()
    values = {
        "jwk": thief.public.as_jwk(),
        "jku": "http://127.0.0.1:9/jwks",
        "x5u": "http://127.0.0.1:9/cert",
        "x5c": ["AAAA"],
    }
    for kid in (desk.key.public.kid, thief.public.kid):
        header = {"alg": "ES256", "typ": "at+jwt", "kid": kid, member: values[member]}
        signed = f"{part(header)}.{part(desk.claims())}"
        token = f"{signed}.{part(thief.sign(signed.encode()))}"
        assert desk.reason(token) in {Reason.BAD_SIGNATURE, Reason.UNKNOWN_KEY}


def test_an_unknown_critical_header_is_refused(desk: Desk):
    """RFC 7515 §4.1.11."""
    header = {"alg": "ES256", "typ": "at+jwt", "kid": desk.key.public.kid, "crit": ["b64"]}
    signed = f"{part(header)}.{part(desk.claims())}"
    assert desk.reason(f"{signed}.{part(desk.key.sign(signed.encode()))}") is Reason.MALFORMED


@given(st.integers(0, 10_000), st.characters())
def test_any_changed_byte_is_refused(place: int, sign: str):
    """S70: header, payload or signature; also when the genuine one was seen before."""
    desk = Desk()
    genuine = desk.token()
    desk.guard.check(genuine)
    place %= len(genuine)
    changed = genuine[:place] + sign + genuine[place + 1 :]
    assert (desk.reason(changed) is None) == (changed == genuine)


@given(st.text(max_size=80) | st.from_regex(r"[\w=-]*\.[\w=-]*\.[\w=-]*", fullmatch=True))
def test_nonsense_is_malformed(text: str):
    desk = Desk()
    assert desk.reason(text) is Reason.MALFORMED


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token + "A" * 17_000,
        lambda token: token + "=",
        lambda token: token + ".",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token.replace(".", "..", 1),
        lambda token: "A" * 17_000,
        lambda token: token.replace("-", "+").replace("_", "/") + "+",
    ],
)
def test_there_is_one_spelling_of_a_token(desk: Desk, change):
    """Huge, padded, spaced: refused before any signature is looked at (S66)."""
    genuine = desk.token()
    desk.guard.check(genuine)
    assert desk.reason(change(genuine)) is Reason.MALFORMED


def test_unknown_keys_do_not_make_the_guard_fetch_at_will(desk: Desk):
    """A flood of unknown ``kid`` brings the next fetch forward once, never nearer than that."""
    keys = desk.state.keys
    keys.looked(desk.clock.now)
    desk.reason(desk.token(key=PrivateKey.generate()))
    due = keys.due
    assert due == desk.clock.now + 30
    for _ in range(5):
        desk.clock.now += 1
        desk.reason(desk.token(key=PrivateKey.generate()))
    assert keys.due == due


def test_a_foreign_token_does_not_make_the_guard_fetch(desk: Desk):
    desk.state.keys.looked(desk.clock.now)
    due = desk.state.keys.due
    token = desk.token(key=PrivateKey.generate(), iss="https://evil.example")
    assert desk.reason(token) is Reason.WRONG_ISSUER
    assert desk.state.keys.due == due


def test_no_refusal_shows_the_token(desk: Desk):
    """S110."""
    tokens = [desk.token(), desk.token(aud="x"), desk.token(key=PrivateKey.generate()), "a.b.c"]
    desk.clock.now += 1000
    for token in tokens:
        refusal = desk.refusal(token)
        shown = f"{refusal!r} {refusal} {refusal.detail} {refusal.__context__!r}"
        assert not any(piece in shown for piece in token.split(".") if len(piece) > 1)
