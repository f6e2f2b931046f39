"""Signing keys by the command line: seen, turned, withdrawn."""

import time

from tests.cli.conftest import Installation, LivedIn, access_token

JTI = "A" * 22
DAY = 24 * 60 * 60


def keys_of(installation: Installation, purpose: str = "tokens") -> dict[str, dict]:
    listed = installation.json("key", "list")["keys"]
    return {key["kid"]: key for key in listed if key["purpose"] == purpose}


def test_the_first_keys_are_listed(installation: Installation):
    installation.succeed("client", "add", "Service")
    (key,) = keys_of(installation).values()
    assert key["created_at"] == key["active_from"]
    assert key == {
        "kid": key["kid"],
        "purpose": "tokens",
        "algorithm": "ES256",
        "state": "active",
        "created_at": key["created_at"],
        "active_from": key["active_from"],
        "retired_at": None,
        "gone_at": None,
        "withdrawn_at": None,
    }
    assert len(keys_of(installation, "feed")) == 1


def test_rotation_lets_the_next_key_take_over_once_it_is_known(lived_in: LivedIn):
    """S80, S81: what was signed stands."""
    installation, token = lived_in.installation, access_token(lived_in, JTI)
    (old,) = keys_of(installation)
    turn = installation.json("key", "rotate")
    assert turn["kid"] == old
    assert abs(turn["retired_at"] - time.time() - DAY) < 60
    assert turn["notice"]
    keys = keys_of(installation)
    assert (keys[old]["state"], keys[old]["retired_at"]) == ("active", turn["retired_at"])
    successor = keys[turn["successor"]]
    assert (successor["state"], successor["active_from"]) == ("next", turn["retired_at"])
    assert installation.json("token", "inspect", token)["active"] is True
    assert {event.actor for event in installation.events()[:2]} == {"cli"}


def test_the_feeds_key_is_turned_apart(lived_in: LivedIn):
    turn = lived_in.installation.json("key", "rotate", "--purpose", "feed")
    assert turn["kid"] in keys_of(lived_in.installation, "feed")
    assert len(keys_of(lived_in.installation)) == 1


def test_retiring_the_signing_key_is_turning_it(lived_in: LivedIn):
    (kid,) = keys_of(lived_in.installation)
    printed = lived_in.installation.succeed("key", "retire", kid)
    assert "What was signed stands." in printed
    (following,) = keys_of(lived_in.installation).keys() - {kid}
    assert "not the one that signs" in lived_in.installation.refused("key", "retire", following)


def test_where_nothing_ends_yet_nobody_waits_for_it(lived_in: LivedIn):
    """Else its exit code would say that every guard knows."""
    (kid,) = keys_of(lived_in.installation)
    result = lived_in.installation.run("key", "retire", kid, "--wait")
    assert result.exit_code == 2
    assert "--wait goes with --now" in result.stderr
    assert set(keys_of(lived_in.installation)) == {kid}


def test_an_emergency_ends_what_the_key_has_signed(lived_in: LivedIn):
    """S84: nothing that a leaked key signed stands, and a new one signs at once."""
    installation, token = lived_in.installation, access_token(lived_in, JTI)
    (kid,) = keys_of(installation)
    result = installation.run("key", "withdraw", kid, "--yes")
    assert result.exit_code == 0
    assert f"Every token that the key {kid} has signed" in result.stderr
    assert f"Withdrawn: {kid}" in result.stdout
    keys = keys_of(installation)
    assert keys[kid]["state"] == "withdrawn"
    assert keys[kid]["withdrawn_at"] is not None
    assert [key["state"] for key in keys.values() if key["kid"] != kid] == ["active"]
    seen = installation.json("token", "inspect", token)
    assert (seen["ours"], seen["active"]) == (False, False)
    assert "key_withdrawn" in {event.kind for event in installation.events()[:2]}


def test_an_emergency_is_json_with_yes(lived_in: LivedIn):
    (kid,) = keys_of(lived_in.installation)
    ended = lived_in.installation.json("key", "retire", kid, "--now", "--yes")
    assert set(ended) == {"withdrawn", "successor", "notice", "guards"}
    assert ended["withdrawn"] == [kid]
    assert keys_of(lived_in.installation)[ended["successor"]]["state"] == "active"


def test_without_a_yes_nothing_is_withdrawn(lived_in: LivedIn):
    (kid,) = keys_of(lived_in.installation)
    for answer in ("n\n", ""):
        assert lived_in.installation.run("key", "retire", kid, "--now", stdin=answer).exit_code == 1
    assert keys_of(lived_in.installation)[kid]["state"] == "active"


def test_a_key_must_be_known(lived_in: LivedIn):
    for arguments in (["x"], ["x", "--now", "--yes"]):
        assert "no key x" in lived_in.installation.refused("key", "retire", *arguments)


def test_the_rehearsal_shows_what_will_happen_and_changes_nothing(lived_in: LivedIn):
    """S80: when the next key is published, signs, and when the present one is gone."""
    before = keys_of(lived_in.installation)
    (kid,) = before
    told = lived_in.installation.json("key", "rehearse", "--days", "40")["occurrences"]
    mine = [each for each in told if each["purpose"] == "tokens"]
    assert [(each["kid"], each["turn"]) for each in mine] == [
        ("new-1", "published"),
        (kid, "retires"),
        ("new-1", "signs"),
        (kid, "gone"),
    ]
    assert mine[1]["at"] - mine[0]["at"] == DAY
    assert keys_of(lived_in.installation) == before
    printed = lived_in.installation.succeed("key", "rehearse", "--days", "2")
    assert "Nothing happens to the keys in 2 days." in printed
