"""Changing the master key by the command line."""

from pathlib import Path

from tests.cli.conftest import Installation, LivedIn


def lines_of(installation: Installation) -> list[str]:
    return (installation.data / "master.key").read_text().split()


def test_it_is_changed_in_three_steps(lived_in: LivedIn):
    """S83: add, reseal, forget; what was sealed opens after each of them."""
    installation = lived_in.installation
    (old,) = lines_of(installation)
    assert installation.json("key", "master", "add") == {"keys": 2}
    new = lines_of(installation)[1]
    assert lines_of(installation) == [old, new]
    assert installation.json("key", "master", "reseal") == {"resealed": 3}
    assert lines_of(installation) == [new, f"former:{old}"]
    assert "Sealed anew: 0 values" in installation.succeed("key", "master", "reseal")
    assert installation.json("key", "master", "forget", "--yes") == {"forgotten": 1}
    assert lines_of(installation) == [new]
    assert len(installation.json("key", "list")["keys"]) == 2


def test_without_a_yes_nothing_is_forgotten(lived_in: LivedIn):
    lived_in.installation.succeed("key", "master", "add")
    said = lived_in.installation.refused("key", "master", "forget", "--json")
    assert "Nothing was done: where nobody can be asked, give --yes" in said
    assert len(lines_of(lived_in.installation)) == 2


def test_no_key_is_ever_shown(lived_in: LivedIn):
    installation = lived_in.installation
    shown = installation.succeed("key", "master", "add")
    shown += installation.succeed("key", "master", "reseal")
    keys = [line.removeprefix("former:") for line in lines_of(installation)]
    assert not any(key in shown for key in keys)


def test_a_database_from_before_needs_the_key_that_went(lived_in: LivedIn, tmp_path: Path):
    """Why `forget` asks."""
    installation = lived_in.installation
    before = (installation.data / "counterfoil.db").read_bytes()
    for step in (["add"], ["reseal"], ["forget", "--yes"]):
        installation.succeed("key", "master", *step)
    for name in ("counterfoil.db-wal", "counterfoil.db-shm"):
        (installation.data / name).unlink(missing_ok=True)
    (installation.data / "counterfoil.db").write_bytes(before)
    assert "another master key" in installation.refused("key", "list")
