"""JWE in compact form: RFC 7520's example, and headers that are not exact."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe as joserfc_jwe
from joserfc.jwk import ECKey

from counterfoil.jose import agreement, jwe, jws
from counterfoil.jose.encryption_keys import DecryptionKeys, PrivateEncryptionKey, SharedSecret
from counterfoil.jose.errors import JoseError
from tests.specs.test_rfc7520 import DIRECT

TYP = "at+jwt"
CONTENT = b"a.signed.token"
PAIR = PrivateEncryptionKey.generate(agreement.P256)
SHARED = SharedSecret.generate(secrets.token_bytes)
OPENER = jwe.Opener(DecryptionKeys((PAIR, SHARED)).find, TYP)


def by_agreement(content: bytes = CONTENT, typ: str = TYP) -> str:
    return PAIR.public.encrypt(content, typ, secrets.token_bytes, lambda party: party * 3)


def by_secret(content: bytes = CONTENT, typ: str = TYP) -> str:
    return SHARED.of_day("20000").encrypt(content, typ, secrets.token_bytes)


def refusal(token: str) -> str:
    with pytest.raises(JoseError) as refused:
        OPENER.open(token)
    return refused.value.reason


def with_header(token: str, change: Callable[[dict[str, object]], object]) -> str:
    aad, rest = token.split(".", 1)
    header = msgspec.json.decode(jws.decode_part(aad.encode()), type=dict[str, object])
    change(header)
    return jws.encode_part(msgspec.json.encode(header)).decode() + "." + rest


def test_rfc7520_section_5_6_direct_encryption_with_aes_gcm() -> None:
    """The content opens under the example's key; as a token of ours it is refused."""
    token = jwe.split(DIRECT)
    content = jwe.decrypted(token, jws.decode_part(b"XctOhJAkA-pD9Lh7ZgW_2A"))
    assert content.startswith(b"You can trust us to stick with you through thick and thin")
    assert refusal(DIRECT) == "wrong_algorithm"


def test_what_was_encrypted_opens_again() -> None:
    assert OPENER.open(by_agreement()) == CONTENT.decode()
    assert OPENER.open(by_secret()) == CONTENT.decode()


def test_the_type_may_be_spelled_as_a_media_type() -> None:
    assert OPENER.open(by_secret(typ="application/AT+jwt")) == CONTENT.decode()


@pytest.mark.parametrize("name", ["zip", "jwk", "jku", "x5u", "x5c", "p2c", "p2s", "apv", "tag"])
@pytest.mark.parametrize("token", [by_agreement(), by_secret()])
def test_no_member_beyond_those_of_the_algorithm_is_taken(token: str, name: str) -> None:
    """RFC 7516 §4: `zip` above all, for a kilobyte may unpack to a gigabyte."""
    assert refusal(with_header(token, lambda header: header.update({name: "DEF"}))) == "malformed"


@pytest.mark.parametrize("name", ["kid", "typ", "cty", "enc", "alg", "epk", "apu"])
def test_no_member_may_lack(name: str) -> None:
    changed = with_header(by_agreement(), lambda header: header.pop(name))
    assert refusal(changed) in {"malformed", "wrong_algorithm"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"crit": ["exp"]}, "unknown_critical"),
        ({"alg": "RSA1_5"}, "wrong_algorithm"),
        ({"alg": "RSA-OAEP"}, "wrong_algorithm"),
        ({"alg": "PBES2-HS256+A128KW", "p2c": 2**40, "p2s": "AAAA"}, "wrong_algorithm"),
        ({"alg": "ECDH-ES+A256KW"}, "wrong_algorithm"),
        ({"alg": "none"}, "wrong_algorithm"),
        ({"alg": ["dir"]}, "wrong_algorithm"),
        ({"enc": "A128CBC-HS256"}, "wrong_algorithm"),
        ({"enc": "A128GCM"}, "wrong_algorithm"),
        ({"kid": "another"}, "unknown_key"),
        ({"kid": 7}, "malformed"),
        ({"typ": "JWT"}, "wrong_type"),
        ({"typ": "dpop+jwt"}, "wrong_type"),
        ({"cty": "at+jwt"}, "wrong_type"),
        ({"apu": 7}, "malformed"),
        ({"apu": "é"}, "malformed"),
        ({"apu": "AA=="}, "malformed"),
        ({"apu": "BBBB"}, "undecryptable"),
        ({"epk": "key"}, "malformed"),
        ({"epk": {}}, "unsupported_key"),
    ],
)
def test_a_header_is_exact(change: dict[str, object], reason: str) -> None:
    assert refusal(with_header(by_agreement(), lambda header: header.update(change))) == reason


