"""Signing in from the command line, and the fresh token that it then prints."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from counterfoil.cli.output import Failure
from counterfoil.cli.profiles import Profile, Profiles
from counterfoil.guard import Rejected
from counterfoil.jose import jwt
from tests.architecture.sources import ROOT
from tests.cli.guarded import Api, Terminal, api_of, registered, terminal
from tests.interop.serving import EMAIL, NOTES, Serving, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as it:
        yield it


@pytest.fixture(scope="module")
def api(server: Serving) -> Iterator[Api]:
    with api_of(server) as it:
        registered(server)
        yield it


@pytest.fixture
def me(
    server: Serving, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    assert api
    with terminal(server, tmp_path, monkeypatch) as it:
        yield it


def refused_at_last(api: Api, token: str) -> bool:
    """Wait until the guard has heard of it."""
    while True:
        try:
            api.guard.check(token)
        except Rejected:
            return True


def test_after_one_sign_in_a_fresh_token_is_printed_and_nothing_else(me: Terminal, api: Api):
    """S116, S79: for `curl -H "Authorization: Bearer $(counterfoil token)"`."""
    said = me.login()
    assert "Signed in at" in said
    printed = me.succeed("token")
    assert printed.count("\n") == 1
    assert api.guard.check(printed.strip()).subject
    assert me.succeed("token") == printed
    for path in me.state.rglob("*"):
        if path.is_file():
            assert printed.strip().encode() not in path.read_bytes()
            assert path.stat().st_mode & 0o077 == 0


def test_a_token_for_one_use_is_printed_and_the_other_stays(me: Terminal):
    """S54: asked for on the command line; it is ended and explained as any."""
    me.login()
    before = me.succeed("token")
    one_use = me.succeed("token", "--max-uses", "1", "--lifetime", "60").strip()
    assert jwt.unverified_claims(one_use)["max_uses"] == 1
    assert me.succeed("token") == before
    explained = me.server.counterfoil("explain", "-", "--json", given=one_use)
    assert "1 are left" in explained
    assert "from 1 to" in me.refused("token", "--max-uses", "many")


def test_who_signed_in_is_said(me: Terminal):
    assert EMAIL in me.login(scope="openid email")


def test_signing_out_ends_it_here_and_at_the_server(me: Terminal, api: Api):
    """RFC 7009; and at every guard."""
    me.login()
    printed = me.succeed("token").strip()
    assert me.succeed("logout") == "Signed out.\n"
    assert "nobody is signed in" in me.refused("token")
    assert "nobody is signed in" in me.refused("logout")
    assert refused_at_last(api, printed)


def test_signing_in_anew_gives_the_earlier_tokens_back(me: Terminal, api: Api):
    """What nobody holds, nobody can lose."""
    me.login()
    before = me.succeed("token").strip()
    me.login()
    assert me.succeed("token").strip() != before
    assert refused_at_last(api, before)


def test_profiles_stand_beside_each_other(me: Terminal):
    me.login()
    me.login("--profile", "work", "--resource", NOTES, scope="openid notes:read")
    work = jwt.unverified_claims(me.succeed("token", "--profile", "work").strip())
    assert (work["aud"], work["scope"]) == (NOTES, "notes:read openid")
    me.succeed("logout", "--profile", "work")
    assert me.succeed("token")
    assert "--profile work" in me.refused("token", "--profile", "work")


def test_the_token_group_keeps_its_commands(me: Terminal):
    """`counterfoil token` alone prints; with a command it does what it did."""
    me.login()
    printed = me.succeed("token").strip()
    inspected = me.server.counterfoil("token", "inspect", "-", "--json", given=printed)
    assert json.loads(inspected)["claims"] == jwt.unverified_claims(printed)


def test_a_cache_that_was_tampered_with_is_said(me: Terminal):
    me.login()
    for path in (me.state / "tokens").iterdir():
        if len(path.name) == 64:
            path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert "Remove it and sign in again" in me.refused("token")


def test_profiles_that_cannot_be_read_are_said(me: Terminal):
    me.login()
    (me.state / "profiles").write_bytes(b"nonsense")
    assert "sign in again" in me.refused("token")


def test_nothing_of_a_profile_is_secret(me: Terminal):
    me.login()
    printed = me.succeed("token").strip()
    profiles = (me.state / "profiles").read_text()
    assert set(json.loads(profiles)) == {"default"}
    assert printed.split(".")[2] not in profiles
    assert "refresh" not in profiles


def test_a_service_signs_in_with_its_key(me: Terminal, tmp_path: Path):
    """A mistake is said before anything is asked; RFC 7523 itself is tried with the server."""
    refused = me.run("login", me.server.issuer, "--client-id", "robot", "--service")
    assert (refused.exit_code, "--service needs --client-key" in refused.stderr) == (2, True)
    (tmp_path / "key.pem").write_text("nonsense")
    key = ("--client-key", str(tmp_path / "key.pem"), "--service")
    assert "no private key" in me.refused("login", me.server.issuer, "--client-id", "robot", *key)


def test_an_issuer_that_is_none_is_said(me: Terminal):
    assert "https://" in me.refused("login", "http://id.example", "--client-id", "cli")
    assert "127.0.0.1:9" in me.refused("login", "http://127.0.0.1:9", "--client-id", "cli")


def test_a_person_who_says_no_is_told(me: Terminal, monkeypatch: pytest.MonkeyPatch):
    refused = me.refused("login", me.server.issuer, "--client-id", "cli", "--scope", "nonsense")
    assert "invalid_scope" in refused


WALLED = """
import sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        server = name.startswith("counterfoil.server")
        if server or name.partition(".")[0] in {"apsw", "argon2", "jinja2", "starlette", "uvicorn"}:
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Wall())
from counterfoil.cli import main
main()
"""


@pytest.mark.parametrize(
    "arguments", [("token",), ("logout",), ("call", "http://127.0.0.1:9/"), ("login", "--help")]
)
def test_nothing_of_the_server_is_needed(tmp_path: Path, arguments: tuple[str, ...]):
    """pip install 'counterfoil[cli]' is enough."""
    answer = subprocess.run(
        [sys.executable, "-c", WALLED, *arguments],
        cwd=ROOT,
        env={"XDG_STATE_HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "server" not in answer.stderr, answer.stderr
    assert answer.returncode == (0 if "--help" in arguments else 1), answer.stderr
    assert "Traceback" not in answer.stderr


def test_commands_at_once_keep_both_their_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    start = threading.Barrier(8)

    def keep(number: int) -> None:
        start.wait()
        Profiles().keep(str(number), Profile(issuer="https://id.example", client_id="cli"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(keep, range(8)))
    assert set(Profiles().every()) == set("01234567")


def test_a_place_that_cannot_be_written_is_said_before_anybody_signs_in(
    me: Terminal, tmp_path: Path
):
    """Else there were tokens that nobody has and nobody gives back."""
    (tmp_path / "counterfoil").write_text("in the way")
    assert "counterfoil" in me.refused("login", me.server.issuer, "--client-id", "cli")
    assert me.visits == []


def test_whoever_has_no_home_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """And a path that is not absolute is none (XDG Base Directory)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(Failure, match="HOME"):
        Profiles()
    assert not list(tmp_path.iterdir())


def nobody(_: int) -> object:
    raise KeyError


def test_where_it_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """XDG Base Directory."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Profiles().every() == {}
    assert (tmp_path / ".local/state/counterfoil").stat().st_mode & 0o777 == 0o700
