"""Personal tokens by the command line: made, listed, ended, looked into (S11)."""

from typing import Any

from counterfoil.oauth.opaque import Kind, is_spelled
from tests.cli.conftest import API, EMAIL, LivedIn

ASKED = ("--name", "Backup", "--api", API, "--scope", "notes:read")


def opened(lived_in: LivedIn) -> LivedIn:
    lived_in.installation.succeed("api", "update", API, "--policy", "personal_tokens=true")
    return lived_in


def made(lived_in: LivedIn, *more: str) -> dict[str, Any]:
    return dict(opened(lived_in).installation.json("personal", "add", EMAIL, *ASKED, *more))


def listed(lived_in: LivedIn) -> list[dict[str, Any]]:
    return list(lived_in.installation.json("personal", "list", EMAIL)["personal_tokens"])


def test_one_is_made_and_listed_without_its_text(lived_in: LivedIn):
    one = made(lived_in, "--lifetime", "3600", "--network", "192.0.2.0/24")
    assert is_spelled(Kind.PERSONAL_TOKEN, one["token"])
    token = one["personal_token"]
    assert (token["user_id"], token["audience"]) == (lived_in.user_id, API)
    assert token["expires_at"] == token["created_at"] + 3600
    assert listed(lived_in) == [token]
    printed = lived_in.installation.succeed("personal", "list", EMAIL)
    assert "never used" in printed
    assert one["token"] not in printed


def test_it_is_printed_once_for_people(lived_in: LivedIn):
    printed = opened(lived_in).installation.succeed("personal", "add", EMAIL, *ASKED)
    assert is_spelled(Kind.PERSONAL_TOKEN, printed.strip().rpartition("\n")[2])


def test_it_is_ended_by_its_id_by_its_fingerprint_and_by_its_text(lived_in: LivedIn):
    by_id, by_jti, by_text = (made(lived_in) for _ in range(3))
    run = lived_in.installation
    run.succeed("personal", "end", by_id["personal_token"]["id"], "--yes")
    run.succeed("token", "end", "--jti", by_jti["personal_token"]["id"], "--yes")
    ended = run.json("token", "end", "-", "--yes", stdin=by_text["token"])
    assert (ended["kind"], ended["jti"]) == ("personal_token", by_text["personal_token"]["id"])
    assert [token["ended_why"] for token in listed(lived_in)] == ["ended"] * 3
    assert "ended" in run.succeed("personal", "list", EMAIL)


def test_one_that_is_pasted_is_looked_into(lived_in: LivedIn):
    one = made(lived_in)
    run = lived_in.installation
    seen = run.json("token", "inspect", "-", stdin=one["token"])
    assert (seen["kind"], seen["ours"], seen["active"]) == ("personal_token", True, True)
    assert seen["claims"]["jti"] == one["personal_token"]["id"]
    assert one["token"] not in str(seen)
    run.succeed("personal", "end", one["personal_token"]["id"], "--yes")
    seen = run.json("token", "inspect", "-", stdin=one["token"])
    assert (seen["ours"], seen["active"], seen["reason"]) == (False, False, "revoked")


def test_what_cannot_be_had_is_said(lived_in: LivedIn):
    run = lived_in.installation
    assert "no personal tokens" in run.refused("personal", "add", EMAIL, *ASKED)
    opened(lived_in)
    wide = ("--name", "x", "--api", API, "--scope", "everything")
    assert "one permission" in run.refused("personal", "add", EMAIL, *wide)
    assert "there is no user" in run.refused("personal", "list", "nobody@example.com")