def test_an_ephemeral_key_is_public_on_the_same_curve_and_nothing_else() -> None:
    ours = agreement.members_of(agreement.generate(agreement.P256).public_key())
    others = agreement.members_of(agreement.generate(agreement.X25519).public_key())
    for epk, reason in (
        (ours, "undecryptable"),
        (others, "bad_key"),
        (ours | {"d": "AAAA"}, "malformed"),
        (ours | {"kid": PAIR.kid}, "malformed"),
        (ours | {"y": ours["x"]}, "bad_key"),
    ):
        changed = with_header(by_agreement(), lambda header, epk=epk: header.update(epk=epk))
        assert refusal(changed) == reason


def test_a_key_of_one_algorithm_is_not_used_by_another() -> None:
    """RFC 8725 §3.1: `dir` under the name of a key pair, and the other way round."""
    day = SHARED.of_day("20000").kid
    assert refusal(with_header(by_secret(), lambda h: h.update(kid=PAIR.kid))) == "wrong_algorithm"
    assert refusal(with_header(by_agreement(), lambda h: h.update(kid=day))) == "wrong_algorithm"


@pytest.mark.parametrize("kept", [0, 4, 8, 12, 15])
def test_a_tag_is_not_shortened(kept: int) -> None:
    """SP 800-38D: a tag of four bytes is guessed, and the library would take it."""
    head, tag = by_secret().rsplit(".", 1)
    short = jws.encode_part(jws.decode_part(tag.encode())[:kept]).decode()
    assert refusal(f"{head}.{short}") == "malformed"


def test_each_part_has_its_place() -> None:
    """Parts of two tokens, or of one in another order, fit nowhere."""
    one, two = by_agreement().split("."), by_agreement().split(".")
    for place in (0, 2, 3, 4):
        mixed = [*one[:place], two[place], *one[place + 1 :]]
        assert refusal(".".join(mixed)) == "undecryptable"
    assert refusal(".".join([one[0], "AAAA", *one[2:]])) == "malformed"
    assert refusal(".".join([one[0], "", one[4], one[3], one[2]])) == "malformed"


@pytest.mark.parametrize(
    "token", ["", ".", "....", "a.b.c", "a.b.c.d", "a.b.c.d.e.f", "é....", "a..a.a.a"]
)
def test_what_has_not_five_parts_is_malformed(token: str) -> None:
    assert refusal(token) == "malformed"


def test_size_is_looked_at_first() -> None:
    """Nothing is decoded of a text that is too long, and no header that is."""
    assert refusal("x" * (jwe.MAX_BYTES + 1)) == "oversized"
    long = with_header(by_agreement(), lambda header: header.update(kid="k" * 2000))
    assert refusal(long) == "oversized"


def test_what_is_inside_is_text() -> None:
    assert refusal(by_secret("é".encode())) == "malformed"


def test_joserfc_encrypts_for_us_only_with_the_members_that_we_take() -> None:
    """Another sender is understood where it keeps to the form; its `apu` is optional, ours not."""
    key = ECKey.import_key(PAIR.public.as_jwk())
    header = jwe.header_for(jwe.ECDH_ES, PAIR.kid, TYP)
    theirs = joserfc_jwe.encrypt_compact(
        header | {"apu": "QWxpY2U"}, CONTENT, key, algorithms=["ECDH-ES", "A256GCM"]
    )
    assert OPENER.open(theirs) == CONTENT.decode()
    without = joserfc_jwe.encrypt_compact(header, CONTENT, key, algorithms=["ECDH-ES", "A256GCM"])
    assert refusal(without) == "malformed"


@given(st.text(alphabet="abcdefgABCDEFG0123456789-_.=é", max_size=200))
def test_whatever_comes_is_refused_with_a_reason(token: str) -> None:
    with pytest.raises(JoseError):
        OPENER.open(token)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_no_byte_can_be_changed(place: int, by: int) -> None:
    token = bytearray(by_secret().encode())
    token[place % len(token)] ^= by
    with pytest.raises(JoseError):
        OPENER.open(token.decode("latin-1"))
