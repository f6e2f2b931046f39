"""Spending a use: from what is held; what a request did not need is there for the next (S54)."""

import pytest

from counterfoil.guard import Act, Issuer, MaxAge, Rejected
from counterfoil.guard.admission import admit_once, admit_once_blocking
from counterfoil.guard.gate import Gate
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.use_limit import TYPE
from tests.guard.desk import ISSUER, Desk, request

pytestmark = pytest.mark.anyio
DEMANDED = (MaxAge(5),)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def limited(desk: Desk, **changes: object) -> str:
    return desk.token(**({"max_uses": 2, "typ": TYPE} | changes))


def hold(desk: Desk, count: int) -> None:
    assert desk.state.uses is not None
    desk.state.uses.hold("t1", int(desk.clock.now) + 600, "key", count)


def held(desk: Desk) -> int:
    assert desk.state.uses is not None
    return len(desk.state.uses)


async def test_a_use_that_is_held_needs_nobody(desk: Desk):
    hold(desk, 2)
    gate = desk.gate()
    token = await gate.admit(request(token=limited(desk)))
    assert (token.use, token.max_uses) == ("key", 2)
    assert gate.admit_blocking(request(token=limited(desk))).use == "key"
    assert held(desk) == 0
    with pytest.raises(Rejected) as refused:
        await gate.admit(request(token=limited(desk)))
    assert refused.value.reason is Reason.UNCOUNTED
    with pytest.raises(Rejected):
        gate.admit_blocking(request(token=limited(desk)))


def old(desk: Desk) -> str:
    """A token that is too old for ``DEMANDED``."""
    return limited(desk, iat=int(desk.clock.now) - 10)


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_request_that_is_refused_later_costs_nothing(desk: Desk, *, blocking: bool):
    """A middleware lets it pass, and a route that demands more does not."""
    hold(desk, 2)
    gate, kept = desk.gate(), dict[str, object]()
    await admit_once(gate, kept, request(token=old(desk)), ())
    assert held(desk) == 1

    async def again() -> None:
        if blocking:
            admit_once_blocking(gate, kept, request(), DEMANDED)
        else:
            await admit_once(gate, kept, request(), DEMANDED)

    with pytest.raises(Rejected) as refused:
        await again()
    gate.refusal(refused.value, request())
    gate.refusal(refused.value, request())
    assert held(desk) == 2


async def test_a_request_is_counted_once_however_many_ask(desk: Desk):
    hold(desk, 2)
    gate, kept = desk.gate(), dict[str, object]()
    for _ in range(3):
        await admit_once(gate, kept, request(token=limited(desk)), ())
    assert held(desk) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"typ": TYPE, "max_uses": None}, Reason.MALFORMED),
        ({"typ": TYPE, "max_uses": 0}, Reason.MALFORMED),
        ({"typ": TYPE, "max_uses": "many"}, Reason.MALFORMED),
        ({"typ": "at+jwt", "max_uses": 3}, Reason.UNCOUNTED),
        ({"typ": "url-bound-at+jwt", "max_uses": 3}, Reason.MALFORMED),
        ({"typ": TYPE, "max_uses": 3}, Reason.UNCOUNTED),
    ],
)
def test_the_type_and_the_claim_go_together(desk: Desk, changes: dict[str, object], reason: Reason):
    """And the claim limits, whatever the type."""
    assert desk.reason(desk.token(**changes)) is reason


def test_who_does_not_count_is_refused_though_uses_are_held(desk: Desk):
    hold(desk, 2)
    assert desk.reason(limited(desk)) is Reason.UNCOUNTED
    assert desk.guard.check(limited(desk), counts=True).use == ""
    assert held(desk) == 2


async def test_tokens_without_a_limit_cost_nothing(desk: Desk):
    gate = Gate(desk.guard)
    token = desk.guard.check(desk.token())
    assert await gate.guard.uses.spend(token) is token
    assert gate.guard.uses.spend_blocking(token) is token


@pytest.mark.parametrize("leases", [0, -1, 1001])
def test_a_lease_has_a_size(leases: int):
    with pytest.raises(ValueError, match="1 to 1000"):
        Issuer(ISSUER, leases=leases)


LIMIT = {"type": "counterfoil_limit", "action": "transfer", "unit": "EUR", "per_transaction": 9}
COUNTED = LIMIT | {"count": 2}


async def test_what_is_not_counted_needs_nobody(desk: Desk):
    """S15: nobody could be asked here."""
    guard = desk.gate().guard
    for further in ({}, {"authorization_details": [LIMIT]}):
        token = guard.check(desk.token(**further))
        await guard.uses.act(token, Act("transfer", 9, "EUR"))
        guard.uses.act_blocking(token, Act("transfer", 9, "EUR"))


@pytest.mark.parametrize("amount", [10, -1, 1.0, "9", True, 2**53, None])
async def test_what_is_beyond_a_limit_is_refused_before_anybody_is_asked(
    desk: Desk, amount: object
):
    """S15: whether the limit is counted or not."""
    guard = desk.gate().guard
    for limit in (LIMIT, COUNTED):
        token = guard.check(desk.token(authorization_details=[limit]))
        with pytest.raises(Rejected) as refused:
            await guard.uses.act(token, Act("transfer", amount, "EUR"))
        assert refused.value.reason is Reason.BEYOND_LIMIT


async def test_what_cannot_be_counted_is_not_done(desk: Desk):
    """S15: the guard is not started. Nor does it pass where only ``within`` is asked."""
    guard = desk.gate().guard
    token = guard.check(desk.token(authorization_details=[COUNTED]))
    act = Act("transfer", 9, "EUR")
    with pytest.raises(Rejected) as refused:
        await guard.uses.act(token, act)
    assert refused.value.reason is Reason.UNCOUNTED
    with pytest.raises(Rejected) as refused:
        guard.uses.act_blocking(token, act, key="payment 4711")
    assert refused.value.reason is Reason.UNCOUNTED
    with pytest.raises(Rejected, match=r"write spend\(token, Act") as refused:
        token.within("transfer", 9, "EUR", now=guard.now())
    assert refused.value.reason is Reason.UNCOUNTED


def test_a_token_that_has_no_use_gives_none_back(desk: Desk):
    """Who asks twice to give one back gets no second one."""
    hold(desk, 1)
    guard = desk.gate().guard
    token = guard.uses.spend_held(guard.check(limited(desk), counts=True))
    assert token is not None
    assert held(desk) == 0
    guard.uses.give_back(guard.check(limited(desk), counts=True))
    assert held(desk) == 0
    guard.uses.give_back(token)
    assert held(desk) == 1
