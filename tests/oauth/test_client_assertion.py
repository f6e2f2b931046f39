"""What an assertion must say, who made it, and when (RFC 7523 §3)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.jose.jwt import Signer, unverified_claims, unverified_header
from counterfoil.jose.keys import KeySet, PrivateKey
from counterfoil.oauth.client_assertion import (
    KEPT,
    LIFETIME,
    LONGEST,
    MAX_BYTES,
    SKEW,
    TYPE,
    Assertion,
    AssertionMaker,
    Claims,
    WrongAssertion,
    client_id_in,
    read_assertion,
)
from tests.client_keys import key

NOW = 1_800_000_000
ISSUER = "https://id.example"
KEYS = KeySet([key().public])


def made(signer: PrivateKey | None = None, typ: str = TYPE, **changes: Any) -> str:
    whole = {
        "iss": "app",
        "sub": "app",
        "aud": ISSUER,
        "jti": "1",
        "exp": NOW + 60,
    } | changes
    return Signer(signer or key(), typ).sign(whole)


def read(unverified: str, client_id: str = "app") -> Assertion:
    return read_assertion(unverified, KEYS, client_id, ISSUER)


def timed(**times: float) -> Assertion:
    claims = {"iss": "app", "sub": "app", "aud": ISSUER, "jti": "1", "exp": NOW + 60} | times
    return Assertion("app", "thumbprint", Claims(**claims))


def test_what_is_made_is_read():
    maker = AssertionMaker(key(), "app", ISSUER, lambda count: b"\x01" * count)
    unverified = maker.make(NOW + 0.5)
    assert unverified_header(unverified) == {"alg": "ES256", "kid": key().public.kid, "typ": TYPE}
    assert unverified_claims(unverified) == {
        "iss": "app",
        "sub": "app",
        "aud": ISSUER,
        "jti": "01" * 16,
        "iat": NOW,
        "exp": NOW + LIFETIME,
    }
    found = read(unverified)
    found.demand_timely(NOW)
    assert (found.client_id, found.thumbprint) == ("app", key().public.thumbprint)


def test_each_is_a_new_one():
    numbers = iter(range(1, 3))
    maker = AssertionMaker(key(), "app", ISSUER, lambda count: bytes([next(numbers)] * count))
    assert read(maker.make(NOW)).id != read(maker.make(NOW)).id


def test_whose_it_is_said_to_be_is_told_before_it_is_believed():
    assert client_id_in(made()) == "app"
    assert client_id_in(made(key("ES256", "a stranger's"))) == "app"


@pytest.mark.parametrize(
    "unverified", ["", "x", "a.b.c", "é", "." * 50, "x" * (MAX_BYTES + 1)], ids=lambda it: it[:9]
)
def test_what_is_no_assertion_is_of_nobody(unverified: str):
    with pytest.raises(WrongAssertion):
        client_id_in(unverified)
    with pytest.raises(WrongAssertion):
        read(unverified)


@pytest.mark.parametrize("sub", [None, "", 7, ["app"]])
def test_a_sub_that_is_no_name_is_of_nobody(sub: object):
    with pytest.raises(WrongAssertion, match="sub"):
        client_id_in(made(sub=sub))


@given(st.text())
def test_nothing_at_all_is_taken_for_an_assertion(unverified: str):
    with pytest.raises(WrongAssertion):
        read(unverified)


def test_a_refusal_holds_no_piece_of_it():
    unverified = made(aud="https://secret.example", iss="secret")
    with pytest.raises(WrongAssertion) as refused:
        read(unverified)
    assert "secret" not in str(refused.value)


def test_its_name_is_of_one_client_and_one_jti():
    names = {Assertion(client, "t", Claims(iss="a", sub="a", aud="i", jti=jti, exp=1)).id
             for client in ("a", "b") for jti in ("1", "2", "b 1")}  # fmt: skip
    assert len(names) == 6


@pytest.mark.parametrize("exp", [NOW - SKEW + 1, NOW, NOW + LONGEST + SKEW])
def test_it_is_timely_within_the_skew(exp: int):
    timed(exp=exp).demand_timely(NOW)


@pytest.mark.parametrize(
    "times",
    [
        {"exp": NOW - SKEW},
        {"exp": NOW + LONGEST + SKEW + 1},
        {"exp": 1e300},
        {"nbf": NOW + SKEW + 1},
        {"iat": NOW + SKEW + 1},
    ],
    ids=str,
)
def test_it_is_not_timely_beyond(times: dict[str, float]):
    with pytest.raises(WrongAssertion):
        timed(**times).demand_timely(NOW)


def test_a_used_one_is_remembered_for_longer_than_it_is_good():
    """Also where a clock is set back by a minute."""
    assert timed(exp=NOW + 0.9).kept_until > NOW + 0.9 + SKEW + 59
    assert KEPT > SKEW
