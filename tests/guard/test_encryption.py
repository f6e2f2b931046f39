"""Encrypted tokens at an API: opened, then verified as any other (S68)."""

import json
import secrets
from pathlib import Path

import pytest

from counterfoil.guard import Encryption, Issuer
from counterfoil.guard.gate import Gate
from counterfoil.jose import agreement
from counterfoil.jose.encryption_keys import DecryptionKeys, PrivateEncryptionKey, SharedSecret
from counterfoil.jose.jwe import MAX_BYTES
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.registry import digest_of
from counterfoil.oauth.revocations import Ended
from counterfoil.oauth.url_binding import TYPE as URL_BOUND
from tests.attacks.test_url_bound import FILE, reason
from tests.guard.desk import ISSUER, Desk, request

PAIR = PrivateEncryptionKey.generate(agreement.P256)
SHARED = SharedSecret.generate(secrets.token_bytes)
KEYS = DecryptionKeys((PAIR, SHARED))
REQUIRED = Encryption(keys=KEYS)


def by_agreement(token: str, pair: PrivateEncryptionKey = PAIR, typ: str = "at+jwt") -> str:
    return pair.public.encrypt(token.encode(), typ, secrets.token_bytes, lambda party: party * 3)


def by_secret(token: str, shared: SharedSecret = SHARED, typ: str = "at+jwt") -> str:
    return shared.of_day("20000").encrypt(token.encode(), typ, secrets.token_bytes)


BOTH = pytest.mark.parametrize("encrypted", [by_agreement, by_secret])


@pytest.fixture
def gate(desk: Desk) -> Gate:
    return desk.gate(encryption=REQUIRED)


@BOTH
def test_it_opens_and_is_verified(desk: Desk, gate: Gate, encrypted):
    """S68: the client reads nothing of it, the API all."""
    token = encrypted(desk.token(email="ada@example.com"))
    assert "." not in token.split(".", 1)[0]
    passed = gate.admit_blocking(request(token=token))
    assert passed.subject == "u1"
    assert passed.claims["email"] == "ada@example.com"
    assert gate.admit_blocking(request(token=token)) is passed


@pytest.mark.parametrize("crv", agreement.CURVES)
def test_each_curve_will_do(desk: Desk, crv: str):
    pair = PrivateEncryptionKey.generate(crv)
    gate = desk.gate(encryption=Encryption(keys=DecryptionKeys((pair,))))
    assert reason(gate, request(token=by_agreement(desk.token(), pair))) is None


@BOTH
def test_what_is_inside_is_judged_as_any_token(desk: Desk, gate: Gate, encrypted):
    for changes, expected in (
        ({"aud": "https://mail.example"}, Reason.WRONG_AUDIENCE),
        ({"iss": "https://evil.example"}, Reason.WRONG_ISSUER),
        ({"exp": int(desk.clock.now)}, Reason.EXPIRED),
        ({"iat": int(desk.clock.now) + 60}, Reason.ISSUED_IN_FUTURE),
        ({"typ": "JWT"}, Reason.WRONG_TYPE),
        ({"jti": None}, Reason.MALFORMED),
    ):
        assert reason(gate, request(token=encrypted(desk.token(**changes)))) is expected


@BOTH
def test_it_ends_like_any_token(desk: Desk, gate: Gate, encrypted):
    token = encrypted(desk.token())
    assert reason(gate, request(token=token)) is None
    desk.end(Ended.TOKEN, "t1")
    assert reason(gate, request(token=token)) is Reason.REVOKED


@BOTH
def test_it_may_be_bound_to_a_url(desk: Desk, gate: Gate, encrypted):
    """S53: what it is bound to stands inside, with the type that says so."""
    token = encrypted(desk.token(typ=URL_BOUND, url_bound=FILE))
    assert reason(gate, request("/files/7", token=token)) is None
    assert reason(gate, request("/files/8", token=token)) is Reason.WRONG_TARGET


def test_a_readable_one_is_refused_where_encrypted_ones_are_due(desk: Desk, gate: Gate):
    """S69: with a sentence that says what to do."""
    assert reason(gate, request(token=desk.token())) is Reason.NOT_ENCRYPTED
    both = desk.gate(encryption=Encryption(keys=KEYS, required=False))
    assert reason(both, request(token=desk.token())) is None
    assert reason(both, request(token=by_secret(desk.token()))) is None


@BOTH
def test_a_guard_without_keys_says_what_to_do(desk: Desk, encrypted):
    refused = desk.refusal(encrypted(desk.token()))
    assert refused is not None
    assert refused.reason is Reason.UNREADABLE
    assert "Options(encryption=Encryption.from_file(...))" in str(refused)


@BOTH
def test_a_key_that_is_not_here_opens_nothing(desk: Desk, encrypted):
    others = DecryptionKeys(
        (PrivateEncryptionKey.generate(), SharedSecret.generate(secrets.token_bytes))
    )
    gate = desk.gate(encryption=Encryption(keys=others))
    assert reason(gate, request(token=encrypted(desk.token()))) is Reason.UNREADABLE


def test_retired_keys_open_for_as_long_as_they_are_here(desk: Desk):
    new = PrivateEncryptionKey.generate()
    gate = desk.gate(encryption=Encryption(keys=DecryptionKeys((new, PAIR))))
    for pair in (new, PAIR):
        assert reason(gate, request(token=by_agreement(desk.token(), pair))) is None


def test_it_is_registered_as_it_was_sent(desk: Desk):
    """S43: the issuer writes down what it gives out."""
    gate = desk.gate(encryption=REQUIRED)
    token = by_secret(desk.token())
    desk.state.registry = None
    seen = gate.guard._verification.verify(token)
    assert seen.registered == b""
    desk.state.registry = object()
    assert gate.guard._verification.verify(token).registered == digest_of(token)


def test_issuers_are_told_apart_by_what_is_inside():
    """S68: with two of them, too."""
    desk = Desk(others=(Issuer("https://other.example", revocation="none"),))
    desk.guard._verification._api = desk.gate(encryption=REQUIRED).guard._verification._api
    assert desk.reason(by_secret(desk.token())) is None
    assert desk.reason(by_secret(desk.token(iss="https://third.example"))) is Reason.WRONG_ISSUER
    assert desk.iss == ISSUER


def test_keys_are_read_from_a_file(tmp_path: Path, desk: Desk):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [PAIR.as_jwk(), SHARED.as_jwk()]}))
    gate = desk.gate(encryption=Encryption.from_file(path))
    assert reason(gate, request(token=by_secret(desk.token()))) is None
    assert PAIR.as_jwk()["d"] not in repr(gate.guard.web) + repr(Encryption.from_file(path))
    assert Encryption.from_file(path, required=False).required is False


@pytest.mark.parametrize(
    "content", ["", "[]", '{"keys":[]}', '{"kty":"oct"}', json.dumps(PAIR.public.as_jwk())]
)
def test_a_file_without_keys_is_refused(tmp_path: Path, content: str):
    """A public key above all, which opens nothing: better now than at the first token."""
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"keys\.json"):
        Encryption.from_file(path)


def test_a_token_of_the_greatest_length_still_passes(desk: Desk, gate: Gate):
    lengths = [len(by_secret(desk.token(x="x" * size))) for size in (8000, 9000)]
    grows = (lengths[1] - lengths[0]) / 1000
    fits = int(8000 + (MAX_BYTES - lengths[0]) / grows) - 8
    assert reason(gate, request(token=by_secret(desk.token(x="x" * fits)))) is None
    assert reason(gate, request(token=by_secret(desk.token(x="x" * (fits + 16))))) is (
        Reason.MALFORMED
    )
