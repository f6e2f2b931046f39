"""The line on which a guard takes uses, to a small issuer that fails where it is told (S54)."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.guard import (
    Act,
    Credentials,
    Guard,
    Issuer,
    Rejected,
    Staleness,
    follower,
    use_line,
)
from counterfoil.guard.declared import Declaring
from counterfoil.guard.gate import Gate
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.line import Surroundings
from counterfoil.guard.token import Token
from counterfoil.guard.use_line import NOT_COUNTED, UseLine
from counterfoil.guard.uses import Uses
from counterfoil.net.http import HttpClient
from counterfoil.oauth.allowances import WantedAct
from counterfoil.oauth.reasons import Reason
from tests.flows.serving import until
from tests.guard.issuer import AUDIENCE, TinyIssuer
from tests.guard.test_sightings import token as plain_token

pytestmark = pytest.mark.anyio
SECRET = "hunter2-hunter2"


@pytest.fixture
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        issuer.spending = grants(100)
        yield issuer


def grants(total: int) -> Callable[[dict[str, Any]], object]:
    """Count as a server does that knows one token."""
    left, known = [total], dict[str, int]()

    def spend(asked: dict[str, Any]) -> object:
        answers = []
        for take in asked.get("takes", ()):
            if take["key"] not in known:
                known[take["key"]] = min(take["amount"], left[0])
                left[0] -= known[take["key"]]
            granted = known[take["key"]]
            answers.append({"granted": granted} | ({} if granted else {"refused": "used_up"}))
        returned = [each["amount"] for each in asked.get("returns", ())]
        return {"takes": answers, "returns": returned}

    return spend


def limited(jti: str = "t1") -> Token:
    return replace(plain_token(jti), max_uses=5, expires_at=int(time.time()) + 600)


class Held(UseLine):
    """A line that is held, with what it holds, and the state of its issuer."""

    state: IssuerState
    uses: Uses


@asynccontextmanager
async def held(issuer: TinyIssuer, leases: int = 1, **members: Any) -> AsyncIterator[Held]:
    """Hold the line; leaving the context stops it, as a guard is stopped."""
    members = {"credentials": Credentials("guard", SECRET)} | members
    state = IssuerState(Issuer(issuer.url, leases=leases, **members), Staleness.reject())
    state.allowances_endpoint = f"{issuer.origin}/allowances"
    numbers = count()
    surroundings = Surroundings(
        time.time, lambda: 0.5, lambda: None, lambda: f"key-of-a-take-{next(numbers)}"
    )
    uses = Uses(AUDIENCE, time.time)
    line = Held(uses, state, surroundings)
    line.state, line.uses = state, uses
    async with HttpClient() as http:
        task = asyncio.create_task(line.hold(http))
        await asyncio.sleep(0)  # a task that never began has nothing to finish
        try:
            yield line
        finally:
            task.cancel()
            await asyncio.wait([task])


async def reason_of(line: UseLine, token: Token) -> Reason | None:
    try:
        await line.take(token)
    except Rejected as rejected:
        return rejected.reason
    return None


async def test_each_use_is_asked_for(issuer: TinyIssuer):
    async with held(issuer) as line:
        assert await line.take(limited()) == "key-of-a-take-0"
        assert await line.take(limited()) == "key-of-a-take-1"
    assert [each.get("takes", ()) for each in issuer.spends] == [
        [{"jti": "t1", "name": "uses", "key": f"key-of-a-take-{n}", "amount": 1, "least": 1}]
        for n in (0, 1)
    ]
    assert issuer.spends[0]["audience"] == AUDIENCE


async def test_takes_at_once_go_into_one_request(issuer: TinyIssuer):
    """While the first is under way, the others gather: two requests for thirty uses."""
    async with held(issuer) as line:
        tokens = [limited(f"t{n % 3}") for n in range(30)]
        await asyncio.gather(*(line.take(each) for each in tokens))
    assert len(issuer.spends) <= 2
    amounts = [take["amount"] for each in issuer.spends for take in each.get("takes", ())]
    assert sum(amounts) == 30


async def test_of_a_lease_only_the_first_use_is_asked_for(issuer: TinyIssuer):
    async with held(issuer, leases=10) as line:
        keys = {await line.take(limited()) for _ in range(10)}
        assert len(issuer.spends) == len(keys) == 1
        await line.take(limited())
        assert len(issuer.spends) == 2
    assert issuer.spends[-1].get("returns") == [
        {"jti": "t1", "name": "uses", "key": "key-of-a-take-1", "amount": 9}
    ]


async def test_fewer_than_wanted_pass_where_fewer_are_left(issuer: TinyIssuer):
    issuer.spending = grants(4)
    async with held(issuer, leases=3) as line:
        reasons = await asyncio.gather(*(reason_of(line, limited()) for _ in range(9)))
    assert reasons.count(None) == 4
    assert reasons.count(Reason.USED_UP) == 5


async def test_a_token_that_is_used_up_is_asked_for_once_in_a_while(issuer: TinyIssuer):
    issuer.spending = grants(0)
    async with held(issuer) as line:
        assert [await reason_of(line, limited()) for _ in range(5)] == [Reason.USED_UP] * 5
    assert len(issuer.spends) == 1


async def test_an_answer_that_was_lost_is_asked_for_under_the_same_key(issuer: TinyIssuer):
    """And the use is spent once."""
    granting, failing = grants(1), [503]

    def loses_the_first(asked: dict[str, Any]) -> object:
        answer = granting(asked)
        return failing.pop() if failing else answer

    issuer.spending = loses_the_first
    async with held(issuer) as line:
        assert await reason_of(line, limited()) is None
        assert await reason_of(line, limited()) is Reason.USED_UP
    assert issuer.spends[0] == issuer.spends[1]


@pytest.mark.parametrize("answer", [503, 401, 404, {}, {"takes": [], "returns": []}, []])
async def test_without_an_answer_nobody_passes(issuer: TinyIssuer, answer: object):
    """Nor is the issuer asked again for a moment; and health says what is wrong."""
    issuer.spending = lambda _: answer
    async with held(issuer) as line:
        assert [await reason_of(line, limited()) for _ in range(3)] == [Reason.UNCOUNTED] * 3
        assert NOT_COUNTED in line.state.troubles.present
        assert len(issuer.spends) == (2 if answer == 503 else 1)
        line._resting_until = 0.0
        issuer.spending = grants(1)
        assert await reason_of(line, limited()) is None
        assert NOT_COUNTED not in line.state.troubles.present


async def test_an_issuer_that_says_nothing_holds_nobody_for_long(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(use_line, "TRY_WITHIN", 0.25)
    issuer.spending = lambda _: None
    async with held(issuer) as line:
        assert await reason_of(line, limited()) is Reason.UNCOUNTED
        assert len(issuer.spends) == 2
    assert all(each == issuer.spends[0] for each in issuer.spends)


def answers_nobody(spend: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    """Count, and say nothing of it: as a server does whose database was slow."""

    def counts(asked: dict[str, Any]) -> object:
        spend(asked)
        return 503

    return counts


async def test_what_was_never_answered_is_not_lost(issuer: TinyIssuer):
    """The one use was granted, twice unheard. It is there for who comes next, and for no more."""
    granting = grants(1)
    async with held(issuer) as line:
        issuer.spending = answers_nobody(granting)
        assert await reason_of(line, limited()) is Reason.UNCOUNTED
        line._resting_until, issuer.spending = 0.0, granting
        reasons = await asyncio.gather(*(reason_of(line, limited()) for _ in range(3)))
        assert sorted(map(str, reasons)) == ["None", "used_up", "used_up"]


async def test_what_was_never_answered_and_nobody_wants_is_given_back(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch
):
    """When it was idle; or when the guard stops."""
    granting = grants(1)
    for idle in (0.01, 600.0):
        monkeypatch.setattr(use_line, "IDLE", idle)
        issuer.spends.clear()
        async with held(issuer) as line:
            issuer.spending = answers_nobody(granting)
            assert await reason_of(line, limited()) is Reason.UNCOUNTED
            issuer.spending = granting
            if idle < 1:
                await until(lambda: bool(issuer.spends[-1].get("returns")))
        asked = {take["key"] for each in issuer.spends for take in each.get("takes", ())}
        given = {
            back["key"]: back["amount"]
            for each in issuer.spends
            for back in each.get("returns", ())
        }
        assert asked == {"key-of-a-take-0"}
        assert given == {"key-of-a-take-0": 1}


async def test_what_is_idle_is_given_back_though_others_never_cease_to_ask(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(use_line, "IDLE", 0.01)
    issuer.spending, goes_on = grants(100_000), [True]
    async with held(issuer) as line:

        async def asks() -> None:
            while goes_on[0]:
                await line.take(limited())

        asking = [asyncio.create_task(asks())]
        await until(lambda: line._asking is not None and not line._waiting)
        asking.append(asyncio.create_task(asks()))  # when one is answered, the other waits
        try:
            await until(lambda: len(issuer.spends) > 5)
            line.uses.hold("idle", limited().expires_at, "key-of-an-idle-one", 3)
            await until(lambda: any(each.get("returns", ()) for each in issuer.spends))
        finally:
            goes_on[0] = False
            await asyncio.gather(*asking)


async def test_no_more_is_leased_than_there_is_room_for(issuer: TinyIssuer):
    """Whoever holds many tokens of their own has no use of another's forfeited."""
    issuer.spending = grants(1000)
    async with held(issuer, leases=50) as line:
        line.uses._most = 2
        for jti in ("own1", "own2"):
            await line.take(limited(jti))
        for _ in range(10):
            await line.take(limited())
    amounts = [take["amount"] for each in issuer.spends for take in each.get("takes", ())]
    assert amounts == [50, 50, *[1] * 10]


