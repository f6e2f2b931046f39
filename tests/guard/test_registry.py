"""What a guard knows of issued tokens, and what it makes of those that it does not know (S43)."""

import pytest

from counterfoil.guard import Credentials, Issuer, Staleness, Undecided
from counterfoil.guard.registry import FORGET_EVERY, Registry
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.registry import Entry, digest_of
from counterfoil.oauth.revocations import Ended
from tests.attacks.forging import Loot
from tests.guard.desk import ISSUER, NOW, Desk

AUDIENCE = "https://notes.example"
TRUSTED = Issuer(ISSUER, registry=True, credentials=Credentials("guard", "s"))


def entries(*names: str, until: float = NOW + 60) -> list[Entry]:
    return [Entry(name.encode(), int(until)) for name in names]


def test_what_was_learned_is_known_until_it_expires():
    registry = Registry(AUDIENCE)
    registry.learn(entries("a", "b"), NOW)
    registry.learn(entries("c", until=NOW + 600), NOW)
    assert [registry.knows(name) for name in (b"a", b"c", b"d")] == [True, True, False]
    registry.learn([], NOW + 60 + FORGET_EVERY)
    assert [registry.knows(name) for name in (b"a", b"b", b"c")] == [False, False, True]


def test_what_has_expired_is_not_learned():
    registry = Registry(AUDIENCE)
    registry.learn(entries("a", until=NOW), NOW)
    assert len(registry) == 0


def test_it_is_bounded_and_forgets_the_oldest_first():
    registry = Registry(AUDIENCE, most=100)
    for number in range(1000):
        registry.learn(entries(f"t{number}"), NOW)
        assert len(registry) <= 100
    assert registry.knows(b"t999")
    assert not registry.knows(b"t0")


@pytest.fixture
def desk() -> Desk:
    return Desk(TRUSTED)


def learn(desk: Desk, token: str) -> None:
    assert desk.state.registry is not None
    desk.state.registry.learn([Entry(digest_of(token), int(NOW) + 600)], NOW)


def test_a_known_token_is_decided_here(desk: Desk):
    token = desk.token()
    learn(desk, token)
    assert desk.guard.check(token).fingerprint == "t1"
    assert desk.guard.check(token).fingerprint == "t1"


def test_an_unknown_token_is_left_to_its_issuer(desk: Desk):
    """X15: signed with the very key of the issuer, it still may never have been issued."""
    refused = desk.refusal(desk.token())
    assert isinstance(refused, Undecided)
    assert refused.otherwise is Reason.NOT_REGISTERED
    assert refused.token is not None
    assert refused.token.fingerprint == "t1"
    assert refused.issuer == ISSUER


def test_that_one_is_known_says_nothing_of_another(desk: Desk):
    learn(desk, desk.token())
    assert isinstance(desk.refusal(desk.token(scope="notes:admin")), Undecided)


def test_the_twin_of_a_signature_is_the_same_token(desk: Desk):
    """An ECDSA signature has two spellings; the registry holds what was signed."""
    token = desk.token()
    twin = Loot(token, {"keys": [{}]}).twin
    assert twin != token
    learn(desk, token)
    assert desk.guard.check(twin).fingerprint == "t1"


def test_endings_and_times_are_judged_as_ever(desk: Desk):
    token = desk.token()
    learn(desk, token)
    desk.end(Ended.TOKEN, "t1")
    assert desk.reason(token) is Reason.REVOKED
    assert desk.reason(desk.token(jti="t2", exp=int(NOW))) is Reason.EXPIRED
    assert desk.reason(desk.token(aud="https://mail.example")) is Reason.WRONG_AUDIENCE


def test_a_stale_guard_is_stale_whatever_it_knows():
    desk = Desk(TRUSTED, Staleness.reject(30))
    known, unknown = desk.token(), desk.token(jti="t2")
    learn(desk, known)
    desk.clock.now += 31
    for token in (known, unknown):
        refused = desk.refusal(token)
        assert refused is not None
        assert refused.reason is Reason.STALE
        assert not isinstance(refused, Undecided)


def test_without_a_registry_nobody_asks():
    desk = Desk(Issuer(ISSUER, credentials=Credentials("guard", "s")))
    assert desk.state.registry is None
    assert desk.guard.check(desk.token()).fingerprint == "t1"
