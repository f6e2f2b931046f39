"""Proving the log whole, exporting it, erasing from it, by the command line (S111)."""

import json
from pathlib import Path

import apsw
import pytest

from counterfoil.oauth.feed import HEAD_TYPE, Head
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.signing_key import Purpose
from tests.cli.conftest import EMAIL, Installation, LivedIn


def signed_head(run: Installation) -> str:
    """What a guard would have kept a moment ago."""

    async def action(authority: Authority) -> str:
        last = await authority.store.read(lambda tx: tx.events.last())
        head = Head(authority.issuer, "e", 1, "d", 1_800_000_000, last.number, last.digest)
        return authority.keyring.signer(Purpose.FEED, HEAD_TYPE, 2_000_000_000).sign(head)

    return run.with_authority(action)


def tamper(run: Installation, sql: str) -> None:
    engine = apsw.Connection(str(run.data / "counterfoil.db"))
    for (name,) in engine.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
    ).fetchall():
        engine.execute(f"DROP TRIGGER {name}")
    engine.execute(sql)
    engine.close()


def test_a_whole_log_is_sound_with_and_without_a_head(lived_in: LivedIn, tmp_path: Path):
    """S111: a head as it is, and in a file that a guard keeps."""
    run = lived_in.installation
    alone = run.succeed("audit", "verify")
    assert "only a signed head can show: --against" in alone
    head = signed_head(run)
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps({"feed": {"head": head}}))
    for given in (head, str(kept)):
        assert "passes through every head" in run.succeed("audit", "verify", "--against", given)
    document = run.json("audit", "verify", "--against", head, "--against", str(kept))
    assert (document["sound"], document["faults"], document["heads"]) == (True, [], 1)
    assert document["lines"] == document["number"] == len(run.events())


def test_a_changed_and_a_missing_line_are_named(lived_in: LivedIn):
    """S111: exit code 1."""
    run = lived_in.installation
    tamper(run, "UPDATE events SET proof = 'session:x' WHERE number = 2")
    tamper(run, "DELETE FROM events WHERE number = 4")
    result = run.run("audit", "verify")
    assert result.exit_code == 1
    assert "Line 2 was changed" in result.stdout
    assert "Line 4 is missing." in result.stdout
    assert "The log is NOT whole: 2 faults." in result.stdout
    as_json = run.run("audit", "verify", "--json")
    assert as_json.exit_code == 1
    assert [fault["first"] for fault in json.loads(as_json.stdout)["faults"]] == [2, 4]


def test_a_cut_tail_is_named_by_a_head(lived_in: LivedIn):
    """S111: nothing else can know."""
    run = lived_in.installation
    head, last = signed_head(run), len(run.events())
    tamper(run, f"DELETE FROM events WHERE number >= {last}")
    run.succeed("audit", "verify")
    result = run.run("audit", "verify", "--against", head)
    assert result.exit_code == 1
    assert f"Line {last} is missing at the end: The signed head of 2027" in result.stdout


def test_a_head_that_is_not_ours_is_refused(lived_in: LivedIn, tmp_path: Path):
    run = lived_in.installation
    other = Installation(tmp_path / "other")
    other.succeed("client", "add", "Service")
    foreign = signed_head(other)
    assert "no feed key of ours signed" in run.refused("audit", "verify", "--against", foreign)
    assert foreign not in run.refused("audit", "verify", "--against", foreign)
    assert "holds no signed head" in run.refused("audit", "verify", "--against", "nowhere")
    assert "there is no directory" in run.refused("audit", "verify", "--files", "nowhere")


def test_segments_are_exported_and_verified(lived_in: LivedIn, tmp_path: Path):
    """S111: by hand, to any directory."""
    run = lived_in.installation
    to = tmp_path / "out"
    assert "--close closes the open one" in run.succeed("audit", "export", "--to", str(to))
    (path,) = run.json("audit", "export", "--to", str(to), "--close")["files"]
    assert len(Path(path).read_text().splitlines()) == 1 + len(run.events())
    document = run.json("audit", "verify", "--files", str(to))
    assert (document["sound"], document["files"]) == (True, 1)
    text = Path(path).read_text()
    Path(path).write_text(text.replace('"proof":"cli"', '"proof":"kli"', 1))
    result = run.run("audit", "verify", "--files", str(to))
    assert (result.exit_code, "was changed" in result.stdout) == (1, True)


def test_a_person_is_erased_from_the_database_and_from_files(lived_in: LivedIn, tmp_path: Path):
    """S111: the chain holds, with the head that knew the log before."""
    run = lived_in.installation
    to = tmp_path / "out"
    head = signed_head(run)
    (path,) = run.json("audit", "export", "--to", str(to), "--close")["files"]
    assert lived_in.user_id in Path(path).read_text()
    document = run.json("audit", "erase", "--user", lived_in.user_id, "--files", str(to))
    assert document == {"parts": 4, "files": {path: 3}}, "added, invited, joined by their own act"
    assert lived_in.user_id not in Path(path).read_text()
    assert lived_in.user_id not in run.succeed("event", "list", "--json")
    proof = run.json("audit", "verify", "--against", head, "--files", str(to))
    assert (proof["sound"], proof["erased_parts"]) == (True, 4)
    assert "Erased: 0 parts" in run.succeed("audit", "erase", "--user", lived_in.user_id)
    assert "is no id" in run.refused("audit", "erase", "--user", EMAIL), "it would find nothing"


def test_erasing_reaches_the_directory_that_is_exported_to_unattended(
    lived_in: LivedIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = lived_in.installation
    to = tmp_path / "unattended"
    monkeypatch.setenv("COUNTERFOIL_AUDIT_EXPORT_DIR", str(to))
    run.succeed("audit", "erase", "--user", "nobody")
    run.succeed("audit", "export", "--to", str(to), "--close")
    told = run.succeed("audit", "erase", "--user", lived_in.user_id)
    assert "Erased in 3 lines of" in told
