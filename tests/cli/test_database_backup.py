"""``database backup`` and ``restore``: what is said, what is refused, and what is left behind."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import EMAIL, Installation, LivedIn
from tests.cli.test_serve import serving
from tests.postgres import Postgres


@pytest.fixture
def backup(lived_in: LivedIn, tmp_path: Path) -> Path:
    path = tmp_path / "backup"
    lived_in.installation.succeed("database", "backup", "--to", str(path))
    return path


def lose(place: Installation) -> None:
    for file in place.data.glob("counterfoil.db*"):
        file.rename(file.with_name(f"lost-{file.name}"))


def test_a_backup_tells_what_it_holds(lived_in: LivedIn, tmp_path: Path):
    place = lived_in.installation
    with serving(place):
        document = place.json("database", "backup", "--to", str(tmp_path / "backup"))
    assert document["format"] == "counterfoil backup 1"
    assert document["tables"]["families"]["rows"] == 2
    assert len(document["tables"]["families"]["sha256"]) == 64
    assert {"epoch", "number", "made_at", "version", "audit_digest"} <= set(document)
    result = place.run("database", "backup", "--to", str(tmp_path / "other"))
    assert f"Written and verified: {tmp_path}/other, " in result.stdout
    assert "verified: users, 1 of 1 rows" in result.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["backup", "data", "other"]
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_never_replaced(lived_in: LivedIn, tmp_path: Path):
    (tmp_path / "backup").write_text("mine")
    said = lived_in.installation.refused("database", "backup", "--to", str(tmp_path / "backup"))
    assert "is there: move it away" in said
    assert (tmp_path / "backup").read_text() == "mine"


def test_where_no_file_can_be_written_it_is_said(lived_in: LivedIn, tmp_path: Path):
    (tmp_path / "file").write_text("")
    said = lived_in.installation.refused("database", "backup", "--to", str(tmp_path / "file/in"))
    assert "Not a directory" in said or "File exists" in said


def test_the_restored_waits_until_somebody_has_looked(lived_in: LivedIn, backup: Path):
    """Whoever was disabled since the backup is disabled again before any server runs."""
    place = lived_in.installation
    place.succeed("user", "disable", lived_in.user_id, "--yes")
    lose(place)
    said = place.succeed("database", "restore", "--from", str(backup))
    assert "Ended: 1 session, 2 families of tokens, 1 permission, 0 codes." in said
    assert "user disable" in said
    assert "Then: counterfoil database reopen" in said
    assert "no server may use it yet" in place.refused("serve", "--port", "0")
    (person,) = place.json("user", "list")["users"]
    assert (person["email"], person["disabled_at"]) == (EMAIL, None)
    place.succeed("user", "disable", lived_in.user_id, "--yes")
    said = place.refused("database", "reopen")
    assert "Whoever was disabled since" in said
    place.succeed("database", "reopen", "--yes")
    with serving(place):
        assert place.json("user", "list")["users"][0]["disabled_at"]
    assert place.json("audit", "verify")["faults"] == []
    kinds = [event.kind.value for event in place.events()]
    assert kinds.index("database_reopened") < kinds.index("database_restored")


def test_it_is_restored_elsewhere_too(lived_in: LivedIn, backup: Path, tmp_path: Path):
    place = lived_in.installation
    at = tmp_path / "elsewhere"
    arguments = ("--from", str(backup), "--to", str(at), "--json")
    document = json.loads(place.succeed("database", "restore", *arguments))
    assert document["to"] == f"{at}/counterfoil.db"
    assert document["ended"] == {
        "sessions": 1,
        "grants": 1,
        "families": 2,
        "codes": 0,
        "personal_tokens": 0,
    }
    assert document["keys_withdrawn"] == 2
    assert document["epoch"] != document["backup"]["epoch"]
    assert [each.name for each in at.iterdir()] == ["counterfoil.db"]
    assert place.json("grant", "list")["grants"], "that one goes on as it was"


@pytest.mark.postgres
def test_it_is_restored_into_the_other_engine(
    lived_in: LivedIn, backup: Path, postgres_server: Postgres
):
    place = lived_in.installation
    empty = postgres_server.url(postgres_server.create())
    arguments = ("database", "restore", "--from", str(backup), "--to", empty)
    place.succeed(*arguments)
    assert place.json("client", "list", "--database", empty)["clients"]
    result = place.run(*arguments)
    assert result.exit_code == 1
    assert "is not empty: make an empty database, and name that" in result.stderr


def test_what_is_no_backup_is_refused(lived_in: LivedIn, backup: Path, tmp_path: Path):
    place, to = lived_in.installation, ("--to", str(tmp_path / "to"))
    said = place.refused("database", "restore", "--from", str(tmp_path / "none"), *to)
    assert said == f"counterfoil: {tmp_path}/none: No such file or directory\n"
    (tmp_path / "text").write_text("text " * 1000)
    said = place.refused("database", "restore", "--from", str(tmp_path / "text"), *to)
    assert said == f"counterfoil: {tmp_path}/text is no backup\n"
    said = place.refused("database", "restore", "--from", str(place.data / "counterfoil.db"), *to)
    assert "is no backup: it has no manifest" in said
    said = place.refused("database", "restore", "--from", str(backup))
    assert "counterfoil.db is there: move it away" in said
    other = Installation(tmp_path / "other")
    other.succeed("client", "add", "Job")
    said = other.refused("database", "restore", "--from", str(backup), *to)
    assert "The master key does not open the backup manifest" in said
    assert not any((tmp_path / "to").iterdir())
