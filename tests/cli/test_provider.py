"""Providers by the command line."""

from tests.cli.conftest import Installation

SECRET = "a secret of ours"


def add(run: Installation, *options: str) -> object:
    given = ("provider", "add", "google", "--client-id", "us", "--secret-stdin")
    return run.json(*given, *options, stdin=f"{SECRET}\n")


def test_a_provider_is_added_shown_changed_and_removed(installation: Installation):
    """S112."""
    run = installation
    added = add(run, "--policy", "trusts_email=true")
    assert added["policy"]["trusts_email"] is True
    assert added["redirect_uri"].endswith("/sign-in/from/google")
    printed = run.succeed("provider", "list") + run.succeed("provider", "show", "google")
    assert "https://accounts.google.com" in printed
    assert SECRET not in printed
    assert "trusts_email=true" in printed, "as --policy takes it"
    changed = run.json("provider", "update", "google", "--name", "G", "--policy", "silent=true")
    assert (changed["name"], changed["policy"]["silent"]) == ("G", True)
    renewed = run.json("provider", "update", "google", "--secret-stdin", stdin="another\n")
    assert renewed["client_id"] == "us"
    assert run.json("provider", "disable", "google")["disabled_at"] is not None
    assert run.json("provider", "enable", "google")["disabled_at"] is None
    assert "0 linked accounts" in run.refused("provider", "remove", "google")
    run.succeed("provider", "remove", "google", "--yes")
    assert "There are no providers" in run.succeed("provider", "list")
    assert SECRET not in str(run.events())


def test_what_cannot_be_so_is_said_in_one_line(installation: Installation):
    run = installation
    add(run)
    assert "no provider github" in run.refused("provider", "show", "github")
    assert "no provider github" in run.refused("provider", "disable", "github")
    unknown = ("provider", "add", "yahoo", "--client-id", "us", "--secret-stdin")
    assert "no preset" in run.refused(*unknown, stdin="x\n")