async def test_what_there_is_no_room_for_any_more_is_given_back(issuer: TinyIssuer):
    """The room was taken while the issuer was asked."""
    granting = grants(100)
    async with held(issuer, leases=50) as line:

        def takes_the_room(asked: dict[str, Any]) -> object:
            line.uses._most = 0
            return granting(asked)

        issuer.spending = takes_the_room
        await line.take(limited())
        assert len(line.uses) == 0
    assert [each["amount"] for each in issuer.spends[-1].get("returns")] == [49]


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        ("revoked", Reason.REVOKED),
        ("expired", Reason.EXPIRED),
        ("not_registered", Reason.NOT_REGISTERED),
        ("key_reused", Reason.UNCOUNTED),
    ],
)
async def test_what_the_issuer_says_is_the_reason(issuer: TinyIssuer, refused: str, reason: Reason):
    issuer.spending = lambda _: {"takes": [{"granted": 0, "refused": refused}], "returns": []}
    async with held(issuer) as line:
        assert await reason_of(line, limited()) is reason


async def test_a_guard_without_credentials_counts_nothing(issuer: TinyIssuer):
    async with held(issuer, credentials=None) as line:
        assert await reason_of(line, limited()) is Reason.UNCOUNTED
    assert issuer.spends == []


async def test_a_use_whose_request_has_gone_is_there_for_the_next(issuer: TinyIssuer):
    """It was cancelled while the issuer was asked."""
    async with held(issuer) as line:
        gone = asyncio.create_task(line.take(limited()))
        await asyncio.sleep(0)
        gone.cancel()
        await until(lambda: len(line.uses) == 1)
        assert await line.take(limited()) == "key-of-a-take-0"
    assert len(issuer.spends) == 1


