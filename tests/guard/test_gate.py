"""What every adapter does with a request; the adapters' own tests show it under real servers."""

import asyncio
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.guard import Credentials, Guard, Issuer, Options, Rejected, Tickets, Token
from counterfoil.guard.demands import MaxAge, demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import Desk
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
    """S29, S118."""
    request = asking(issuer.token())
    assert gate.admit_blocking(request, demands_of("notes:read", MaxAge(60)))
    with pytest.raises(Rejected) as refused:
        gate.admit_blocking(request, demands_of("notes:admin"))
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


PIECES = st.sampled_from(
    [b"Bearer a.b.c", b"DPoP x", b"Basic eDp5", b"https", b"for=1.1.1.1;proto=https", b"e:1"]
)
NAMES = st.sampled_from(
    [
        b"authorization",
        b"dpop",
        b"forwarded",
        b"x-forwarded-proto",
        b"x-forwarded-for",
        b"host",
        b"counterfoil-at-least",
    ]
)


@given(
    st.lists(st.tuples(NAMES, PIECES | st.binary(max_size=60)), max_size=6),
    st.sampled_from(["", "127.0.0.1", "::1", "203.0.113.9", "unix", "999.1.1.1"]),
    st.sampled_from(["http", "https", "ws", "wss", "", "ftp"]),
    st.binary(max_size=40),
)
def test_whatever_comes_is_refused_with_a_reason(
    headers: list[tuple[bytes, bytes]], peer: str, scheme: str, query: bytes
):
    """Nothing in a request without a genuine token makes the gate do anything else."""
    gate = Gate(Desk().guard)
    gate.guard._follower._thread = threading.current_thread()  # the desk needs no thread
    request = Request("GET", scheme, peer, "/notes", query, headers)
    with pytest.raises(Rejected) as refused:
        gate.admit_blocking(request)
    refusal = gate.refusal(refused.value, request)
    assert refusal.status in {400, 401, 503}
    assert all(value.isascii() and value.isprintable() for value in refusal.headers.values())


KEY = b"k" * 32


@pytest.mark.parametrize("is_blocking", [False, True])
async def test_a_ticket_starts_the_guard_too_and_is_seen(issuer: TinyIssuer, *, is_blocking: bool):
    """Of two processes, one gives tickets and the other has served nobody yet (S73, S106)."""
    trusted = Issuer(issuer.url, credentials=Credentials("guard", "s"), reports=True)
    options = Options(tickets=Tickets(keys=(KEY,)))

    def gate_of_a_process() -> Gate:
        return Gate(Guard(issuers=[trusted], audience=AUDIENCE, options=options))

    def asked(path: str, token: str = "", query: str = "") -> Request:
        headers = [(b"host", b"notes.example")]
        headers += [(b"authorization", f"Bearer {token}".encode())] if token else []
        return Request("GET", "https", "192.0.2.7", path, query.encode(), headers)

    async def admit(gate: Gate, request: Request) -> Token:
        if is_blocking:
            return await asyncio.to_thread(gate.admit_blocking, request)
        return await gate.admit(request)

    giver, taker = gate_of_a_process(), gate_of_a_process()
    token = await admit(giver, asked("/tickets", issuer.token()))
    reply = giver.ticket(asked("/tickets"), token, b'{"url":"/files/7"}')
    query = json.loads(reply.body)["url"].partition("?")[2]
    assert not taker.guard.is_started
    assert (await admit(taker, asked("/files/7", query=query))).by_ticket
    assert taker.guard.is_started
    for gate in (giver, taker):
        await asyncio.to_thread(gate.guard.stop)
        report = json.loads(issuer.reports.pop())
        assert [each["place"] for each in report["sightings"]] == ["192.0.2.7"]
