"""Grants and sessions by the command line: seen, and ended."""

import time
from datetime import UTC, datetime

import pytest

from tests.cli.conftest import API, EMAIL, LivedIn


def test_a_grant_is_one_row_however_many_authorizations_hang_under_it(lived_in: LivedIn):
    """S01, S09: one entry per person and app."""
    (grant,) = lived_in.installation.json("grant", "list")["grants"]
    assert grant["updated_at"] == grant["created_at"] > 0
    assert grant == {
        "id": lived_in.grant_id,
        "user_id": lived_in.user_id,
        "email": EMAIL,
        "client_id": "notes-app",
        "client_name": "Notes app",
        "scope": "notes:read offline_access openid",
        "apis": {API: ["notes:read"]},
        "openid": ["offline_access", "openid"],
        "families": 2,
        "created_at": grant["created_at"],
        "updated_at": grant["updated_at"],
        "ends_at": None,
        "ended_at": None,
    }


def test_grants_are_narrowed_by_person_and_client(lived_in: LivedIn):
    installation = lived_in.installation
    assert len(installation.json("grant", "list", "--user", EMAIL)["grants"]) == 1
    assert len(installation.json("grant", "list", "--client", "notes-app")["grants"]) == 1
    assert "no client other" in installation.refused("grant", "list", "--client", "other")
    installation.succeed("client", "add", "Other", "--client-id", "other")
    assert installation.json("grant", "list", "--client", "other") == {"grants": []}
    assert "no user" in installation.refused("grant", "list", "--user", "eve@example.com")


def test_ending_a_grant_ends_all_under_it_and_names_the_notice(lived_in: LivedIn):
    """S03, S46: everything of one authorization grant in one call."""
    installation = lived_in.installation
    ended = installation.json("grant", "end", lived_in.grant_id, "--yes")
    assert (ended["families_ended"], ended["sessions_ended"]) == (2, 0)
    epoch, _, number = ended["notice"].partition(":")
    assert epoch
    assert int(number) >= 2
    assert installation.json("grant", "list") == {"grants": []}
    kinds = [event.kind for event in installation.events()[:3]]
    assert kinds == ["family_ended", "family_ended", "grant_ended"]
    again = installation.json("grant", "end", lived_in.grant_id, "--yes")
    assert again == {
        "families_ended": 0,
        "sessions_ended": 0,
        "remembered_browsers_ended": 0,
        "notice": ended["notice"],
        "ended": False,
        "guards": None,
    }


def test_an_ending_is_told_to_people(lived_in: LivedIn):
    printed = lived_in.installation.succeed("grant", "end", lived_in.grant_id, "--yes")
    assert "Ended: 2 families of tokens." in printed
    assert "Notice: " in printed


def test_sessions_are_listed(lived_in: LivedIn):
    (session,) = lived_in.installation.json("session", "list", "--user", EMAIL)["sessions"]
    assert session["auth_time"] == session["last_used_at"] == session["expires_at"] - 3600
    assert session == {
        "id": lived_in.session_id,
        "user_id": lived_in.user_id,
        "email": EMAIL,
        "auth_time": session["auth_time"],
        "last_used_at": session["last_used_at"],
        "expires_at": session["expires_at"],
        "address": "192.0.2.7",
        "user_agent": "Firefox\x1b[31m on Linux",
        "ended_at": None,
        "style": "sliding",
        "amr": ["pwd"],
    }
    assert "sliding" in lived_in.installation.succeed("session", "list")


def test_a_browsers_own_name_cannot_steer_the_terminal(lived_in: LivedIn):
    printed = lived_in.installation.succeed("session", "list")
    assert "\x1b" not in printed
    assert "Firefox�[31m on Linux" in printed


def test_ending_a_session_leaves_offline_families(lived_in: LivedIn):
    """S05: one browser is signed out; what is offline stands."""
    installation = lived_in.installation
    ended = installation.json("session", "end", lived_in.session_id, "--yes")
    assert (ended["families_ended"], ended["sessions_ended"]) == (1, 1)
    assert installation.json("session", "list") == {"sessions": []}
    assert installation.json("grant", "list")["grants"][0]["families"] == 1


def test_what_is_not_there_cannot_be_ended(lived_in: LivedIn):
    assert "no grant x" in lived_in.installation.refused("grant", "end", "x")
    assert "no session x" in lived_in.installation.refused("session", "end", "x")


def test_a_grant_is_given_an_end_date_and_loses_it_again(lived_in: LivedIn):
    """S13."""
    installation, grant_id = lived_in.installation, lived_in.grant_id
    limited = installation.json("grant", "limit", grant_id, "--until", "2999-01-31T12:00:00Z")
    assert limited["grant"]["ends_at"] == 32_474_779_200
    assert limited["families_ended"] == 0
    (listed,) = installation.json("grant", "list")["grants"]
    assert listed == limited["grant"]
    printed = installation.succeed("grant", "limit", grant_id, "--until", "2998-12-31")
    assert "ends on 2998-12-31" in printed
    assert installation.newest_event().kind == "grant_limited"
    printed = installation.succeed("grant", "limit", grant_id, "--never")
    assert "when the person takes it back" in printed
    assert installation.json("grant", "list")["grants"][0]["ends_at"] is None


def test_what_would_outlive_the_end_date_ends_at_once(lived_in: LivedIn):
    """S13."""
    installation, grant_id = lived_in.installation, lived_in.grant_id
    soon = datetime.fromtimestamp(time.time() + 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert installation.json("grant", "limit", grant_id, "--until", soon)["families_ended"] == 2


@pytest.mark.parametrize(
    "given", [(), ("--never", "--until", "2999-01-31"), ("--until", "tomorrow")]
)
def test_a_limit_is_one_date_or_never(lived_in: LivedIn, given: tuple[str, ...]):
    assert lived_in.installation.run("grant", "limit", lived_in.grant_id, *given).exit_code == 2


def test_only_a_grant_that_stands_can_end_later_than_now(lived_in: LivedIn):
    installation = lived_in.installation
    past = installation.refused("grant", "limit", lived_in.grant_id, "--until", "2001-01-31")
    assert "grant end" in past
    assert "no grant" in installation.refused("grant", "limit", "nothing", "--never")
    installation.succeed("grant", "end", lived_in.grant_id, "--yes")
    assert "no grant" in installation.refused("grant", "limit", lived_in.grant_id, "--never")