async def test_what_is_idle_is_given_back(issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch):
    """Also where the issuer is away at first."""
    monkeypatch.setattr(use_line, "IDLE", 0.01)
    async with held(issuer, leases=5) as line:
        await line.take(limited())
        issuer.spending = lambda _: 503
        await until(lambda: len(line.uses) == 0)
        await until(lambda: NOT_COUNTED in line.state.troubles.present)
        issuer.spending = grants(0)
        await until(lambda: NOT_COUNTED not in line.state.troubles.present)
    given = [each.get("returns", ()) for each in issuer.spends if each.get("returns")]
    wanted = [{"jti": "t1", "name": "uses", "key": "key-of-a-take-0", "amount": 4}]
    assert all(each == wanted for each in given)


async def test_who_waits_when_the_guard_stops_is_refused(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(use_line, "TRY_WITHIN", 0.05)
    issuer.spending = lambda _: None
    async with held(issuer) as line:
        first = asyncio.create_task(reason_of(line, limited("t1")))
        await until(lambda: len(issuer.spends) == 1)
        second = asyncio.create_task(reason_of(line, limited("t2")))
        await asyncio.sleep(0)
    assert await first is Reason.UNCOUNTED
    assert await second is Reason.UNCOUNTED
    assert await reason_of(line, limited()) is Reason.UNCOUNTED


def acting(key: str = "k" * 22) -> WantedAct:
    return WantedAct("t1", "transfer", "EUR", key, 5)


def answers(*said: object) -> Callable[[dict[str, Any]], object]:
    """Say this, one after the other, of a transaction; a number is a status."""
    left = list(said)

    def spend(_: dict[str, Any]) -> object:
        one = left.pop(0)
        return one if isinstance(one, int) else {"takes": [], "returns": [], "acts": [one]}

    return spend


async def test_a_transaction_is_asked_for_again_under_its_key(issuer: TinyIssuer):
    """S15: an answer was lost; the issuer counts the key once. Without one, one is drawn."""
    issuer.spending = answers(503, {"granted": 1}, {"granted": 1})
    async with held(issuer) as line:
        await line.act(acting())
        await line.act(acting(""))
    asked = [each["acts"] for each in issuer.spends]
    assert asked[0] == asked[1]
    told = {"jti": "t1", "action": "transfer", "unit": "EUR", "key": "k" * 22, "amount": 5}
    assert asked[0] == [told]
    assert asked[2][0]["key"] not in ("", "k" * 22)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"granted": 0, "refused": "used_up"}, Reason.BEYOND_LIMIT),
        ({"granted": 0, "refused": "key_reused"}, Reason.BEYOND_LIMIT),
        ({"granted": 0, "refused": "revoked"}, Reason.REVOKED),
        ({"granted": 0, "refused": "not_registered"}, Reason.NOT_REGISTERED),
        ({"granted": 0}, Reason.BEYOND_LIMIT),
        ({"granted": "1"}, Reason.UNCOUNTED),
        (400, Reason.UNCOUNTED),
        (403, Reason.UNCOUNTED),
    ],
)
async def test_what_the_issuer_does_not_grant_is_not_done(
    issuer: TinyIssuer, said: object, reason: Reason
):
    issuer.spending = answers(said)
    async with held(issuer) as line:
        with pytest.raises(Rejected) as refused:
            await line.act(acting())
    assert (refused.value.reason, refused.value.fingerprint) == (reason, "t1")


