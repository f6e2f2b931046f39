"""Tokens that work so many times, from the token request to the guarded API (S51, S54, S55)."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from counterfoil.guard import Credentials, Guard, Issuer, Options, Rejected, Scopes
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.guard.gate import Gate
from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.oauth.delegation import GRANT_TYPE
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.use_limit import TYPE
from counterfoil.server.records.client import INTROSPECT, SPEND
from tests.allowing import add_guard, left
from tests.exchanging import child_of
from tests.flows.serving import fresh, refusal_of, served, served_here
from tests.guard.desk import request
from tests.installation import NOTES, Installation, Person, token_request

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
WORKERS, TASKS, USES = 4, 50, 50
"""Of each of so many processes of the server, and of guards, so many tasks at once."""


def guard_of(place: Installation, leases: int = 1, **members: Any) -> Guard:
    credentials = Credentials("guard", place.secrets["guard"])
    issuer = Issuer(place.issuer, credentials=credentials, leases=leases, **members)
    return Guard(issuers=[issuer], audience=NOTES, options=Options(clock=place.clock))


async def reason(gate: Gate, token: str, path: str = "/files/7", *demands: Any) -> Reason | None:
    try:
        await gate.admit(request(path, token=token), demands)
    except Rejected as rejected:
        return rejected.reason
    return None


def jti_of(token: str) -> str:
    return str(unverified_claims(token)["jti"])


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    """The server in processes of its own, on one port and one database."""
    async with served(tmp_path_factory.mktemp("data"), workers=str(WORKERS)) as place:
        await add_guard(place)
        yield place


@pytest.fixture
async def gate(place: Installation) -> AsyncIterator[Gate]:
    guard = guard_of(place)
    with guard:
        await fresh(guard)
        yield Gate(guard)
        await guard.aclose()


async def test_the_use_after_the_last_is_refused(place: Installation, gate: Gate):
    """S54: three times, and then ``used_up``, for whoever asks; the answer says that it is so."""
    answer = await token_request(place, "service", grant_type="client_credentials", max_uses="3")
    told = answer.json()
    token = told["access_token"]
    assert told["max_uses"] == unverified_claims(token)["max_uses"] == 3
    assert unverified_header(token)["typ"] == TYPE
    for _ in range(3):
        assert await reason(gate, token) is None
    other = guard_of(place)
    with other:
        await fresh(other)
        assert await reason(Gate(other), token) is Reason.USED_UP
        await other.aclose()
    assert await reason(gate, token) is Reason.USED_UP
    assert await reason(gate, await place.service_token()) is None


async def test_what_was_exchanged_works_no_more_often(place: Installation, gate: Gate):
    """S12, S54: at a guard that knows nothing of it: three in all, two of them by the child."""
    await place.add_client("teller", grant_types=("client_credentials", GRANT_TYPE))
    parent = await place.service_token("teller", max_uses=3)
    child = await child_of(place, "teller", parent, max_uses="2")
    told = [await reason(gate, token) for token in (child, child, child, parent, parent)]
    assert told == [None, None, Reason.USED_UP, None, Reason.USED_UP]


async def test_a_refused_request_costs_nothing(place: Installation, gate: Gate):
    """S54: the link to one download, once (S52): all else is asked before the use is spent."""
    token = await place.service_token(max_uses=1, url="https://notes.example/files/7")
    assert await reason(gate, token, "/files/8") is Reason.WRONG_TARGET
    demanded = Scopes(("notes:own",))
    assert await reason(gate, token, "/files/7", demanded) is Reason.INSUFFICIENT_SCOPE
    assert await left(place, jti_of(token)) == 1
    assert await reason(gate, token) is None
    assert await reason(gate, token) is Reason.USED_UP


async def test_a_reference_token_is_counted_as_well(place: Installation):
    """And is no token to whoever does not know what its limit means."""
    await place.add_client("asker", scopes=frozenset({INTROSPECT, SPEND}))
    await place.set_policy(NOTES, token_format="reference")
    try:
        token = await place.service_token(max_uses=2)
        credentials = Credentials("asker", place.secrets["asker"])
        issuer = Issuer(place.issuer, reference=True, credentials=credentials)
        with Guard(issuers=[issuer], audience=NOTES) as guard:
            await fresh(guard)
            gate = Gate(guard)
            assert [await reason(gate, token) for _ in range(3)] == [None, None, Reason.USED_UP]
            await guard.aclose()
        answer = await place.post("/introspect", "asker", token=token)
        assert answer.json() == {"active": False}
        knowing = await place.post("/introspect", "asker", token=token, known_types=TYPE)
        assert knowing.json()["max_uses"] == 2
    finally:
        await place.set_policy(NOTES, token_format="jwt")


class Process:
    """A guard in a process of its own."""

    def __init__(self, place: Installation, token: str, leases: int) -> None:
        secret = place.secrets["guard"]
        told = place.issuer, NOTES, secret, str(leases), token
        command = [sys.executable, "-m", "tests.flows.limited_guard", *told]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def heard(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def use(self, count: int) -> Counter[str]:
        self.tell(str(count))
        return Counter(msgspec.json.decode(self.heard(), type=dict[str, int]))

    def stop(self) -> None:
        """End as a guard does that is told to: it gives back what it holds."""
        self.tell("")
        assert self.heard() == "stopped"
        self.process.wait(10)


@contextmanager
def guards(place: Installation, token: str, leases: int) -> Iterator[list[Process]]:
    every = [Process(place, token, leases) for _ in range(WORKERS)]
    try:
        for each in every:
            assert each.heard() == "ready"
        yield every
    finally:
        for each in every:
            each.process.kill()
            each.process.communicate()


async def all_at_once(every: list[Process], count: int = TASKS) -> Counter[str]:
    counted = await asyncio.gather(*(asyncio.to_thread(each.use, count) for each in every))
    return sum(counted, Counter[str]())


async def test_two_hundred_tasks_spend_fifty_uses(place: Installation):
    """S54: over four processes of guards and four of the server, exactly fifty pass."""
    token = await place.service_token(max_uses=USES)
    with guards(place, token, leases=1) as every:
        assert await all_at_once(every) == {"passed": USES, "used_up": WORKERS * TASKS - USES}
    assert await left(place, jti_of(token)) == 0


async def test_with_leases_never_more_and_what_is_not_spent_comes_back(place: Installation):
    """S54: guards that stop give back what they hold; not one use is made, and none is lost."""
    token = await place.service_token(max_uses=USES)
    with guards(place, token, leases=7) as every:
        spent = (await all_at_once(every, 5))["passed"]
        assert spent == WORKERS * 5
        for each in every[:2]:
            each.stop()
        spent += (await all_at_once(every[2:]))["passed"]
        assert spent <= USES
        for each in every[2:]:
            each.stop()
    assert await left(place, jti_of(token)) == USES - spent


async def test_a_guard_that_is_killed_forfeits_its_lease(place: Installation):
    """S54: ``kill -9`` with seven of ten unspent: seven are gone, and every other use is there."""
    token = await place.service_token(max_uses=USES)
    with guards(place, token, leases=10) as every:
        first, *others = every
        assert first.use(1)["passed"] == 1
        assert first.use(2)["passed"] == 2
        first.process.kill()
        first.process.wait()
        spent = 3 + (await all_at_once(others))["passed"]
        for each in others:
            each.stop()
    forfeited = USES - spent - await left(place, jti_of(token))
    assert forfeited == 7


async def demanding(_: Any) -> PlainTextResponse:
    return PlainTextResponse("done")


async def test_every_request_through_middleware_is_counted(place: Installation):
    """S54: ``HEAD`` counts as ``GET`` does; a preflight carries no token, and costs nothing."""
    guard = guard_of(place)
    app = GuardMiddleware(Starlette(routes=[Route("/notes", demanding)]), guard)
    token = await place.service_token(max_uses=2)
    headers = {"authorization": f"Bearer {token}"}
    transport = httpx2.ASGITransport(app)
    with guard:
        await fresh(guard)
        async with httpx2.AsyncClient(transport=transport, base_url="https://notes.example") as api:
            asked = {"origin": "https://app.example", "access-control-request-method": "GET"}
            await api.options("/notes", headers=asked)
            assert (await api.head("/notes", headers=headers)).status_code == 200
            assert (await api.get("/notes", headers=headers)).status_code == 200
            refused = await api.get("/notes", headers=headers)
            assert (refused.status_code, refused.json()["error_reason"]) == (401, "used_up")
        await guard.aclose()


async def test_code_without_an_event_loop_counts_too(place: Installation):
    """S54: from many threads at once."""
    token = await place.service_token(max_uses=10)
    guard = guard_of(place, leases=3)

    def use(gate: Gate) -> Reason | None:
        try:
            gate.admit_blocking(request("/files/7", token=token))
        except Rejected as rejected:
            return rejected.reason
        return None

    with guard:
        await fresh(guard)
        gate = Gate(guard)
        passed = await asyncio.gather(*(asyncio.to_thread(use, gate) for _ in range(30)))
    assert Counter(passed) == {None: 10, Reason.USED_UP: 20}


async def test_a_check_without_a_count_is_a_refusal(place: Installation, gate: Gate):
    """S54: whoever checks the token themselves must say that they count."""
    token = await place.service_token(max_uses=1)
    for refused in (gate.guard.check, gate.guard.decide_blocking):
        with pytest.raises(Rejected) as rejected:
            await anyio.to_thread.run_sync(refused, token)
        assert rejected.value.reason is Reason.UNCOUNTED
    found = await gate.guard.decide(token, counts=True)
    assert (await gate.guard.uses.spend(found)).use
    with pytest.raises(Rejected):
        await gate.guard.uses.spend(found)


@pytest.mark.one_engine("what ends a family is tried on both elsewhere")
async def test_a_one_use_token_dies_at_logout_or_at_a_set_time(tmp_path: Path):
    """S51, S55: unused; the session behind it ends, or the time that was set for it comes."""
    async with served_here(tmp_path) as place:
        await add_guard(place)
        guard = guard_of(place)
        async with place.browser() as browser:
            person = Person(place, browser)
            one_use = {"max_uses": "1", "lifetime": "30"}
            answer = await person.exchange(await person.code(), max_uses="1")
            online = answer.json()["access_token"]
            bomb = (await person.exchange(await person.code(), **one_use)).json()
            assert bomb["expires_in"] == 30
            with guard:
                await fresh(guard)
                gate = Gate(guard)
                place.clock.turn(29)
                await fresh(guard)
                assert await reason(gate, bomb["access_token"]) is None
                place.clock.turn(1)
                assert await reason(gate, bomb["access_token"]) is Reason.EXPIRED
                await sign_out(person)
                assert (await refusal_of_counted(gate, online)) is Reason.REVOKED
                assert await left(place, jti_of(online)) == 1
                await guard.aclose()


async def sign_out(person: Person) -> None:
    page = await person.browser.get("/account/apps")
    csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
    answer = await person.browser.post("/account/sign-out", data={"csrf": csrf})
    assert answer.status_code in (200, 302, 303)


async def refusal_of_counted(gate: Gate, token: str) -> Reason | None:
    """Wait until the guard has heard; its check, without a count, spends nothing meanwhile."""
    refused = await refusal_of(gate.guard, token)
    with anyio.fail_after(5):
        while refused.reason is Reason.UNCOUNTED:
            await anyio.sleep(0.01)
            refused = await refusal_of(gate.guard, token)
    return await reason(gate, token)
