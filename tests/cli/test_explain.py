"""Why a token is refused, by the command line (S109, S48)."""

import pytest

from tests.cli.conftest import Installation, LivedIn, access_token

JTI = "lost-token-jti-0000000"


def test_it_says_which_check_decides_since_when_and_by_whom(lived_in: LivedIn):
    """S109: for people and as JSON; "-" keeps the token out of the shell's history."""
    run = lived_in.installation
    token = access_token(lived_in, JTI, family=lived_in.online_id)
    assert run.json("explain", token)["verdict"] == "stands"
    run.succeed("token", "end", "--jti", JTI, "--yes")
    document = run.json("explain", "-", stdin=f"{token}\n")
    assert (document["verdict"], document["decided_by"]) == ("refused", "token")
    assert (document["reason"], document["by"]) == ("revoked", "cli")
    assert document["since"] > 0
    shown = run.succeed("explain", "-", stdin=token)
    assert "decided by   token" in shown
    assert "The token itself was ended." in shown
    assert token not in shown
    assert run.json("explain", JTI)["decided_by"] == "token"


def test_the_same_fields_are_always_there(lived_in: LivedIn):
    run = lived_in.installation
    fields = {
        "kind", "verdict", "sentence", "fingerprint", "owner", "decided_by", "reason", "since",
        "by", "steps",
    }  # fmt: skip
    for pasted in (JTI, lived_in.refresh_token, lived_in.client_secret, "nonsense"):
        document = run.json("explain", "-", stdin=pasted)
        assert set(document) == fields
    (step, *_) = run.json("explain", JTI)["steps"]
    assert set(step) == {"check", "outcome", "sentence", "reason", "since", "by", "decides"}


def test_a_refresh_token_and_a_secret_are_recognised(lived_in: LivedIn):
    """S109: the one explained without using it, the other not looked up."""
    run = lived_in.installation
    assert run.json("explain", lived_in.refresh_token)["kind"] == "refresh_token"
    assert "rotate it" in run.succeed("explain", "-", stdin=lived_in.client_secret)
    assert run.json("explain", lived_in.refresh_token)["verdict"] == "stands"


@pytest.mark.parametrize("pasted", ["", " \n"])
def test_nothing_is_no_token(lived_in: LivedIn, pasted: str):
    assert "there is no token" in lived_in.installation.refused("explain", "-", stdin=pasted)


def test_one_that_begins_with_a_hyphen_is_an_argument(installation: Installation):
    installation.succeed("client", "add", "Service")
    assert installation.json("explain", "-" + "a" * 21)["kind"] == "fingerprint"