async def test_an_issuer_that_counts_no_transactions_grants_none(issuer: TinyIssuer):
    issuer.spending = grants(100)
    async with held(issuer) as line:
        with pytest.raises(Rejected) as refused:
            await line.act(acting())
    assert refused.value.reason is Reason.UNCOUNTED


async def test_a_request_is_held_up_no_longer_than_is_said(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch
):
    """However slowly the issuer answers those before it."""
    monkeypatch.setattr(use_line, "WAIT", 0.02)
    monkeypatch.setattr(use_line, "TRY_WITHIN", 0.5)
    monkeypatch.setattr(use_line, "LAST_WITHIN", 0.01)
    issuer.spending = lambda _: None
    async with held(issuer) as line:
        with pytest.raises(Rejected) as refused:
            await line.take(limited())
        assert refused.value.reason is Reason.UNCOUNTED
        assert len(issuer.spends) <= 1


async def test_what_was_never_answered_of_a_token_that_has_expired_is_asked_for_no_more(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch
):
    """Nobody could use it, and the issuer has forgotten it."""
    monkeypatch.setattr(use_line, "IDLE", 0.01)
    issuer.spending = lambda _: 503
    async with held(issuer) as line:
        await reason_of(line, replace(limited(), expires_at=int(time.time()) - 1))
        issuer.spending = grants(100)
        await until(lambda: not line._unanswered)
    assert len(issuer.spends) == 2


