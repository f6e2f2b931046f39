"""Tokens of others that end by a Token Status List (draft-ietf-oauth-status-list §8)."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from counterfoil.guard import (
    Credentials,
    Guard,
    Issuer,
    Options,
    Rejected,
    Staleness,
    follower,
    status_line,
)
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.line import Surroundings
from counterfoil.guard.status_line import NOT_HAD, StatusLine
from counterfoil.jose.keys import KeySet
from counterfoil.net.http import HttpClient
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.status_list import bits_of
from tests.flows.serving import until
from tests.guard.desk import Clock
from tests.guard.issuer import AUDIENCE, TinyIssuer

pytestmark = pytest.mark.anyio
OWN = {"fam": None, "gen": None}


@contextmanager
def guarded(
    issuer: TinyIssuer, staleness: Staleness | None = None, **more: object
) -> Iterator[Guard]:
    options = more.pop("options", Options())
    trusted = Issuer(issuer.url, revocation="status_list", **more)
    chosen = staleness or Staleness.reject()
    with Guard(issuers=[trusted], audience=AUDIENCE, staleness=chosen, options=options) as guard:
        assert guard.wait_until_fresh(10)
        yield guard


def listed(issuer: TinyIssuer, uri: object, idx: object = 3, **changes: object) -> str:
    status = {"status_list": {"idx": idx, "uri": uri}}
    return issuer.token(status=status, **OWN, **changes)


def reason(guard: Guard, token: str) -> Reason | None:
    try:
        guard.decide_blocking(token)
    except Rejected as rejected:
        return rejected.reason
    return None


async def test_what_its_list_calls_invalid_is_refused(issuer: TinyIssuer):
    """S117."""
    uri = issuer.list_of(bits_of([5], 64))
    with guarded(issuer) as guard:
        assert (await guard.decide(listed(issuer, uri, 3))).subject == "u1"
        with pytest.raises(Rejected) as refused:
            await guard.decide(listed(issuer, uri, 5, jti="t5"))
        assert refused.value.reason is Reason.REVOKED
        assert guard.check(listed(issuer, uri, 4, jti="t4")).fingerprint == "t4"
    assert issuer.counts["list"] == 1
    await guard.aclose()


def test_without_waiting_it_is_stale_until_the_list_is_here(issuer: TinyIssuer):
    token = listed(issuer, issuer.list_of(bytes(8)))
    with guarded(issuer) as guard:
        with pytest.raises(Rejected) as refused:
            guard.check(token)
        assert refused.value.reason is Reason.STALE
        assert reason(guard, token) is None
        assert guard.check(token)


@pytest.mark.parametrize(("width", "value"), [(2, 1), (2, 2), (4, 8), (8, 255)])
def test_every_value_but_valid_is_refused(issuer: TinyIssuer, width: int, value: int):
    """§7: invalid, suspended, and what others may mean by theirs."""
    packed = (value << (3 * width % 8)).to_bytes(1, "little")
    bits = bytes(3 * width // 8) + packed + bytes(8)
    uri = issuer.list_of(bits, width=width)
    with guarded(issuer) as guard:
        assert reason(guard, listed(issuer, uri, 3)) is Reason.REVOKED
        assert reason(guard, listed(issuer, uri, 2, jti="t2")) is None


def test_an_ending_shows_when_the_list_is_fetched_again(issuer: TinyIssuer):
    uri = issuer.list_of(bytes(8), ttl=5)
    clock = Clock(time.time())
    with guarded(issuer, options=Options(clock=clock)) as guard:
        token = listed(issuer, uri)
        assert reason(guard, token) is None
        issuer.list_of(bits_of([3], 64), ttl=5)
        clock.now += 4.5
        assert guard._follower.wait_until(lambda: issuer.counts["list"] >= 2, 10)
        assert guard._follower.wait_until(lambda: reason(guard, token) is Reason.REVOKED, 10)


@pytest.mark.parametrize(
    ("staleness", "expected"),
    [
        (Staleness.reject(10), Reason.STALE),
        (Staleness.accept_for(600, 10), None),
        (Staleness.introspect(10), None),
    ],
)
def test_one_that_cannot_be_had_anew_is_too_old_as_the_owner_chose(
    issuer: TinyIssuer, staleness: Staleness, expected: Reason | None
):
    uri = issuer.list_of(bytes(8), ttl=60)
    clock = Clock(time.time())
    credentials = Credentials("api", "s3cret")
    with guarded(issuer, staleness, options=Options(clock=clock), credentials=credentials) as guard:
        token = listed(issuer, uri)
        assert reason(guard, token) is None
        issuer.lists.clear()
        clock.now += 69
        assert reason(guard, token) is None
        clock.now += 2
        assert reason(guard, token) is expected
        # Nobody is woken by a trouble: it is looked for.
        assert any(guard._follower.wait_until(lambda: is_told(guard), 0.05) for _ in range(200))


def is_told(guard: Guard) -> bool:
    return "a status list cannot be had" in guard.health().issuers[0].why


async def test_however_many_wait_a_list_is_fetched_once(issuer: TinyIssuer):
    uri = issuer.list_of(bytes(64))
    with guarded(issuer) as guard:
        tokens = [listed(issuer, uri, n, jti=f"t{n}") for n in range(20)]
        await asyncio.gather(*(guard.decide(token) for token in tokens))
        said: list[Reason | None] = []
        threads = [
            threading.Thread(target=lambda t=token: said.append(reason(guard, t)))
            for token in tokens[:4]
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert said == [None] * 4
    assert issuer.counts["list"] == 1
    await guard.aclose()


def test_a_list_that_cannot_be_had_is_not_asked_for_at_every_request(issuer: TinyIssuer):
    token = listed(issuer, f"{issuer.origin}/lists/none")
    with guarded(issuer) as guard:
        assert [reason(guard, token) for _ in range(20)] == [Reason.STALE] * 20
    assert issuer.counts["list"] == 1


@pytest.mark.parametrize(
    "status",
    [None, "x", {}, {"status_list": {}}, {"status_list": {"idx": "1", "uri": "x"}}],
)
def test_a_token_that_names_no_list_could_never_be_ended(issuer: TinyIssuer, status: object):
    with guarded(issuer) as guard:
        assert reason(guard, issuer.token(status=status, **OWN)) is Reason.MALFORMED


def test_a_guard_that_was_not_started_fetches_nothing(issuer: TinyIssuer):
    uri = issuer.list_of(bytes(8))
    with guarded(issuer) as guard:
        pass
    assert reason(guard, listed(issuer, uri)) is Reason.STALE
    assert issuer.counts.get("list", 0) == 0


def test_lists_elsewhere_are_allowed_by_name():
    with pytest.raises(ValueError, match="by a slash"):
        Issuer("https://a.example", revocation="status_list", status_lists=("https://b.example",))
    with pytest.raises(ValueError, match="https"):
        Issuer("https://a.example", revocation="status_list", status_lists=("http://b.example/",))


def line_of(issuer: TinyIssuer, clock: Callable[[], float] = time.time) -> StatusLine:
    """The line alone, and not held."""
    state = IssuerState(Issuer(issuer.url, revocation="status_list"), Staleness.reject())
    assert state.status_lists is not None
    surroundings = Surroundings(clock, lambda: 0.5, lambda: None, lambda: "name")
    return StatusLine(state.status_lists, state, surroundings)


async def test_without_keys_or_a_way_no_list_is_believed(issuer: TinyIssuer):
    """A list of anybody's would say that all is well."""
    uri = issuer.list_of(bytes(8))
    line = line_of(issuer)
    assert not await line.fetch(uri)
    assert "list" not in issuer.counts, "the guard is not started"
    line = line_of(issuer)
    async with HttpClient() as http:
        holding = asyncio.create_task(line.hold(http))
        await asyncio.sleep(0)
        assert not await line.fetch(uri)
        holding.cancel()
        await asyncio.wait([holding])
    assert issuer.counts["list"] == 1
    assert line._lists.find(uri) is None
    assert "the keys are not here yet" in line._state.troubles.present[NOT_HAD]


