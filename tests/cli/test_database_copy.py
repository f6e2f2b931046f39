"""``database copy`` and ``reopen``: what is said, asked and refused; servers that run meanwhile."""

import http.client
import json
import signal
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.cli.conftest import Installation, LivedIn
from tests.cli.test_serve import serving


@pytest.fixture
def place(installation: Installation) -> Installation:
    installation.succeed("client", "add", "Job")
    return installation


def opened(at: Path, place: Installation) -> Installation:
    """The installation at a copy, with the master key of the one before."""
    (at / "master.key").write_bytes((place.data / "master.key").read_bytes())
    (at / "master.key").chmod(0o600)
    return Installation(at)


def test_a_copy_is_told_of_and_goes_on_elsewhere(lived_in: LivedIn, tmp_path: Path):
    before, at = lived_in.installation, tmp_path / "elsewhere"
    result = before.run("database", "copy", "--to", str(at), "--yes")
    assert result.exit_code == 0, result.output
    assert "Copied and verified: " in result.stdout
    assert f"Now serve {at}/counterfoil.db, with the same master key." in result.stdout
    assert "This database is shut, now and for good" in result.stderr
    for line in ("copied: users, 1 of 1 rows", "verified: families, 2 of 2 rows"):
        assert line in result.stderr
    after = opened(at, before)
    assert after.json("grant", "list")["grants"]
    assert after.json("audit", "verify")["faults"] == []
    newest = after.newest_event()
    assert (newest.kind.value, newest.actor) == ("database_shut", "cli")
    assert newest.detail == {"other": f"{at}/counterfoil.db"}
    said = before.refused("client", "list")
    assert "it is shut, for it was copied to" in said
    assert "lives there" in said
    again = json.loads(before.succeed("database", "copy", "--to", str(at), "--yes", "--json"))
    assert again == {"to": f"{at}/counterfoil.db", "tables": {}}


def refused(place: Installation, *arguments: str) -> str:
    """Run a command that says something before it is refused; gives its last line."""
    result = place.run("database", *arguments)
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    return result.stderr.splitlines()[-1]


def test_it_asks_first(place: Installation, tmp_path: Path):
    said = place.refused("database", "copy", "--to", str(tmp_path / "to"))
    assert "is shut, now and for good" in said
    assert "give --yes" in said
    assert not (tmp_path / "to").exists()
    assert place.json("client", "list")["clients"]


def test_what_cannot_be_copied_to_is_named(place: Installation, tmp_path: Path):
    other = Installation(tmp_path / "other")
    other.succeed("client", "add", "Other")
    said = refused(place, "copy", "--to", str(other.data), "--yes")
    assert said == (
        f"counterfoil: {other.data}/counterfoil.db is not empty: make an empty database, and name "
        "that"
    )
    said = refused(place, "copy", "--to", str(place.data), "--yes")
    assert "itself" in said
    (tmp_path / "text.db").write_text("not a database" * 100)
    said = refused(place, "copy", "--to", str(tmp_path / "text.db"), "--yes")
    assert f"{tmp_path}/text.db: the database failed: NotADBError" in said
    said = place.run("database", "copy", "--to", "mysql://x", "--yes")
    assert said.exit_code == 2
    assert "--to: Expected postgresql://user@host/database, or a directory" in said.stderr
    nothing = Installation(tmp_path / "nothing")
    said = refused(nothing, "copy", "--to", str(tmp_path / "to"), "--yes")
    assert "there is no installation in" in said
    assert place.json("client", "list")["clients"], "it was not shut"


@pytest.mark.postgres
def test_the_other_end_is_named_without_its_password(
    place: Installation, tmp_path: Path, database: str
):
    url = database.replace("postgres@", "postgres:s3cret@")
    for where in (url, "postgresql://ada:s3cret@127.0.0.1:1/nowhere"):
        result = place.run("database", "copy", "--to", where, "--yes")
        assert result.exit_code == 1
        assert "s3cret" not in result.output
        assert "postgresql://" in result.stderr.splitlines()[-1]


def test_a_server_that_runs_meanwhile_answers_503_and_never_writes(
    place: Installation, tmp_path: Path
):
    with serving(place) as server:
        result = place.run("database", "copy", "--to", str(tmp_path / "to"), "--yes")
        assert result.exit_code == 0, result.output
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", "/notices/snapshot")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 503
        code, _, said = server.end(signal.SIGTERM)
    assert code == 0
    assert "is shut, for it was copied to" in said
    assert "Traceback" not in said
    with closing(apsw.Connection(str(place.data / "counterfoil.db"))) as engine:
        assert engine.execute("SELECT state FROM fence").fetchall() == [("left",)]
        assert engine.execute("SELECT max(number) FROM events").fetchall() == [
            (opened(tmp_path / "to", place).newest_event().number,)
        ]


def test_what_was_left_is_reopened_on_purpose(lived_in: LivedIn, tmp_path: Path):
    place = lived_in.installation
    assert "is not shut" in place.refused("database", "reopen", "--yes")
    place.succeed("database", "copy", "--to", str(tmp_path / "to"), "--yes")
    said = place.refused("database", "reopen")
    assert "Everybody signs in and agrees anew" in said
    result = place.run("database", "reopen", "--yes")
    assert result.exit_code == 0, result.output
    assert "Begun anew. Destroy the copy: " in result.stdout
    assert "Ended: 1 session, 2 families of tokens, 1 permission, 0 codes." in result.stdout
    assert "Withdrawn: 2 keys." in result.stdout
    assert place.json("grant", "list")["grants"] == []
    assert "no server may use it yet" in place.refused("serve", "--port", "0")
    assert json.loads(place.succeed("database", "reopen", "--yes", "--json")) == {
        "open": True,
        "other": f"before it was copied to {tmp_path}/to/counterfoil.db",
        "ended": None,
    }
    with serving(place):
        pass
