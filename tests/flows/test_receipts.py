"""Receipts, whole: who waits, the guards and the server, each in a process or thread of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from counterfoil.guard import Credentials, Guard, Issuer, Rejected
from counterfoil.oauth.binding import UNBOUND
from counterfoil.oauth.feed import Position
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.protocol.waiting import Acknowledged, wait_for
from counterfoil.server.records.store import Transaction
from tests.engines import environment_of
from tests.flows.serving import START, fresh, served, until
from tests.installation import NOTES, Installation

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("data")) as place:
        yield place


async def connected(guard: Guard) -> None:
    """Wait until the line stands: until then a guard goes by the snapshot, and nobody knows it."""
    await fresh(guard)
    notices = next(iter(guard._states.values())).notices
    before = notices.fresh_at
    await until(lambda: notices.fresh_at > before)


async def end_something(place: Installation) -> Position:
    notice = Notice(Ended.TOKEN, "some-handle", 10**10)
    return await place.authority.store.transact(lambda tx: tx.notices.append([notice]))


async def standing(place: Installation, seconds: int = 30) -> Acknowledged:
    """End something, and wait for the guards."""
    return await wait_for(place.authority.store, await end_something(place), seconds)


def guards(place: Installation, stack: ExitStack, count: int, url: str = "") -> list[Guard]:
    """Some guards, of which the first says who it is."""
    issuer, credentials = url or place.issuer, Credentials("service", place.secrets["service"])
    made = [Guard(issuers=[Issuer(issuer, credentials=credentials)], audience=NOTES)]
    made += [Guard(issuer, audience=NOTES) for _ in range(count - 1)]
    return [stack.enter_context(guard) for guard in made]


async def test_when_it_is_reached_every_guard_decides_by_it(place: Installation):
    """Nothing more is to be waited for: each guard has proved what it acknowledged."""
    with ExitStack() as stack:
        five = guards(place, stack, 5)
        for guard in five:
            await connected(guard)
        token = await place.service_token()
        for _ in range(3):
            receipt = await end_something(place)
            found = await wait_for(place.authority.store, receipt, 30)
            assert found.reached
            assert (found.known, found.anonymous, found.behind) == (1, 4, ())
            for guard in five:
                assert guard.check(token, UNBOUND, receipt).client_id == "service"


async def test_a_guard_that_stops_is_not_waited_for(place: Installation):
    with ExitStack() as stack:
        one, other = guards(place, stack, 2)
        await connected(one)
        await connected(other)
        token = await place.service_token()
        other.stop()
        found = await standing(place)
        assert (found.reached, found.known, found.anonymous) == (True, 1, 0)
        with pytest.raises(Rejected) as refused:
            other.check(token)
        assert refused.value.reason is Reason.STALE


GUARD = """
import sys
from counterfoil.guard import Guard, Staleness
guard = Guard(sys.argv[1], audience="x", staleness=Staleness.reject(budget=float(sys.argv[2])))
guard.start()
assert guard.wait_until_fresh(10)
notices = next(iter(guard._states.values())).notices
snapshot_at = notices.fresh_at
assert guard._follower.wait_until(lambda: notices.fresh_at > snapshot_at, 10)
print("follows", flush=True)
sys.stdin.read()
"""


@contextmanager
def killed_guard(url: str, budget: float) -> Iterator[None]:
    """The process of an API that is gone without a word."""
    command = [sys.executable, "-c", GUARD, url, str(budget)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "follows\n"
        child.kill()
        child.wait(10)
        yield


@pytest.mark.one_engine("how long it is waited for asks no engine")
async def test_a_guard_that_was_cut_off_is_waited_for_until_its_own_policy_has_bitten(
    place: Installation,
):
    """Till then it may decide on what it knew: who can tell a dead machine from a cut line?"""
    with killed_guard(place.issuer, 3600):
        found = await standing(place, 1)
        assert not found.reached
        (lost,) = found.lost
        assert (lost.client_id, lost.then) == ("", "reject")
        assert lost.bites_at is not None
        assert 3500 < lost.bites_at - place.clock() <= 3600
    await place.authority.store.transact(_forget_lost)
    with killed_guard(place.issuer, 2):
        assert (await standing(place)).reached


async def _forget_lost(tx: Transaction) -> None:
    await tx.guards.found([each.name for each in await tx.guards.lost()])


@contextmanager
def two_workers(data: Path) -> Iterator[tuple[int, int]]:
    """A server of two processes on one port: its process id, and the port."""
    command = [sys.executable, "-c", START, "serve", "--data", str(data), "--port", "0"]
    command += ["--workers", "2"]
    environment = {**os.environ, **environment_of(data)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        try:
            assert child.stdout is not None
            found = re.search(r":(\d+) ", child.stdout.readline())
            assert found is not None
            yield child.pid, int(found[1])
        finally:
            child.terminate()
            child.wait(20)


def workers_of(pid: int) -> set[int]:
    return {int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


async def test_guards_of_several_processes_are_waited_for_and_a_dead_one_is_not_passed_over(
    tmp_path: Path,
):
    """What guards say comes in at any of them. One that was killed cannot tell whether its guards
    have come back to another: for a while nobody is told that all have it.
    """
    async with served(tmp_path) as place:
        with two_workers(tmp_path) as (parent, port), ExitStack() as stack:
            for guard in guards(place, stack, 8, f"http://127.0.0.1:{port}"):
                await connected(guard)
            found = await standing(place)
            assert (found.reached, found.known, found.anonymous) == (True, 1, 7)
            victim = min(workers_of(parent))
            os.kill(victim, signal.SIGKILL)
            await until(lambda: len(workers_of(parent) - {victim}) == 2)
            found = await standing(place, 1)
            assert found.reached == (found.uncounted == 0)
