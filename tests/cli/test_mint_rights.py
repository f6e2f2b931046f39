"""Rights to mint, and minting, by the command line."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from counterfoil.jose.jwt import unverified_claims
from tests.cli.conftest import API, EMAIL, LivedIn

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")


@pytest.fixture
def minter(lived_in: LivedIn) -> LivedIn:
    names = ("Batch", "--client-id", "batch", "--scope", "mint notes:read")
    lived_in.installation.succeed("client", "add", *names)
    return lived_in


def test_a_right_is_given_used_and_withdrawn(minter: LivedIn):
    """S58."""
    run = minter.installation
    api = ("--api", API, "notes:read")
    given = run.json(
        "client", "mint-right", "give", "batch", "--user", EMAIL, *api, "--until", TOMORROW
    )
    assert (given["users"], given["longest"]) == ([minter.user_id], 3600)
    described = {
        "audience": API,
        "scope": "notes:read",
        "subject": {"format": "email", "email": EMAIL},
    }
    printed = run.succeed("token", "mint", "-", "--client", "batch", stdin=json.dumps(described))
    claims = unverified_claims(printed.strip())
    assert (claims["sub"], claims["act"]) == (minter.user_id, {"sub": "batch"})
    kinds = {event.kind: event.actor for event in run.events()[:2]}
    assert kinds == {"client_tokens_minted": "cli", "tokens_minted": "cli"}
    assert given["id"] in run.succeed("client", "mint-right", "list", "batch")
    withdrawn = run.json("client", "mint-right", "withdraw", given["id"], "--yes")
    assert withdrawn["families_ended"] == 1
    assert "for nobody but itself" in run.succeed("client", "mint-right", "list", "batch")
    refused = run.refused("token", "mint", "-", "--client", "batch", stdin=json.dumps(described))
    assert "$.subject" in refused


def test_an_array_gives_a_line_for_each(minter: LivedIn):
    """S57: and with --json what the endpoint answers."""
    one = {"audience": API, "scope": "notes:read"}
    body = json.dumps([one, one | {"lifetime": 0}])
    arguments = ("token", "mint", "-", "--client", "batch")
    assert "$[1].lifetime" in minter.installation.refused(*arguments, stdin=body)
    first, second = minter.installation.succeed(*arguments, "--each", stdin=body).splitlines()
    assert unverified_claims(first)["sub"] == "batch"
    assert second.startswith("$[1].lifetime")
    answers = minter.installation.json(*arguments, "--each", stdin=body)
    assert answers[0]["token_type"] == "Bearer"
    assert answers[1]["errors"][0]["path"] == "$[1].lifetime"


def test_who_may_not_mint_does_not_from_here_either(minter: LivedIn):
    run = minter.installation
    body = json.dumps({"audience": API, "scope": "notes:read"})
    assert "scope mint" in run.refused("token", "mint", "-", "--client", "notes-app", stdin=body)
    assert "no client" in run.refused("token", "mint", "-", "--client", "ghost", stdin=body)
    run.succeed("client", "disable", "batch", "--yes")
    assert "disabled" in run.refused("token", "mint", "-", "--client", "batch", stdin=body)
    assert "no right" in run.refused("client", "mint-right", "withdraw", "none", "--yes")


def test_limits_of_an_api_are_set_as_json(lived_in: LivedIn):
    """S15: and shown as they are written."""
    limits = '[{"type":"counterfoil_limit","action":"transfer","unit":"EUR","per_transaction":25}]'
    run = lived_in.installation
    changed = run.json("api", "update", API, "--policy", f"limits={limits}")
    assert changed["policy"]["limits"] == json.loads(limits)
    assert f"limits={limits}" in run.succeed("api", "list")
    assert "policy limits" in run.refused("api", "update", API, "--policy", "limits=[{}]")
    assert run.json("api", "update", API, "--policy", "limits=")["policy"]["limits"] == []
