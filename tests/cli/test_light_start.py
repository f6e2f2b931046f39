"""What a server has loaded by the time that it is ready: all that is needed seldom comes later."""

import http.client
import os
import re
import subprocess
from importlib.util import find_spec

import pytest

from tests.cli.test_serve import SCRIPT

LATER = {
    "aiosmtplib": "the first message",
    "asyncpg": "the first server on PostgreSQL",
    "babel": "the first page in another language",
    "cbor2": "the first passkey",
    "httpx2": "the first request to another server",
    "idna": "the first address that is not ASCII",
    "jinja2": "the first page",
    "joserfc": "the first private JWK",
    "maxminddb": "the first file of places",
    "nats": "the first carrier",
    "rich": "the first person at a terminal",
    "rich_click": "the first person at a terminal",
    "segno": "the first QR code",
    "webauthn": "the first passkey",
    "zxcvbn": "the first password that somebody chooses",
}
"""Each library, and what it waits for."""
ALWAYS = {
    "anyio",
    "apsw",
    "argon2",
    "click",
    "cryptography",
    "httptools",
    "msgspec",
    "starlette",
    "uvicorn",
    "uvloop",
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every module that a server on a fresh directory has imported, ready, asked once and ended."""
    place = tmp_path_factory.mktemp("light")
    told = place / "imported"
    command = [str(SCRIPT), "serve", "--data", str(place / "data"), "--port", "0"]
    surroundings = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1", "PYTHONUNBUFFERED": "1"}
    with (
        told.open("w") as telling,
        subprocess.Popen(
            command, text=True, env=surroundings, stdout=subprocess.PIPE, stderr=telling
        ) as process,
    ):
        assert process.stdout is not None
        said = process.stdout.readline()
        port = re.search(r"port (\d+)", said)
        assert port, said
        connection = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=60)
        connection.request("GET", "/health/ready")
        assert connection.getresponse().status == 200
        connection.close()
        process.terminate()
        process.communicate(timeout=60)
    lines = told.read_text().splitlines()
    assert process.returncode == 0, lines[-1]
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


def test_a_server_that_is_ready_has_loaded_what_every_request_needs_and_nothing_else(
    loaded: set[str],
):
    roots = {name.partition(".")[0] for name in loaded}
    assert roots >= ALWAYS, "this test does not see what is imported"
    assert {name: LATER[name] for name in roots & set(LATER)} == {}


@pytest.mark.parametrize(
    "module",
    [
        "counterfoil.server.endpoints.api.description",
        "counterfoil.server.storage.postgres",
        "cryptography.x509",
    ],
)
def test_a_server_that_is_ready_has_not_made_what_is_seldom_asked_for(
    loaded: set[str], module: str
):
    """The description of the admin API, the other engine, and certificates."""
    assert module not in loaded
    assert find_spec(module), "there is no such module"
