"""Asking the issuer, where the owner chose that (RFC 7662)."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from counterfoil.guard import Credentials, Guard, Issuer, Options, Rejected, introspection
from counterfoil.guard.introspection import AT_ONCE, WAITING
from counterfoil.jose.keys import KeySet
from counterfoil.net.http import HttpClient
from counterfoil.oauth.feed import Position
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Notice
from tests.guard.desk import Clock
from tests.guard.issuer import AUDIENCE, TinyIssuer

pytestmark = pytest.mark.anyio


class Asking:
    def __init__(self, issuer: TinyIssuer) -> None:
        self.issuer = issuer
        self.clock = Clock(issuer.claims()["iat"])
        trusted = Issuer(
            issuer.url, revocation="introspect", credentials=Credentials("guard", "s ecret")
        )
        self.guard = Guard(issuers=[trusted], audience=AUDIENCE, options=Options(clock=self.clock))

    @property
    def asked(self) -> int:
        return self.issuer.counts.get("introspect", 0)

    async def reason(self, token: str, at_least: Position | None = None) -> Reason | None:
        try:
            await self.guard.decide(token, at_least=at_least)
        except Rejected as rejected:
            return rejected.reason
        return None


@pytest.fixture
def asking(issuer: TinyIssuer) -> Iterator[Asking]:
    asking = Asking(issuer)
    with asking.guard:
        assert asking.guard.wait_until_fresh(10)
        yield asking


@pytest.fixture(autouse=True)
async def closed(asking: Asking):
    yield
    await asking.guard.aclose()


async def test_the_issuer_is_asked_once_for_seconds(asking: Asking):
    token = asking.issuer.token()
    assert await asking.reason(token) is None
    assert await asking.reason(token) is None
    assert asking.asked == 1
    asking.clock.now += 5
    asking.issuer.active = lambda _form: False
    assert await asking.reason(token) is Reason.REVOKED
    assert await asking.reason(token) is Reason.REVOKED
    assert asking.asked == 2


async def test_the_question_is_well_formed(asking: Asking):
    """RFC 7662 §2.1: a form with ``token``; the guard says which claims it knows."""
    forms: list[str] = []
    asking.issuer.active = lambda form: forms.append(form) or True
    token = asking.issuer.token()
    assert await asking.reason(token) is None
    known = "url-bound-at%2Bjwt+limited-at%2Bjwt"
    asked = f"token={token}&token_type_hint=access_token&known_types={known}"
    assert forms == [asked]


@pytest.mark.parametrize("answer", [False, None, "true", "yes", [], {}])
async def test_only_true_is_active(asking: Asking, answer: object):
    """RFC 7662 §2.2: ``active`` is a boolean."""
    asking.issuer.active = lambda _form: answer
    assert await asking.reason(asking.issuer.token()) is Reason.REVOKED


async def test_many_at_once_ask_once(asking: Asking):
    token = asking.issuer.token()
    reasons = await asyncio.gather(*(asking.reason(token) for _ in range(20)))
    assert reasons == [None] * 20
    assert asking.asked == 1


async def test_one_that_goes_away_takes_nothing_from_the_others(asking: Asking):
    token = asking.issuer.token()
    first = asyncio.create_task(asking.reason(token))
    second = asyncio.create_task(asking.reason(token))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is None
    assert asking.asked == 1


async def test_with_a_receipt_no_answer_to_an_earlier_question_counts(asking: Asking):
    """An answer that is remembered, or under way, may be older than what the receipt is for.

    So may be one with the same receipt: the numbers of endings to come are no secret.
    """
    token, receipt = asking.issuer.token(), Position("e1", 7)
    assert await asking.reason(token) is None
    asking.issuer.active = lambda _form: False
    assert await asking.reason(token) is None, "it is remembered for seconds"
    assert await asking.reason(token, receipt) is Reason.REVOKED
    assert asking.asked == 2
    asking.issuer.active = lambda _form: True
    assert await asking.reason(token, receipt) is None
    asking.issuer.active = lambda _form: False
    assert await asking.reason(token, receipt) is Reason.REVOKED


async def test_what_the_guard_itself_refuses_is_never_asked_about(asking: Asking):
    """Signature, audience, expiry and known endings come first, also while an answer is kept."""
    token = asking.issuer.token()
    assert await asking.reason(asking.issuer.token(aud="x")) is Reason.WRONG_AUDIENCE
    assert asking.asked == 0
    assert await asking.reason(token) is None
    state = asking.guard._states[asking.issuer.url]
    state.notices._proven.apply(Notice(Ended.TOKEN, "t1", 10**10))
    assert await asking.reason(token) is Reason.REVOKED
    assert asking.asked == 1


async def test_an_issuer_that_fails_is_left_in_peace(asking: Asking):
    """After three failures in a row nobody waits for it, until it has rested."""
    asking.issuer.active = lambda _form: 500
    for number in range(5):
        assert await asking.reason(asking.issuer.token(jti=f"t{number}")) is Reason.STALE
    assert asking.asked == 3
    asking.issuer.active = lambda _form: True
    assert await asking.reason(asking.issuer.token()) is Reason.STALE
    asking.clock.now += 5
    assert await asking.reason(asking.issuer.token()) is None


async def test_a_flood_of_questions_is_no_failure_of_the_issuer(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
):
    """Strangers spell tokens as they like. Those of others are decided on as soon as it is over."""
    under_way, most = 0, 0
    post = HttpClient.post_form

    async def counted(self: HttpClient, *asked: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await post(self, *asked)
        finally:
            under_way -= 1

    monkeypatch.setattr(HttpClient, "post_form", counted)
    asking.issuer.active = lambda _form: False
    tokens = [asking.issuer.token(jti=f"t{number}") for number in range(AT_ONCE + WAITING + 10)]
    reasons = await asyncio.gather(*map(asking.reason, tokens))
    assert reasons.count(Reason.REVOKED) == AT_ONCE + WAITING
    assert reasons.count(Reason.STALE) == 10
    assert most <= AT_ONCE
    asking.issuer.active = lambda _form: True
    assert (
        await asking.reason(asking.issuer.token(jti="afterwards", iat=int(asking.clock.now)))
        is None
    )


async def test_a_failure_is_not_remembered_as_an_answer(asking: Asking):
    token = asking.issuer.token()
    asking.issuer.active = lambda _form: 503
    assert await asking.reason(token) is Reason.STALE
    asking.issuer.active = lambda _form: True
    assert await asking.reason(token) is None


async def test_without_an_endpoint_nobody_is_asked_and_nobody_passes(issuer: TinyIssuer):
    """The issuer says of none in its metadata; the guard has not read them yet."""
    asking = Asking(issuer)
    state = asking.guard._states[issuer.url]
    state.keys.take(KeySet([issuer.key.public]).as_jwks())
    assert await asking.reason(issuer.token()) is Reason.STALE
    assert asking.asked == 0
    await asking.guard.aclose()


async def test_answers_are_remembered_within_bounds(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
):
    """Whoever has many tokens fills no memory; each is asked about again in time."""
    monkeypatch.setattr(introspection, "ANSWERS_KEPT", 3)
    for number in range(7):
        assert await asking.reason(asking.issuer.token(jti=f"t{number}")) is None
        assert len(asking.guard._introspection._answers) <= 3
    assert asking.asked == 7
