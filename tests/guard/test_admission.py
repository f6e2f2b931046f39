"""One request, one decision, however many parts of an app ask for it."""

import time

import pytest

from counterfoil.guard import Guard, Rejected
from counterfoil.guard.admission import admit_once, admit_once_blocking, has_let_pass
from counterfoil.guard.demands import NOTHING, demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.oauth.reasons import Reason
from tests.guard.issuer import AUDIENCE, TinyIssuer
from tests.proofs import Holder

pytestmark = pytest.mark.anyio


@pytest.fixture
def gate(issuer: TinyIssuer):
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        yield Gate(guard)


def bound(issuer: TinyIssuer) -> Request:
    holder = Holder()
    token = issuer.token(cnf={"jkt": holder.thumbprint})
    proof = holder.proof("GET", "https://api.example/notes", time.time(), token)
    said = {"host": "api.example", "authorization": f"DPoP {token}", "dpop": proof}
    headers = [(name.encode(), value.encode()) for name, value in said.items()]
    return Request("GET", "https", "192.0.2.7", "/notes", b"", headers)


async def test_a_proof_is_used_up_once_for_all_who_ask(gate: Gate, issuer: TinyIssuer):
    request, kept = bound(issuer), {}
    token = await admit_once(gate, kept, request, NOTHING)
    assert await admit_once(gate, kept, request, NOTHING) is token
    assert admit_once_blocking(gate, kept, request, NOTHING) is token
    with pytest.raises(Rejected) as refused:
        admit_once_blocking(gate, {}, request, NOTHING)
    assert refused.value.reason is Reason.PROOF_REPLAYED


async def test_who_asks_later_demands_his_own(gate: Gate, issuer: TinyIssuer):
    """S118."""
    request, kept = bound(issuer), {}
    admit_once_blocking(gate, kept, request, demands_of("notes:read"))
    for demand in (demands_of("notes:admin"), demands_of("notes:read", "notes:admin")):
        with pytest.raises(Rejected) as refused:
            await admit_once(gate, kept, request, demand)
        assert refused.value.reason is Reason.INSUFFICIENT_SCOPE
        with pytest.raises(Rejected):
            admit_once_blocking(gate, kept, request, demand)


def test_one_guard_does_not_speak_for_another(gate: Gate, issuer: TinyIssuer):
    """A copy of what is kept, as middleware makes it, shares what was decided; by guard."""
    kept: dict[str, object] = {}
    admit_once_blocking(gate, kept, bound(issuer), NOTHING)
    other = Guard(issuer.url, audience="https://other.example")
    assert has_let_pass(gate.guard, dict(kept))
    assert not has_let_pass(other, kept)
    with pytest.raises(Rejected):
        admit_once_blocking(Gate(other), kept, bound(issuer), NOTHING)
    other.stop()


def test_who_was_refused_has_not_been_let_pass(gate: Gate, issuer: TinyIssuer):
    kept: dict[str, object] = {}
    with pytest.raises(Rejected):
        admit_once_blocking(gate, kept, bound(issuer), demands_of("notes:admin"))
    assert not has_let_pass(gate.guard, kept)
