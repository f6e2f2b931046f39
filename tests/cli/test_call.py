"""Calling an API from the command line: whose token goes where, and what a refusal says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.jose import jwt
from tests.cli.guarded import Api, Terminal, api_of, registered, terminal
from tests.client.listening import listening
from tests.interop.serving import NOTES, Serving, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as it:
        yield it


@pytest.fixture(scope="module")
def running(server: Serving) -> Iterator[Api]:
    with api_of(server) as it:
        registered(server)
        yield it


@pytest.fixture
def api(running: Api) -> Iterator[Api]:
    before = dict(running.said), running.metadata_at, running.names_itself
    running.asked.clear()
    yield running
    running.said, running.metadata_at, running.names_itself = before


@pytest.fixture
def me(
    server: Serving, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    assert api
    with terminal(server, tmp_path, monkeypatch) as it:
        yield it


def test_after_one_sign_in_an_api_is_just_called(me: Terminal, api: Api):
    """RFC 9728 §5.1: it says whose tokens it takes; the next call need not ask again."""
    me.login()
    assert json.loads(me.succeed("call", f"{api.url}/files"))["body"] == ""
    shown = ["authorization" in headers for _, _, headers, _ in api.asked]
    assert shown == [False, True]
    me.succeed("call", f"{api.url}/files/1")
    assert len(api.asked) == 3


def test_a_body_a_method_and_headers(me: Terminal, api: Api, tmp_path: Path):
    me.login("--resource", api.url)
    said = json.loads(me.succeed("call", f"{api.url}/files", "-d", '{"a": 1}'))
    assert said == {"body": '{"a": 1}', "type": "application/json"}
    (tmp_path / "body").write_text("x=1")
    form = "Content-Type: application/x-www-form-urlencoded"
    said = me.succeed("call", f"{api.url}/files", "-d", f"@{tmp_path / 'body'}", "-H", form)
    assert json.loads(said) == {"body": "x=1", "type": "application/x-www-form-urlencoded"}
    said = me.succeed("call", f"{api.url}/files", "-X", "post", "-d", "@-", stdin="piped")
    assert json.loads(said)["body"] == "piped"
    assert [method for method, *_ in api.asked] == ["POST"] * 3


def test_a_refusal_is_an_exit_code_and_its_reason(me: Terminal, api: Api):
    """The challenge's reason in the last line; the body on stdout all the same."""
    me.login("--resource", api.url)
    result = me.run("call", f"{api.url}/more")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"error": "insufficient_scope"}
    assert "answered 403: insufficient_scope" in result.stderr
    assert '--scope "files:write"' in result.stderr


def test_a_token_that_was_ended_is_replaced_and_the_call_made_again(
    me: Terminal, api: Api, server: Serving
):
    """401 with invalid_token: one refresh, one more call."""
    me.login("--resource", api.url)
    me.succeed("call", f"{api.url}/files")
    printed = me.succeed("token").strip()
    jti = str(jwt.unverified_claims(printed)["jti"])
    server.counterfoil("token", "end", "--jti", jti, "--yes")
    assert json.loads(me.succeed("call", f"{api.url}/files", "-d", "twice"))["body"] == "twice"
    assert me.succeed("token").strip() != printed
    assert [body for *_, body in api.asked[-2:]] == [b"twice"] * 2


def test_whoever_was_ended_is_told_to_sign_in_again(me: Terminal, api: Api, server: Serving):
    me.login("--resource", api.url)
    server.counterfoil("user", "end", "ada@example.com", "--yes")
    while me.run("call", f"{api.url}/files").exit_code == 0:
        pass
    assert "login" in me.refused("call", f"{api.url}/files")


def test_nobody_signed_in_is_told_how(me: Terminal, api: Api):
    said = me.refused("call", f"{api.url}/files")
    assert f"counterfoil login {me.server.issuer} --client-id ID --resource {api.url}" in said
    assert '--scope "openid files:read"' in said


def test_an_api_that_was_not_granted_is_told_how(me: Terminal, api: Api):
    me.login("--resource", NOTES, scope="openid notes:read")
    said = me.refused("call", f"{api.url}/files")
    assert f"--resource {api.url}" in said


def test_an_api_that_wants_nothing_is_called_without_a_token(me: Terminal):
    me.login()
    with listening() as other:
        assert me.run("call", f"{other.url}/x").exit_code == 1
        assert other.shown == [""]


def test_several_that_would_fit_are_named(me: Terminal, api: Api):
    for name in ("one", "two"):
        me.login("--profile", name)
    assert "--profile: one, two" in me.refused("call", f"{api.url}/files")
    assert me.succeed("call", f"{api.url}/files", "--profile", "two")


@pytest.mark.parametrize("header", ["Authorization: x", "DPoP: x", "Host: evil", "no colon", ": x"])
def test_a_header_that_is_not_theirs_is_refused(me: Terminal, api: Api, header: str):
    result = me.run("call", api.url, "-H", header)
    assert (result.exit_code, api.asked) == (2, [])


def test_plain_http_elsewhere_is_refused(me: Terminal):
    assert "https://" in me.refused("call", "http://api.example/x")
