"""The data of one user must never stand in the token of another (S67)."""

import itertools

import pytest

from counterfoil.guard import Enrich, Token
from counterfoil.guard.gate import Gate
from tests.guard.desk import Desk, request

pytestmark = pytest.mark.one_engine("no server of ours is there")


@pytest.fixture
def gate(desk: Desk) -> Gate:
    return desk.gate(enrich=Enrich(load=lambda token: f"{token.subject} by {token.client_id}"))


def admitted(gate: Gate, desk: Desk, **claims: object) -> Token:
    return gate.admit_blocking(request(token=desk.token(**claims)))


def test_however_names_are_put_together_no_two_users_share(gate: Gate, desk: Desk):
    """S67: names that run into one another when joined; families and tokens named alike."""
    parts = ["a", "b", "ab", "a b", "a\0b", "a|b", "f1"]
    for sub, client, family, jti in itertools.product(parts, parts[:4], ["f1", "a"], ["f1", "t"]):
        token = admitted(gate, desk, sub=sub, client_id=client, fam=family, jti=jti)
        assert token.data == f"{sub} by {client}"


def test_an_issuer_that_names_all_its_tokens_alike_mixes_nobody_up(gate: Gate, desk: Desk):
    for sub in ("ada", "eve", "ada", "eve"):
        token = admitted(gate, desk, sub=sub, fam=None, jti="same")
        assert token.data == f"{sub} by c1"


def test_a_user_without_a_name_shares_with_nobody(desk: Desk):
    """Two tokens that name nobody are not the same nobody."""
    loaded = itertools.count()
    gate = desk.gate(enrich=Enrich(load=lambda _token: next(loaded)))
    first = admitted(gate, desk, sub="", jti="a", fam=None)
    second = admitted(gate, desk, sub="", jti="b", fam=None)
    assert (first.data, second.data) == (0, 1)


def test_a_token_that_is_cached_has_no_data_of_its_own(gate: Gate, desk: Desk):
    """What the guard remembers is the token alone: an answer to one request goes to no other."""
    unverified = desk.token(sub="ada")
    assert gate.admit_blocking(request(token=unverified)).data == "ada by c1"
    assert gate.guard.check(unverified).data is None