async def test_a_mistake_of_ours_ends_no_line(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The list that is held is fetched again later, and stale until then."""
    monkeypatch.setattr(status_line, "EVERY", 0.01)
    uri = issuer.list_of(bytes(8))
    line = line_of(issuer)
    line._state.keys.take(KeySet([issuer.key.public]).as_jwks())
    right, mistakes = line._lists.take, [KeyError("ours")]

    def mistaken(*given: object) -> None:
        if line._lists.uris and mistakes:
            raise mistakes.pop()
        right(*given)

    monkeypatch.setattr(line._lists, "take", mistaken)
    async with HttpClient() as http:
        holding = asyncio.create_task(line.hold(http))
        await asyncio.sleep(0)
        assert await line.fetch(uri)
        line._due[uri] = 0.0
        await until(lambda: "fetching a status list failed" in caplog.text)
        line._due[uri] = 0.0
        await until(lambda: line._due[uri] > 0)
        assert not holding.done()
        holding.cancel()
        await asyncio.wait([holding])
    assert issuer.counts["list"] == 3


async def test_a_list_that_cannot_be_had_refuses_also_who_waits(issuer: TinyIssuer):
    token = listed(issuer, f"{issuer.origin}/lists/none")
    with guarded(issuer) as guard:
        with pytest.raises(Rejected) as refused:
            await guard.decide(token)
        assert refused.value.reason is Reason.STALE
        await guard.aclose()
    with pytest.raises(Rejected) as refused:
        await guard.decide(token)
    assert refused.value.reason is Reason.STALE, "it is not started"


async def test_a_list_that_does_not_come_holds_nobody_for_long(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch
):
    """Nor does a guard that is stopped meanwhile cancel whoever waits: it refuses him."""
    begun = threading.Event()

    async def fetch(self: StatusLine, uri: str) -> bool:
        begun.set()
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(StatusLine, "fetch", fetch)
    token = listed(issuer, issuer.list_of(bytes(8)))
    with guarded(issuer) as guard:
        with monkeypatch.context() as patch:
            patch.setattr(follower, "FETCH_WITHIN", 0.05)
            with pytest.raises(Rejected) as refused:
                await guard.decide(token)
            assert refused.value.reason is Reason.STALE
        begun.clear()
        waiting = asyncio.create_task(guard.decide(token))
        assert await asyncio.to_thread(begun.wait, 10)
        await asyncio.to_thread(guard.stop)
        with pytest.raises(Rejected) as refused:
            await waiting
        assert refused.value.reason is Reason.STALE
        guard.start()
        assert await asyncio.to_thread(guard.wait_until_fresh, 10)
        begun.clear()
        waiting = asyncio.create_task(guard.decide(token))
        assert await asyncio.to_thread(begun.wait, 10)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_list_is_not_fetched_again_before_it_is_due(
    issuer: TinyIssuer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(status_line, "EVERY", 0.01)
    looks: list[float] = []

    def clock() -> float:
        looks.append(time.time())
        return looks[-1]

    uri = issuer.list_of(bytes(8))
    line = line_of(issuer, clock)
    line._state.keys.take(KeySet([issuer.key.public]).as_jwks())
    async with HttpClient() as http:
        holding = asyncio.create_task(line.hold(http))
        await asyncio.sleep(0)
        assert await line.fetch(uri)
        looked = len(looks)
        await until(lambda: len(looks) > looked + 3)
        assert await line.fetch(uri), "it is here"
        holding.cancel()
        await asyncio.wait([holding])
    assert issuer.counts["list"] == 1
