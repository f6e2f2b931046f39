"""An API behind the guard takes the tokens of a server that is not ours, by configuration alone."""

import json
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from counterfoil.guard import Credentials, Guard, Issuer, Rejected
from counterfoil.guard.demands import demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.oauth.reasons import Reason
from tests.interop.serving import NOTES, Serving
from tests.ports import free_port

pytestmark = pytest.mark.npm
HERE = Path(__file__).parent


SECRET = "{}-secret-of-some-length"


def token_of(
    issuer: str, secret: str, resource: str = NOTES, scope: str = "notes:read notes:write"
) -> str:
    """A token for the service itself, of either server: both speak RFC 6749 and RFC 8707."""
    asked = {"grant_type": "client_credentials", "scope": scope, "resource": resource}
    headers = {"authorization": f"Basic {b64encode(f'service:{secret}'.encode()).decode()}"}
    with httpx2.Client(trust_env=False) as client:
        answer = client.post(f"{issuer}/token", data=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(json.loads(answer.text)["access_token"])


@pytest.fixture(scope="module")
def theirs() -> Iterator[str]:
    port = free_port()
    with subprocess.Popen(
        ["node", HERE / "oidc_provider.mjs", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield f"http://127.0.0.1:{port}"
        process.kill()


def reason(gate: Gate, token: str, *scopes: str) -> Reason | None:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    request = Request("GET", "https", "203.0.113.9", "/notes", b"", headers)
    try:
        gate.admit_blocking(request, demands_of(*scopes))
    except Rejected as rejected:
        return rejected.reason
    return None


def test_their_tokens_are_taken_beside_ours(theirs: str, server: Serving):
    """S117: two issuers, each by its own keys; nothing but a line of configuration."""
    trusted = [Issuer(server.issuer), Issuer(theirs, revocation="none")]
    with Guard(issuers=trusted, audience=NOTES) as guard:
        assert guard.wait_until_fresh(20)
        gate = Gate(guard)
        here = token_of(server.issuer, server.secrets["service"])
        there = token_of(theirs, SECRET.format("service"))
        for token in (here, there):
            assert reason(gate, token, "notes:read") is None
            assert reason(gate, token, "notes:admin") is Reason.INSUFFICIENT_SCOPE
        elsewhere = token_of(theirs, SECRET.format("service"), "https://ledger.example")
        assert reason(gate, elsewhere) is Reason.WRONG_AUDIENCE
        mixed = f"{there.rpartition('.')[0]}.{here.rpartition('.')[2]}"
        assert reason(gate, mixed) is Reason.BAD_SIGNATURE


def test_an_issuer_that_says_no_is_heeded(theirs: str):
    """They keep nothing of a JWT, and call none active: asked of each, none passes (RFC 7662)."""
    credentials = Credentials("api", SECRET.format("api"))
    trusted = Issuer(theirs, revocation="introspect", credentials=credentials)
    with Guard(issuers=[trusted], audience=NOTES) as guard:
        assert guard.wait_until_fresh(20)
        token = token_of(theirs, SECRET.format("service"))
        assert reason(Gate(guard), token) is Reason.REVOKED
