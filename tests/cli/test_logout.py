"""Signing out where the server is away: said, and forgotten all the same."""

from pathlib import Path

import pytest

from counterfoil.cli.profiles import Profile, Profiles
from counterfoil.client import FileCache
from counterfoil.client import holder as holder_module
from counterfoil.client.tokens import Tokens
from tests.cli.guarded import Terminal
from tests.interop.serving import Serving

AWAY = Profile(issuer="http://127.0.0.1:9", client_id="cli")


def test_it_is_forgotten_here_though_the_server_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """And the person is told that the tokens live on there."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    profiles = Profiles()
    profiles.keep("default", AWAY)
    with profiles.client(AWAY) as client:
        holder = profiles.holder(client, "default", AWAY)
        holder.take(Tokens(access_token="a", refresh_token="r"))
    me = Terminal(Serving(tmp_path), tmp_path)
    assert me.succeed("token") == "a\n"
    refused = me.refused("logout")
    assert "forgotten here, but not ended at the server" in refused
    assert "nobody is signed in" in me.refused("token")


def test_what_could_not_be_forgotten_is_not_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Another process holds the lock: everything stays, and can be tried again."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(holder_module, "PATIENCE", 0.01)
    profiles = Profiles()
    profiles.keep("default", AWAY)
    with profiles.client(AWAY) as client:
        holder = profiles.holder(client, "default", AWAY)
        holder.take(Tokens(access_token="a", refresh_token="r"))
    unlock = FileCache(tmp_path / "counterfoil" / "tokens").try_lock(holder.entry)
    assert unlock is not None
    me = Terminal(Serving(tmp_path), tmp_path)
    assert "forgotten" not in me.refused("logout")
    unlock()
    assert me.succeed("token") == "a\n"
