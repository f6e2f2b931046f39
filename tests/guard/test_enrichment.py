"""What is known of the person behind a token: loaded after it stands, once, and kept a while."""

import asyncio
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from counterfoil.guard import Enrich, Rejected, Sessions, SignedIn, Token, Web
from counterfoil.guard.demands import demands_of
from counterfoil.guard.gate import Gate
from counterfoil.oauth.revocations import Ended
from tests.guard.desk import NOW, Desk, request

pytestmark = pytest.mark.anyio


class Register:
    """People, and how often somebody was looked up."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.fails = False

    def load(self, token: Token) -> dict[str, str]:
        self.loads.append(token.subject)
        if self.fails:
            raise LookupError("no database")
        return {"name": token.subject.title()}

    async def load_later(self, token: Token) -> dict[str, str]:
        await asyncio.sleep(0)
        return self.load(token)


@pytest.fixture
def register() -> Register:
    return Register()


def gate_of(desk: Desk, load: Any, **more: object) -> Gate:
    return desk.gate(enrich=Enrich(load=load, **more))


def admitted(gate: Gate, desk: Desk, **claims: object) -> Token:
    return gate.admit_blocking(request(token=desk.token(**claims)))


async def test_it_stands_in_the_token_and_is_loaded_once(desk: Desk, register: Register):
    """S67, S71."""
    gate = gate_of(desk, register.load)
    later = gate_of(desk, register.load_later)
    assert admitted(gate, desk, sub="ada").data == {"name": "Ada"}
    assert admitted(gate, desk, sub="ada", jti="t2").data == {"name": "Ada"}
    for _ in range(2):
        token = await later.admit(request(token=desk.token(sub="ada")))
        assert token.data == {"name": "Ada"}
    assert register.loads == ["ada", "ada"]


def test_without_it_a_token_has_no_data(desk: Desk):
    assert admitted(desk.gate(), desk).data is None


def test_who_is_refused_costs_no_look_up(desk: Desk, register: Register):
    gate = gate_of(desk, register.load)
    for asked in (request(token=desk.token(exp=1)), request()):
        with pytest.raises(Rejected):
            gate.admit_blocking(asked)
    with pytest.raises(Rejected):
        gate.admit_blocking(request(token=desk.token()), demands_of("notes:admin"))
    assert register.loads == []


def test_it_is_good_for_its_time(desk: Desk, register: Register):
    gate = gate_of(desk, register.load, ttl=10)
    admitted(gate, desk)
    desk.clock.now = NOW + 9.9
    admitted(gate, desk)
    assert len(register.loads) == 1
    desk.clock.now = NOW + 10
    admitted(gate, desk)
    assert len(register.loads) == 2


def test_no_more_are_kept_than_was_said(desk: Desk, register: Register):
    gate = gate_of(desk, register.load, most=2)
    for n in (1, 2, 1, 3, 1, 2):
        admitted(gate, desk, sub=f"u{n}", fam=f"f{n}")
    assert register.loads == ["u1", "u2", "u3", "u2"]
    assert gate.guard.enrichment is not None
    assert len(gate.guard.enrichment) == 2
    assert len(gate.guard.enrichment._of_family) == 2


@pytest.mark.parametrize(
    ("kind", "name", "is_dropped"),
    [
        (Ended.FAMILY, "f1", True),
        (Ended.FAMILY, "f2", False),
        (Ended.TOKEN, "t9", False),
        (Ended.CLIENT, "c1", True),
        (Ended.CLIENT, "c2", False),
        (Ended.KEYS_CHANGED, "", True),
        (Ended.DATA_CHANGED, "f1", True),
        (Ended.DATA_CHANGED, "f2", False),
    ],
)
def test_it_is_dropped_when_what_it_hangs_on_ends(
    desk: Desk, register: Register, kind: Ended, name: str, is_dropped: bool
):
    """S67."""
    gate = gate_of(desk, register.load)
    admitted(gate, desk)
    desk.end(kind, name, generation=0)
    assert gate.guard.enrichment is not None
    assert len(gate.guard.enrichment) == (0 if is_dropped else 1)


def test_after_a_snapshot_everything_is_loaded_anew(desk: Desk, register: Register):
    gate = gate_of(desk, register.load)
    admitted(gate, desk)
    assert desk.state.notices.begin(desk.book.snapshot(desk.clock.now), desk.clock.now)
    admitted(gate, desk)
    assert len(register.loads) == 2


def test_what_was_loaded_before_an_ending_is_not_kept_after_it(desk: Desk):
    """The ending comes while the data are on their way."""

    def load(_token: Token) -> str:
        desk.end(Ended.FAMILY, "f1")
        return "old"

    gate = gate_of(desk, load)
    assert admitted(gate, desk).data == "old"
    assert gate.guard.enrichment is not None
    assert len(gate.guard.enrichment) == 0


async def test_however_many_wait_it_is_loaded_once(desk: Desk, register: Register):
    """S67."""
    gate = gate_of(desk, register.load_later)
    asked = request(token=desk.token())
    tokens = await asyncio.gather(*(gate.admit(asked) for _ in range(50)))
    assert {token.data["name"] for token in tokens} == {"U1"}
    assert register.loads == ["u1"]


async def test_one_that_goes_away_takes_it_from_nobody(desk: Desk):
    may_go, begun, loads = asyncio.Event(), asyncio.Event(), []

    async def load(token: Token) -> str:
        loads.append(token.subject)
        begun.set()
        await may_go.wait()
        return "data"

    gate = gate_of(desk, load)
    asked = request(token=desk.token())
    first = asyncio.create_task(gate.admit(asked))
    second = asyncio.create_task(gate.admit(asked))
    await begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    may_go.set()
    assert (await second).data == "data"
    assert loads == ["u1"]


def test_threads_wait_for_one_another(desk: Desk):
    loads, may_go = [], threading.Event()

    def load(token: Token) -> str:
        loads.append(token.subject)
        may_go.wait(10)
        return "data"

    gate = gate_of(desk, load)
    asked = request(token=desk.token())
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(gate.admit_blocking, asked) for _ in range(8)]
        may_go.set()
        assert {each.result().data for each in waiting} == {"data"}
    assert loads == ["u1"]


async def test_a_failure_is_everybodys_and_is_not_kept(desk: Desk, register: Register):
    gate = gate_of(desk, register.load_later)
    register.fails = True
    asked = request(token=desk.token())
    failed = await asyncio.gather(*(gate.admit(asked) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in failed] == [LookupError] * 3
    register.fails = False
    assert (await gate.admit(asked)).data == {"name": "U1"}
    assert register.loads == ["u1", "u1"]


def test_a_failure_of_a_thread_is_its_callers(desk: Desk, register: Register):
    gate = gate_of(desk, register.load)
    register.fails = True
    with pytest.raises(LookupError):
        admitted(gate, desk)
    register.fails = False
    assert admitted(gate, desk).data


def test_a_coroutine_function_needs_an_event_loop(desk: Desk, register: Register):
    gate = gate_of(desk, register.load_later)
    with pytest.raises(TypeError, match="plain function"):
        admitted(gate, desk)


async def test_sessions_have_data_too(desk: Desk, register: Register):
    people = {"s": SignedIn(subject="ada", scopes=())}
    web = Web(sessions=Sessions(cookie="sid", look_up=people.get))
    gate = desk.gate(web=web, enrich=Enrich(load=register.load))
    asked = request(cookie="sid=s")
    assert gate.admit_blocking(asked).data == {"name": "Ada"}
    assert (await gate.admit(asked)).data == {"name": "Ada"}
    assert register.loads == ["ada", "ada"]  # its look-up is the app's own, and so is its cache


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_waits_for_nothing_that_its_parent_is_loading(desk: Desk):
    """Such as a server that forks its workers while its first requests are under way."""
    begun, go_on = threading.Event(), threading.Event()
    parent = os.getpid()

    def load(token: Token) -> str:
        if os.getpid() == parent:
            begun.set()
            go_on.wait(10)
        return "loaded"

    gate = gate_of(desk, load)
    with ThreadPoolExecutor() as pool:
        loading = pool.submit(admitted, gate, desk)
        assert begun.wait(10)
        child = os.fork()
        if child == 0:
            signal.alarm(10)  # ends it, where it waits for ever
            is_loaded = False
            try:
                is_loaded = admitted(gate, desk).data == "loaded"
            finally:
                os._exit(0 if is_loaded else 1)
        go_on.set()
        assert loading.result(10).data == "loaded"
    assert os.waitpid(child, 0)[1] == 0


def test_an_event_loop_that_ends_leaves_nobody_waiting(desk: Desk):
    """A thread waits for what another loop is loading, which is torn down."""
    begun, over = threading.Event(), threading.Event()

    async def load(_: Token) -> str:
        begun.set()
        await asyncio.Event().wait()
        return "never"

    gate = gate_of(desk, load)
    asked = request(token=desk.token())

    async def first() -> None:
        waiting = asyncio.create_task(gate.admit(asked))
        await asyncio.to_thread(begun.wait, 10)
        await asyncio.to_thread(over.wait, 10)
        waiting.cancel()

    async def second() -> object:
        assert begun.wait(10)
        waiting = asyncio.create_task(gate.admit(asked))
        await asyncio.sleep(0)
        over.set()
        return await waiting

    with ThreadPoolExecutor(2) as threads:
        ended = threads.submit(asyncio.run, first())
        waits = threads.submit(asyncio.run, second())
        ended.result(10)
        with pytest.raises(RuntimeError, match="the event loop ended"):
            waits.result(10)


def test_what_is_kept_of_others_of_a_family_stays(desk: Desk, register: Register):
    """One person, two users of the same family: what is dropped is the oldest alone."""
    gate = gate_of(desk, register.load, most=2)
    for subject in ("ada", "bob", "cyd"):
        admitted(gate, desk, sub=subject, jti=subject)
    assert gate.guard.enrichment is not None
    assert len(gate.guard.enrichment) == 2
    admitted(gate, desk, sub="bob", jti="bob")
    assert register.loads == ["ada", "bob", "cyd"]
    desk.end(Ended.FAMILY, "f1")
    assert len(gate.guard.enrichment) == 0


async def test_whatever_must_be_waited_for_needs_an_event_loop(desk: Desk):
    """Also what is no coroutine."""

    def load(token: Token) -> "asyncio.Future[str]":
        found = asyncio.get_running_loop().create_future()
        found.set_result(token.subject)
        return found

    gate = gate_of(desk, load)
    asked = request(token=desk.token())
    with pytest.raises(TypeError, match="plain function"):
        gate.admit_blocking(asked)
    assert (await gate.admit(asked)).data == "u1"
