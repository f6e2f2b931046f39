"""A server of the tests' own, with a client that makes tokens."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from notes import AUDIENCE, notes_api

COUNTERFOIL = str(Path(sys.executable).with_name("counterfoil"))
ADA = {"format": "email", "email": "ada@example.com"}


class Issuer:
    """What its commands do takes effect at once."""

    def __init__(self, data: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        (data / "counterfoil.toml").write_text(f"port = {port}\n")
        self.url = f"http://127.0.0.1:{port}"
        self.data = data

    def run(self, *command: str, given: str = "") -> str:
        whole = [COUNTERFOIL, *command, "--data", str(self.data)]
        done = subprocess.run(whole, input=given, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def token(self, scope: str, **further: object) -> str:
        description = {"audience": AUDIENCE, "scope": scope, **further}
        mint = ("token", "mint", "--client", "tests", "--json", "-")
        said: dict[str, str] = json.loads(self.run(*mint, given=json.dumps(description)))
        return said["access_token"]

    def end(self, token: str) -> None:
        self.run("token", "end", "-", "--yes", "--wait", given=token)


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    issuer = Issuer(tmp_path_factory.mktemp("counterfoil"))
    scopes = ("--scope", "notes:read=Read", "--scope", "notes:write=Write")
    issuer.run("api", "add", AUDIENCE, "--name", "Notes", *scopes)
    may = ("--scope", "mint", "--scope", "notes:read", "--scope", "notes:write")
    issuer.run("client", "add", "Tests", "--client-id", "tests", *may)
    issuer.run("user", "add", ADA["email"])
    until = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    right = ("--any-user", "--api", AUDIENCE, "notes:read notes:write", "--until", until)
    issuer.run("client", "mint-right", "give", "tests", *right)
    serve = [COUNTERFOIL, "serve", "--data", str(issuer.data)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        server.stdout.readline()  # it says where it serves
        yield issuer
        server.terminate()


@pytest.fixture(scope="session")
def api(issuer: Issuer) -> Iterator[TestClient]:
    # A bearer token is refused over plain http from an address that is not this machine's.
    with TestClient(notes_api(issuer.url), base_url=AUDIENCE) as client:
        yield client
