"""Another issuer in a command than at the server: the links that it makes lead nowhere."""

import pytest

from tests.cli.conftest import EMAIL, Installation
from tests.cli.test_serve import serving


def test_it_is_said_and_the_command_goes_on(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    with serving(installation) as server:
        issuer = f"http://127.0.0.1:{server.port}"
    added = installation.run("user", "add", EMAIL)
    assert added.exit_code == 0
    assert added.stderr.startswith(
        f"Warning: the server's issuer is {issuer}, and this command took http://127.0.0.1:8000; "
        "set issuer in counterfoil.toml or COUNTERFOIL_ISSUER, for both.\n"
    )
    monkeypatch.setenv("COUNTERFOIL_ISSUER", issuer)
    invited = installation.run("user", "invite", EMAIL)
    assert "Warning" not in invited.stderr
    assert invited.stdout.startswith(f"{issuer}/welcome?")
