"""``database status`` and ``database migrate``: what is applied, who serves, what is taken away."""

import os
from typing import Any

import pytest
from click.testing import Result

from counterfoil.server.records.server_process import ServerProcess
from counterfoil.server.storage import migration
from tests import newer
from tests.cli.conftest import Installation

KNOWS = migration.newest(migration.shipped())
OLD = ServerProcess("old", "0.1.0", KNOWS, "elsewhere process 7")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def there(
    request: pytest.FixtureRequest,
    installation: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> Installation:
    """An installation of this version, on each engine."""
    if request.param == "postgres":
        monkeypatch.setenv("COUNTERFOIL_DATABASE", request.getfixturevalue("database"))
    installation.succeed("client", "add", "Job")
    return installation


def status(there: Installation) -> Any:
    return there.json("database", "status")


def kinds(document: Any, applied: bool) -> dict[str, str]:
    return {
        each["name"]: each["kind"]
        for each in document["migrations"]
        if (each["applied_at"] is not None) == applied
    }


def transact(there: Installation, work: Any) -> None:
    where = os.environ.get("COUNTERFOIL_DATABASE")
    there.with_authority(lambda authority: authority.store.transact(work), database=where)


def test_a_fresh_installation_is_up_to_date(there: Installation):
    document = status(there)
    assert (document["may_serve"], document["finding"]) == (True, "The schema is up to date.")
    assert document["knows"] == KNOWS
    assert document["processes"] == []
    assert kinds(document, applied=False) == {}
    shown = there.succeed("database", "status")
    assert "0001_the_first_records.sql" in shown
    assert "No server runs." in shown
    assert there.json("database", "migrate") == {"applied": [], "contracts_left": []}


def test_looking_makes_and_changes_nothing(installation: Installation):
    assert "there is no installation" in installation.refused("database", "status")
    assert "there is no installation" in installation.refused("database", "migrate")
    assert not installation.data.exists()


def test_what_adds_is_applied_and_what_takes_away_is_asked_for(
    there: Installation, monkeypatch: pytest.MonkeyPatch
):
    newer.become(monkeypatch.setattr)
    document = status(there)
    assert kinds(document, applied=False) == {newer.EXPAND: "expand", newer.CONTRACT: "contract"}
    assert "Migrations are missing" in document["finding"]
    assert status(there) == document, "looking applied something"
    applied = there.json("database", "migrate")
    assert applied == {"applied": [newer.EXPAND], "contracts_left": [newer.CONTRACT]}
    assert "1 contract left" in there.succeed("database", "migrate")
    assert "Contracts wait" in status(there)["finding"]
    applied = there.json("database", "migrate", "--contract")
    assert applied == {"applied": [newer.CONTRACT], "contracts_left": []}
    assert "0 migrations applied." in there.succeed("database", "migrate", "--contract")
    assert status(there)["needs"] == 901


def test_an_older_version_sees_that_it_may_serve_no_more(there: Installation):
    with pytest.MonkeyPatch.context() as patch:
        newer.become(patch.setattr)
        there.succeed("database", "migrate", "--contract")
    document = status(there)
    assert not document["may_serve"]
    assert kinds(document, applied=True)[newer.EXPAND] == "newer"
    assert "needs Counterfoil 99.1 or newer" in document["finding"]
    for command in (("client", "list"), ("serve", "--port", "0"), ("database", "migrate")):
        assert "needs Counterfoil 99.1 or newer" in there.refused(*command)


def test_while_an_older_server_runs_nothing_is_taken_away(
    there: Installation, monkeypatch: pytest.MonkeyPatch
):
    newer.become(monkeypatch.setattr)
    transact(there, lambda tx: tx.servers.stay(OLD))
    said = there.refused("database", "migrate", "--contract")
    assert "1 older server (elsewhere process 7, version 0.1.0)" in said
    assert "--end-older" in said
    assert newer.CONTRACT in kinds(status(there), applied=False)
    document = status(there)
    assert [each["may_serve"] for each in document["processes"]] == [True]
    assert "elsewhere process 7" in there.succeed("database", "status")


def test_a_server_that_does_not_end_keeps_what_it_needs(
    there: Installation, monkeypatch: pytest.MonkeyPatch
):
    from counterfoil.server.hub import presence

    monkeypatch.setattr(presence, "LIVES", 0)
    monkeypatch.setattr(presence, "STAY_SECONDS", 0)
    newer.become(monkeypatch.setattr)
    transact(there, lambda tx: tx.servers.stay(OLD))
    said = there.refused("database", "migrate", "--contract", "--end-older")
    assert "still there: 1 older server" in said
    document = status(there)
    assert newer.CONTRACT in kinds(document, applied=False)
    assert [each["may_serve"] for each in document["processes"]] == [False]
    transact(there, lambda tx: tx.servers.leave(OLD.id))
    there.succeed("database", "migrate", "--contract")


def test_ending_others_is_for_contracts(installation: Installation):
    result: Result = installation.run("database", "migrate", "--end-older")
    assert result.exit_code == 2
    assert "--end-older goes with --contract" in result.output
