"""What servers do with processes, prefixes and sockets, and what of it the guard must see."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from counterfoil.oauth.revocations import Ended
from tests.frameworks.apps import fastapi_app
from tests.frameworks.apps.guards import guard_for
from tests.frameworks.served import Api, Framework
from tests.frameworks.serving import (
    client,
    gunicorn,
    under_gunicorn,
    under_uvicorn,
    wait_until_heard,
)
from tests.guard.issuer import TinyIssuer
from tests.proofs import Holder

PLAIN = "tests.frameworks.apps.plain:from_environment()"
FORKED = "tests.frameworks.apps.forked:from_environment()"
WORKERS = 2


@pytest.fixture(scope="module")
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer


def asked(url: str, token: str, **headers: str) -> httpx2.Response:
    with client(url) as http:
        return http.get("/notes", headers={"authorization": f"Bearer {token}", **headers})


def test_a_guard_that_ran_before_the_fork_runs_in_every_worker(issuer: TinyIssuer):
    """Gunicorn with ``--preload``: each worker has a thread of its own, and hears of endings."""
    token = issuer.token(fam="forked")
    options = ("--preload", "--workers", str(WORKERS))
    with under_gunicorn(FORKED, *options, TEST_ISSUER=issuer.url) as url:
        workers: set[str] = set()
        while len(workers) < WORKERS:
            answer = asked(url, token)
            if answer.status_code != 503:
                workers.add(answer.text)
        receipt = str(issuer.end(Ended.FAMILY, "forked"))
        with_receipt = {"counterfoil-at-least": receipt}
        reasons = [asked(url, token, **with_receipt).json()["error_reason"] for _ in range(60)]
        assert set(reasons) <= {"revoked", "stale"}
        while "stale" in reasons[-20:]:
            reasons.append(asked(url, token, **with_receipt).json()["error_reason"])
        assert {asked(url, token).status_code for _ in range(20)} == {401}


def test_a_proof_is_for_the_whole_url_below_a_prefix(issuer: TinyIssuer):
    """SCRIPT_NAME and root_path: what the client has written is what it has signed."""
    holder, prefix = Holder(), "/api/v%31"
    token = issuer.token(cnf={"jkt": holder.thumbprint})

    def nonce_then_pass(url: str, path: str, whole: str) -> httpx2.Response:
        with client(url) as http:
            with client(url + path.removesuffix("/notes").removesuffix("/%6eotes")) as below:
                wait_until_heard(below, issuer.token())
            api = Api("prefixed", Framework(lambda _: None), issuer, http)
            htu = url + whole
            first = api.ask_with_proof(path, holder, token, htu=htu)
            assert first.json()["error_reason"] == "nonce_needed"
            nonce = first.headers["dpop-nonce"]
            wrong = api.ask_with_proof(path, holder, token, nonce=nonce, htu=f"{url}/notes")
            assert wrong.json()["error_reason"] == "proof_mismatch"
            return api.ask_with_proof(path, holder, token, nonce=nonce, htu=htu)

    with under_gunicorn(PLAIN, TEST_ISSUER=issuer.url, SCRIPT_NAME="/api") as url:
        assert nonce_then_pass(url, "/api/%6eotes", "/api/%6Eotes").json() == {"subject": "u1"}
    with under_uvicorn(fastapi_app.build(guard_for(issuer.url)), root_path=prefix) as url:
        assert nonce_then_pass(url, "/notes", "/api/v1/notes").json() == {"subject": "u1"}


def test_a_proxy_behind_a_unix_socket_must_say_https(issuer: TinyIssuer, tmp_path: Path):
    """There the peer has no address: Gunicorn believes its proxy, and the guard Gunicorn."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        transport = httpx2.HTTPTransport(uds=path)
        headers = {"authorization": f"Bearer {issuer.token()}"}
        with (
            gunicorn(listener, PLAIN, TEST_ISSUER=issuer.url),
            httpx2.Client(transport=transport, base_url="http://api.example", timeout=20) as http,
        ):
            headers["x-forwarded-proto"] = "https"
            while http.get("/notes", headers=headers).status_code == 503:
                pass  # it has not heard from the issuer yet
            del headers["x-forwarded-proto"]
            plain = http.get("/notes", headers=headers)
            assert plain.json()["error_reason"] == "insecure_transport"
            secure = http.get("/notes", headers=headers | {"x-forwarded-proto": "https"})
            assert secure.json() == {"subject": "u1"}
