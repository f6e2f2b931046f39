"""A disk that is full under a server that runs: honest answers, and on it goes with room."""

import base64
import resource
import signal
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cli.conftest import API, Installation
from tests.cli.test_serve import Serving, is_active, serving, token_of


@contextmanager
def no_file_grows(server: Serving) -> Iterator[None]:
    """Whatever it writes into a file fails, as on a disk without room."""
    pid = server.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def revoke(server: Serving, service: dict[str, str], token: str) -> int:
    basic = base64.b64encode(f"{service['client_id']}:{service['client_secret']}".encode())
    headers = {
        "authorization": f"Basic {basic.decode()}",
        "content-type": "application/x-www-form-urlencoded",
    }
    connection = server.connect()
    connection.request("POST", "/revoke", urllib.parse.urlencode({"token": token}), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_what_cannot_be_stored_is_refused_and_stored_when_there_is_room(
    installation: Installation,
):
    installation.succeed("api", "add", API, "--scope", "notes:read=Read")
    service = installation.json("client", "add", "Job", "--scope", "notes:read")
    with serving(installation) as server:
        token, other = token_of(server, service), token_of(server, service)
        with no_file_grows(server):
            for _ in range(3):
                assert revoke(server, service, token) == 503
                assert is_active(server, service, token), "it was refused, so it was not done"
            assert is_active(server, service, token_of(server, service)), "what only reads goes on"
        assert revoke(server, service, token) == 200
        assert not is_active(server, service, token)
        assert is_active(server, service, other)
        code, _, said = server.end(signal.SIGTERM)
    assert code == 0
    assert "Traceback" not in said
    installation.succeed("audit", "verify")
