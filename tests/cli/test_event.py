"""The list of what happened."""

import pytest

from tests.cli.conftest import EMAIL, Installation, LivedIn


def test_events_are_listed_newest_first(installation: Installation):
    """S111: who, what, when, from where."""
    client_id = installation.json("client", "add", "Service")["client_id"]
    events = installation.json("event", "list", "--count", "2")["events"]
    assert [event["kind"] for event in events] == ["client_secret_added", "client_added"]
    newest = events[0]
    assert set(newest) == {
        "number", "at", "kind", "actor", "proof", "subject", "address", "user_agent", "detail",
    }  # fmt: skip
    assert (newest["actor"], newest["proof"], newest["subject"]) == ("cli", "cli", client_id)
    assert newest["number"] == events[1]["number"] + 1
    assert client_id in installation.succeed("event", "list")


def test_events_are_found_by_kind_actor_subject_and_time(lived_in: LivedIn):
    """S111: and by the person whom they concern."""
    run = lived_in.installation
    run.succeed("session", "end", lived_in.session_id, "--yes")

    def kinds(*asked: str) -> list[str]:
        return [each["kind"] for each in run.json("event", "list", *asked)["events"]]

    assert kinds("--kind", "session_ended") == ["session_ended"]
    assert kinds("--subject", lived_in.session_id) == ["session_ended"]
    came = ["user_joined", "user_invited", "user_added"]
    assert kinds("--subject", lived_in.user_id) == ["family_ended", "session_ended", *came]
    assert kinds("--user", lived_in.user_id) == kinds("--subject", lived_in.user_id)
    assert kinds("--actor", "janitor", "--kind", "key_made") == ["key_made"] * 2
    assert kinds("--actor", f"user:{lived_in.user_id}") == ["user_joined"]
    assert kinds("--user", EMAIL) == kinds("--user", lived_in.user_id) != []
    refused = lived_in.installation.refused("event", "list", "--user", "eve@example.com")
    assert "there is no user eve@example.com" in refused
    assert len(kinds("--since", "2026-01-31T08:00")) > 3
    assert kinds("--since", "2199-01-01") == []
    assert kinds("--limit", "1") == kinds("--count", "1") == ["family_ended"]


@pytest.mark.parametrize("asked", [("--kind", "nonsense"), ("--since", "yesterday")])
def test_what_cannot_be_asked_is_said(lived_in: LivedIn, asked: tuple[str, str]):
    result = lived_in.installation.run("event", "list", *asked)
    assert result.exit_code == 2


@pytest.mark.parametrize("actor", ["ada@example.com", "Q2jUYJ4M0qT5m7cNnYb2xA"])
def test_an_actor_that_nobody_is_called_is_refused(installation: Installation, actor: str):
    """It would find nothing, as if nothing had happened."""
    installation.succeed("client", "add", "Job")
    refused = installation.run("event", "list", "--actor", actor)
    assert refused.exit_code == 2
    assert "--actor is one of user:ID, client:ID, provider:ID, cli, janitor" in refused.stderr
    assert "no such events" in installation.succeed("event", "list", "--actor", "user:nobody")
