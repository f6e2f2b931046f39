"""The turn of keys that tokens are encrypted to."""

from counterfoil.server.records.encryption_key import (
    EncryptionKey,
    activated,
    active_key,
    key_named,
    retired,
    without_gone,
)
from counterfoil.server.records.family import SKEW


def key(kid: str, **members: int) -> EncryptionKey:
    return EncryptionKey(kid=kid, alg="dir", created_at=1, sealed=b"x", **members)


def test_one_turn_follows_the_other():
    first, second = key("a"), key("b")
    assert (first.state, active_key([first, second])) == ("next", None)
    keys = activated([first, second], "a", 10)
    assert [each.state for each in keys] == ["active", "next"]
    keys = activated(keys, "b", 20)
    assert [each.state for each in keys] == ["retired", "active"]
    assert keys[0].retired_at == 20
    assert active_key(keys) == key_named(keys, "b")


def test_a_retired_key_comes_back():
    keys = activated(activated([key("a"), key("b")], "a", 10), "b", 20)
    again = activated(keys, "a", 30)
    assert [each.state for each in again] == ["active", "retired"]
    assert again[0].active_from == 30


def test_only_the_active_one_retires():
    assert retired(key("a"), 5) == key("a")
    assert retired(key("a", active_from=1, retired_at=2), 5).retired_at == 2


def test_a_key_is_gone_when_the_last_token_has_expired():
    keys = (key("a", active_from=1, retired_at=10), key("b", active_from=10), key("c"))
    assert without_gone(keys, 10 + 60 + SKEW - 1, 60) == keys
    assert without_gone(keys, 10 + 60 + SKEW, 60) == keys[1:]


def test_its_repr_shows_nothing_that_is_sealed():
    assert "x" not in repr(key("a")).replace("EncryptionKey", "").replace("next", "")
