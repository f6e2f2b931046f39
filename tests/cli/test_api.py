"""APIs by the command line."""

import time

import pytest

from tests.cli.conftest import API, Installation

UNDECIDED = {
    "token_format": "jwt",
    "registry": False,
    "status_list": False,
    "token_bytes": None,
    "over_budget": "warn",
    "signing_algorithm": None,
    "personal_tokens": False,
    "personal_token_lifetime": None,
    "limits": [],
    "max_uses": None,
    "encryption": False,
    "claims": "",
    "second_factor_scopes": "",
    "far_apart": "record",
}


def test_an_api_is_registered_with_its_scopes(installation: Installation):
    added = installation.json(
        "api", "add", API, "--name", "Notes", "--scope", "notes:read=Read = see your notes",
        "--scope", "notes:write=Change your notes", "--token-lifetime", "300",
    )  # fmt: skip
    assert time.time() - 60 < added["created_at"] <= time.time()
    assert added == {
        "uri": API,
        "name": "Notes",
        "scopes": {"notes:read": "Read = see your notes", "notes:write": "Change your notes"},
        "token_lifetime": 300,
        "created_at": added["created_at"],
        "policy": UNDECIDED,
        "encryption_keys": [],
    }
    assert installation.json("api", "list")["apis"][1:] == [added], "after the server's own"
    assert API in installation.succeed("api", "list")
    event = installation.newest_event()
    assert (event.kind, event.actor, event.subject) == ("api_added", "cli", API)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([API, "--scope", "other:read=Read"], "is registered already"),
        (["notes", "--scope", "notes:x=Read"], "absolute URI"),
        (["https://x.example", "--scope", "openid=Sign in"], "is the server's own"),
    ],
)
def test_what_cannot_be_registered_is_said_in_a_line(
    installation: Installation, arguments: list[str], sentence: str
):
    installation.succeed("api", "add", API, "--scope", "notes:read=Read")
    assert sentence in installation.refused("api", "add", *arguments)


@pytest.mark.parametrize("scope", ["notes:read", "=Read", "notes:read= "])
def test_a_scope_comes_with_its_description(installation: Installation, scope: str):
    result = installation.run("api", "add", API, "--scope", scope)
    assert result.exit_code == 2
    assert "NAME=DESCRIPTION" in result.stderr


def test_an_api_is_changed(installation: Installation):
    """What is not given stays."""
    scopes = ("--scope", "a=A", "--scope", "b=B")
    before = installation.json("api", "add", API, "--policy", "registry=true", *scopes)
    changed = installation.json(
        "api", "update", API, "--name", "Notes", "--scope", "c=C", "--scope", "b=Better",
        "--remove-scope", "a", "--token-lifetime", "300", "--policy", "status_list=true",
    )  # fmt: skip
    assert changed == before | {
        "name": "Notes",
        "scopes": {"b": "Better", "c": "C"},
        "token_lifetime": 300,
        "policy": UNDECIDED | {"registry": True, "status_list": True},
    }
    event = installation.newest_event()
    assert (event.kind, event.actor, event.subject) == ("api_changed", "cli", API)
    again = installation.json("api", "update", API, "--token-lifetime", "0")
    assert again == changed | {"token_lifetime": None}
    assert "registry=true status_list=true" in installation.succeed("api", "list")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["https://no.example"], "there is no API https://no.example"),
        ([API, "--name", ""], "name must be"),
        ([API, "--remove-scope", "other"], "the API has no scope other"),
        ([API, "--remove-scope", "a"], "An API needs scopes"),
        ([API, "--policy", "token_format=paper"], "The policy token_format: Invalid enum value"),
    ],
)
def test_what_cannot_be_changed_is_said_in_a_line(
    installation: Installation, arguments: list[str], sentence: str
):
    installation.succeed("api", "add", API, "--scope", "a=A")
    assert sentence in installation.refused("api", "update", *arguments)


def test_an_api_that_asks_for_ml_dsa_has_its_key_at_once(installation: Installation):
    """RFC 9964; and what was made can be withdrawn, though nothing asks for it any more (S84)."""
    asks = "--policy", "signing_algorithm=ML-DSA-65", "--policy", "token_bytes=5000"
    shown = installation.succeed("api", "add", API, *asks, "--scope", "notes:read=Read")
    assert "signing_algorithm=ML-DSA-65" in shown, "as --policy takes it"
    keys = installation.json("key", "list")["keys"]
    (made,) = [key for key in keys if key["purpose"] == "tokens_post_quantum"]
    assert (made["algorithm"], made["state"]) == ("ML-DSA-65", "active")
    rehearsed = installation.json("key", "rehearse")["occurrences"]
    assert "tokens_post_quantum" in {each["purpose"] for each in rehearsed}
    installation.json("api", "update", API, "--policy", "signing_algorithm=")
    keys = installation.json("key", "list")["keys"]
    assert [key["state"] for key in keys if key["kid"] == made["kid"]] == ["retired"]
    withdrawn = installation.json("key", "withdraw", made["kid"], "--yes")
    assert (withdrawn["withdrawn"], withdrawn["successor"]) == ([made["kid"]], "")
