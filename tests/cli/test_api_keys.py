"""Keys that tokens are encrypted to, by the command line (S68)."""

import json
import stat
from pathlib import Path

import pytest

from counterfoil.guard import Encryption
from counterfoil.jose.encryption_keys import PrivateEncryptionKey, SharedSecret
from tests.cli.conftest import API, Installation


@pytest.fixture
def place(installation: Installation) -> Installation:
    installation.succeed("api", "add", API, "--scope", "notes:read=Read")
    return installation


def states(place: Installation) -> list[str]:
    return [key["state"] for key in place.json("api", "key", "list", API)["encryption_keys"]]


@pytest.mark.parametrize("curve", ["P-256", "X25519"])
def test_a_pair_is_written_to_a_file_for_nobody_else(
    place: Installation, tmp_path: Path, curve: str
):
    """S68: the server keeps the public half alone."""
    out = tmp_path / "key.json"
    said = place.succeed("api", "key", "add", API, "--curve", curve, "--out", str(out))
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    private = json.loads(out.read_bytes())
    assert private["crv"] == curve
    assert private["d"] not in said
    assert len(Encryption.from_file(out).keys) == 1
    database = (place.data / "counterfoil.db").read_bytes()
    wal = place.data / "counterfoil.db-wal"
    database += wal.read_bytes() if wal.exists() else b""
    assert private["x"].encode() in database
    assert private["d"].encode() not in database
    assert states(place) == ["next"]


def test_without_a_file_it_is_shown_this_once(place: Installation):
    lines = place.succeed("api", "key", "add", API).splitlines()
    pair = PrivateEncryptionKey.from_jwk(json.loads(lines[-1]))
    assert pair.kid in lines[0]
    assert pair.as_jwk()["d"] not in place.succeed("api", "key", "list", API)
    added = place.json("api", "key", "add", API)
    assert PrivateEncryptionKey.from_jwk(added["secret"]).kid == added["kid"]


def test_a_file_that_is_there_is_left_alone(place: Installation, tmp_path: Path):
    out = tmp_path / "key.json"
    out.write_text("mine")
    assert "File exists" in place.refused("api", "key", "add", API, "--out", str(out))
    assert out.read_text() == "mine"
    assert states(place) == [], "nothing was added that nobody could use"


def test_no_file_is_left_where_nothing_was_added(place: Installation, tmp_path: Path):
    out = tmp_path / "key.json"
    place.refused("api", "key", "add", "https://none.example", "--out", str(out))
    assert not out.exists()


def test_a_secret_is_shared(place: Installation):
    added = place.json("api", "key", "add", API, "--shared")
    assert SharedSecret.from_jwk(added["secret"]).kid == added["kid"]
    assert added["alg"] == "dir"
    assert place.json("api", "list")["apis"][-1]["encryption_keys"][0]["kid"] == added["kid"]
    assert added["secret"]["k"] not in place.succeed("api", "list", "--json")


def test_a_public_key_that_is_there_is_taken(place: Installation, tmp_path: Path):
    pair, path = PrivateEncryptionKey.generate(), tmp_path / "public.json"
    path.write_text(json.dumps(pair.public.as_jwk()))
    added = place.json("api", "key", "add", API, "--jwk", str(path))
    assert (added["kid"], added["secret"]) == (pair.kid, None)
    path.write_text(json.dumps(pair.as_jwk()))
    assert "private" in place.refused("api", "key", "add", API, "--jwk", str(path))
    for option in (["--shared"], ["--out", str(tmp_path / "x")]):
        assert place.run("api", "key", "add", API, "--jwk", str(path), *option).exit_code == 2


def test_keys_take_turns_and_one_is_withdrawn(place: Installation):
    """S68."""
    first = place.json("api", "key", "add", API)["kid"]
    assert "add one" not in place.refused("api", "key", "activate", API, "nothing")
    assert "activate it" in place.refused("api", "update", API, "--policy", "encryption=true")
    place.succeed("api", "key", "activate", API, first)
    asks = place.json(
        "api", "update", API, "--policy", "encryption=true", "--policy", "claims=name"
    )
    assert (asks["policy"]["encryption"], asks["policy"]["claims"]) == (True, "name")
    assert "activate another" in place.refused("api", "key", "retire", API, first)
    second = place.json("api", "key", "add", API, "--shared")["kid"]
    place.succeed("api", "key", "activate", API, second)
    assert states(place) == ["retired", "active"]
    asked = place.run("api", "key", "withdraw", API, second, stdin="n\n")
    assert asked.exit_code != 0
    ended = place.json("api", "key", "withdraw", API, second, "--yes")
    assert ended["notice"]
    assert states(place) == ["retired"]
    assert "Until another is active" in place.succeed("api", "key", "withdraw", API, first, "--yes")
    assert "no keys" in place.succeed("api", "key", "list", API)


def test_the_active_one_retires_where_no_encryption_is_asked_for(place: Installation):
    kid = place.json("api", "key", "add", API)["kid"]
    place.succeed("api", "key", "activate", API, kid)
    place.succeed("api", "key", "retire", API, kid)
    assert states(place) == ["retired"]


def test_an_api_that_is_not_there_has_no_keys(place: Installation):
    assert "there is no API" in place.refused("api", "key", "list", "https://none.example")
    assert "there is no API" in place.refused("api", "key", "add", "https://none.example")


def test_readable_tokens_tell_nothing_of_a_person(place: Installation):
    """S69: the command line says what to do."""
    said = place.refused("api", "update", API, "--policy", "claims=email")
    assert "encryption=true" in said
    assert "claims" in place.refused("api", "update", API, "--policy", "claims=ssn")
