"""What every adapter does with a request; the adapters' own tests show it under real servers."""

import threading

import pytest

from counterfoil.guard import Credentials, Guard, Issuer, Rejected
from counterfoil.guard.demands import MaxAge, demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.oauth.reasons import Reason
from tests.guard.issuer import AUDIENCE, TinyIssuer

pytestmark = pytest.mark.anyio


def asking(token: str = "", *, query: bytes = b"") -> Request:
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    return Request("GET", "https", "192.0.2.7", "/notes", query, headers)


@pytest.fixture
def gate(issuer: TinyIssuer):
    guard = Guard(issuer.url, audience=AUDIENCE)
    yield Gate(guard)
    guard.stop()


async def test_both_ways_of_waiting_give_the_same(gate: Gate, issuer: TinyIssuer):
    request = asking(issuer.token())
    assert await gate.admit(request) is gate.admit_blocking(request)


def test_the_first_request_starts_the_guard(gate: Gate, issuer: TinyIssuer):
    """Whoever runs an app without a lifespan is not left unguarded, nor refused."""
    assert gate.admit_blocking(asking(issuer.token())).subject == "u1"
    assert gate.guard.is_started


def test_demands_are_made_of_the_token(gate: Gate, issuer: TinyIssuer):
    request = asking(issuer.token())
    assert gate.admit_blocking(request, demands_of(["notes:read", MaxAge(60)]))
    with pytest.raises(Rejected) as refused:
        gate.admit_blocking(request, demands_of(["notes:admin"]))
    refusal = gate.refusal(refused.value, request)
    assert (refusal.status, refusal.reason) == (403, Reason.INSUFFICIENT_SCOPE)
    assert 'scope="notes:admin"' in refusal.headers["www-authenticate"]


def test_threads_ask_the_issuer_and_wait(issuer: TinyIssuer):
    """What only the issuer can say is asked by the guard's own thread, once for all who wait."""
    trusted = Issuer(issuer.url, revocation="introspect", credentials=Credentials("api", "s"))
    guard = Guard(issuers=[trusted], audience=AUDIENCE)
    gate, said = Gate(guard), []
    with guard:
        assert guard.wait_until_fresh(10)
        request = asking(issuer.token())
        threads = [
            threading.Thread(target=lambda: said.append(gate.admit_blocking(request).subject))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert said == ["u1"] * 8


def test_a_guard_that_has_stopped_is_stale_and_not_stuck(issuer: TinyIssuer):
    trusted = Issuer(issuer.url, revocation="introspect", credentials=Credentials("api", "s"))
    guard = Guard(issuers=[trusted], audience=AUDIENCE)
    with guard:
        assert guard.wait_until_fresh(10)
    with pytest.raises(Rejected) as refused:
        guard.decide_blocking(issuer.token())
    assert refused.value.reason is Reason.STALE
