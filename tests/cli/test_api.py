"""APIs by the command line."""

import time

import pytest

from tests.cli.conftest import API, Installation


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
    }
    assert installation.json("api", "list") == {"apis": [added]}
    assert API in installation.succeed("api", "list")
    event = installation.newest_event()
    assert (event.kind, event.actor, event.subject) == ("api_added", "cli", API)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([API, "--scope", "other:read=Read"], "is registered already"),
        (["notes", "--scope", "notes:x=Read"], "absolute URI"),
        (["https://x.example", "--scope", "openid=Sign in"], "none of OpenID's"),
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