async def test_no_more_unanswered_takes_are_remembered_than_there_is_room_for(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch
):
    """An issuer that is away must not fill the memory of its guards."""
    monkeypatch.setattr(use_line, "MOST", 2)
    issuer.spending = lambda _: 400
    async with held(issuer) as line:
        for number in range(5):
            line._resting_until = 0.0
            await reason_of(line, limited(f"t{number}"))
        assert set(line._unanswered) == {"t0", "t1"}


async def test_a_guard_without_credentials_gives_nothing_back_and_says_so(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(use_line, "IDLE", 0.01)
    async with held(issuer, credentials=None) as line:
        line.uses.hold("t1", limited().expires_at, "key", 1)
        await until(lambda: NOT_COUNTED in line.state.troubles.present)
        assert "no credentials" in line.state.troubles.present[NOT_COUNTED]
    assert issuer.spends == []


async def test_who_has_gone_is_not_refused(issuer: TinyIssuer):
    """Of two that wait for one answer, one goes, and then the answer is an error."""
    async with held(issuer) as line:
        gone = asyncio.create_task(reason_of(line, limited()))
        waits = asyncio.create_task(reason_of(line, limited()))
        await asyncio.sleep(0)
        gone.cancel()
        issuer.spending = lambda _: 400
        assert await waits is Reason.UNCOUNTED
        assert gone.cancelled()


@pytest.mark.parametrize("is_asking", [False, True])
async def test_an_issuer_that_says_nothing_holds_up_no_stop(
    issuer: TinyIssuer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    is_asking: bool,
):
    """What is held then is forfeited, and that is said."""
    monkeypatch.setattr(use_line, "LAST_WITHIN", 0.05)
    async with held(issuer, leases=5) as line:
        await line.take(limited())
        issuer.spending = lambda _: None
        if is_asking:
            monkeypatch.setattr(use_line, "TRY_WITHIN", 0.02)
            assert await reason_of(line, limited("t2")) is Reason.UNCOUNTED
            monkeypatch.setattr(use_line, "TRY_WITHIN", 60.0)
    assert "are forfeited" in caplog.text
    assert line._asking is None or line._asking.cancelling()


async def test_whoever_counts_from_another_event_loop_waits_no_longer_than_is_said(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch
):
    """The whole way: a guard that is started, and apps in loops and threads of their own (S15)."""
    issuer.spending = answers({"granted": 1}, {"granted": 1}, {"granted": 0, "refused": "used_up"})
    trusted = Issuer(issuer.url, credentials=Credentials("guard", SECRET))
    limit = {"type": "counterfoil_limit", "action": "pay", "unit": "EUR"}
    counted = limit | {"per_transaction": 9, "count": 2}
    act = Act("pay", 5, "EUR")
    with Guard(issuers=[trusted], audience=AUDIENCE) as guard:
        assert await asyncio.to_thread(guard.wait_until_fresh, 10)
        guarded = Declaring()
        guarded.gate = Gate(guard)
        token = guard.check(issuer.token(authorization_details=[counted]))
        await guarded.spend(token, act, key="one")
        await asyncio.to_thread(guarded.spend_blocking, token, act, key="two")
        with pytest.raises(Rejected) as refused:
            await guarded.spend(token, act)
        assert refused.value.reason is Reason.BEYOND_LIMIT
        issuer.spending = lambda _: None
        monkeypatch.setattr(follower, "WAIT", 0.05)
        for spend in (
            guarded.spend(token, act),
            asyncio.to_thread(guarded.spend_blocking, token, act),
        ):
            with pytest.raises(Rejected) as refused:
                await spend
            assert refused.value.reason is Reason.UNCOUNTED
        monkeypatch.setattr(follower, "WAIT", 60.0)
        monkeypatch.setattr(use_line, "TRY_WITHIN", 60.0)
        asked = len(issuer.spends)
        going = asyncio.create_task(guarded.spend(token, act))
        await until(lambda: len(issuer.spends) > asked)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        waiting = asyncio.create_task(guarded.spend(token, act))
        await until(lambda: len(issuer.spends) > asked + 1)
        await asyncio.to_thread(guard.stop)
        with pytest.raises(Rejected) as refused:
            await waiting
        assert refused.value.reason is Reason.UNCOUNTED
