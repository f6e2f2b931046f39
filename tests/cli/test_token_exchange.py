"""``counterfoil token exchange`` and ``token ticket``, by the sign-in of an automation."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.guard import Guard, Options, Tickets
from counterfoil.guard.gate import Gate
from counterfoil.jose.jwt import unverified_claims
from counterfoil.jose.keys import PrivateKey
from tests.cli.guarded import Terminal, terminal
from tests.client_keys import jwks_of
from tests.guard.desk import request
from tests.interop.serving import NOTES, Serving, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as it:
        yield it


@pytest.fixture
def me(server: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Signed in as an automation that proves itself by a key."""
    private = PrivateKey.generate("ES256")
    (tmp_path / "jwks.json").write_text(jwks_of(private))
    (tmp_path / "key.pem").write_bytes(private.to_pem())
    grants = ("--grant-type", "client_credentials", "--grant-type", "token-exchange")
    scope = ("--scope", "notes:read notes:write")
    server.register(tmp_path.name, *grants, *scope, "--jwks", str(tmp_path / "jwks.json"))
    with terminal(server, tmp_path / "home", monkeypatch) as it:
        client = ("--client-id", tmp_path.name, "--client-key", str(tmp_path / "key.pem"))
        it.succeed("login", server.issuer, *client, "--service")
        yield it


def test_a_token_for_an_automation_is_printed_and_nothing_else(me: Terminal):
    """S12."""
    printed = me.succeed("token", "exchange", "--scope", "notes:read", "--lifetime", "60")
    claims = unverified_claims(printed.strip())
    assert claims["scope"] == "notes:read"
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 60
    assert "invalid_scope" in me.refused("token", "exchange", "--scope", "openid")


def test_a_link_is_printed_that_opens_one_url(me: Terminal, server: Serving):
    """S73."""
    link = me.succeed("token", "ticket", f"{NOTES}/files/7", "--once").strip()
    assert link.startswith(f"{NOTES}/files/7?ticket=")
    options = Options(tickets=Tickets(by_issuer=True))
    with Guard(server.issuer, audience=NOTES, options=options) as guard:
        assert guard.wait_until_fresh(10)
        token = Gate(guard).admit_blocking(request(link.removeprefix(NOTES)))
    assert token.scopes == {"notes:read", "notes:write"}
