"""What a ticket costs at an API: signed with a key that its guards share, and by the server.

As `Guard.check` is measured: what the guard does with it, without reading the request.
"""

import secrets
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from bench.http_session import HttpSession
from bench.seeding import AUDIENCE, SCOPE, Seeded, access_tokens
from counterfoil.guard import Guard, Options, Tickets
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.oauth.binding import UNBOUND
from counterfoil.oauth.delegation import ACCESS_TOKEN, GRANT_TYPE, TICKET

_BATCH: Final = 200
_HOST: Final = (b"host", b"notes.example")
_PEER: Final = "192.0.2.7"


def ticket_costs(seeded: Seeded, port: int, repeats: int) -> dict[str, float]:
    """Microseconds of a ticket: opened, compared with its request, and judged, each time anew."""
    (token,) = access_tokens(seeded, port, 1, SCOPE)
    tickets = Tickets(keys=(secrets.token_bytes(32),), by_issuer=True)
    issuer = f"http://127.0.0.1:{port}"
    with Guard(issuer, audience=AUDIENCE, options=Options(tickets=tickets)) as guard:
        if not guard.wait_until_fresh(10):
            sys.exit("!! bench: the guard heard nothing from the server")
        shared, signed = _of_the_guard(Gate(guard), token), _of_the_server(seeded, port, token)
        return {
            "guard_ticket_us": _cost(guard, shared, repeats),
            "guard_signed_ticket_us": _cost(guard, signed, repeats),
        }


def _of_the_guard(gate: Gate, token: str) -> str:
    headers = [_HOST, (b"authorization", f"Bearer {token}".encode())]
    asked = Request("POST", "https", _PEER, "/tickets", b"", headers)
    reply = gate.ticket(asked, gate.admit_blocking(asked), b'{"url": "/files/7"}')
    return str(msgspec.json.decode(reply.body)["ticket"])


def _of_the_server(seeded: Seeded, port: int, token: str) -> str:
    form = [
        ("grant_type", GRANT_TYPE),
        ("subject_token", token),
        ("subject_token_type", ACCESS_TOKEN),
        ("requested_token_type", TICKET),
        ("ticket_url", "https://notes.example/files/7"),
    ]
    session = HttpSession(port)
    answer = session.post("/token", form, seeded.service.authorization)
    session.close()
    return str(msgspec.json.decode(answer.body)["access_token"])


def _cost(guard: Guard, ticket: str, repeats: int) -> float:
    query = f"ticket={ticket}".encode()
    asked = Request("GET", "https", _PEER, "/files/7", query, [_HOST])
    return statistics.median(_timed(partial(_open, guard, asked)) for _ in range(repeats))


def _open(guard: Guard, asked: Request) -> None:
    tickets = guard.tickets
    if tickets is None:
        sys.exit("!! bench: the guard takes no tickets")
    opened = tickets.read(asked, "https://notes.example/files/7")
    guard.check_ticket(tickets.verified(opened), UNBOUND, None)
    tickets.take(opened)


def _timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter_ns()
    for _ in range(_BATCH):
        work()
    return (time.perf_counter_ns() - begun) / 1000 / _BATCH
