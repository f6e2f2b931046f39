"""Who carries is lost under endings: the leader of NATS, or our server. No guard misses any."""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from counterfoil.guard import Carrier, Guard, Issuer
from counterfoil.net.carrier import NatsServers, NatsUrl
from counterfoil.net.jetstream import Keeping, Stream
from counterfoil.oauth.feed import carried
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Marks, Notice
from counterfoil.server.assembly import build
from counterfoil.server.settings import load
from tests.engines import settings_of
from tests.flows.serving import served, started, until
from tests.installation import NOTES, Installation
from tests.nats import Nats, cluster, running

pytestmark = [pytest.mark.anyio, pytest.mark.nats, pytest.mark.soak]

GUARDS = 12
SECONDS_BEFORE, SECONDS_AFTER = 4, 16
A_SECOND = 40


class Watched:
    """A guard, and when it held what."""

    def __init__(self, guard: Guard) -> None:
        (self.state,) = guard._states.values()
        (self.line,) = guard._follower._lines
        self.reached: list[tuple[float, int]] = []
        self.left = 0
        self._rode = True

    @property
    def rides(self) -> bool:
        return self.line._carriage is not None and self.line._carriage.rides

    def look(self, now: float) -> None:
        number = self.state.notices.proven_number
        if not self.reached or self.reached[-1][1] < number:
            self.reached.append((now, number))
        self.left += self._rode and not self.rides
        self._rode = self.rides

    def delays(self, ended: Sequence[tuple[float, int]]) -> list[float]:
        """For each ending, after how many seconds it counted here."""
        found, at = [], 0
        for ended_at, number in ended:
            while self.reached[at][1] < number:
                at += 1
            found.append(max(0.0, self.reached[at][0] - ended_at))
        return found


async def leader_of(place: Installation, nodes: Sequence[Nats]) -> Nats:
    """The node that leads the group that keeps the stream."""
    urls = tuple(NatsUrl(node.url) for node in nodes)
    names = carried(place.issuer)
    stream = await Stream.open(NatsServers(urls), names, Keeping(60))
    info = await stream._stream.stream_info(names.stream)
    await stream.close()
    assert info.cluster is not None
    assert len(info.cluster.replicas or ()) == len(nodes) - 1, "every node keeps it"
    return next(node for node in nodes if node.name == info.cluster.leader)


async def end(place: Installation, family: str) -> tuple[float, int]:
    notice = Notice(Ended.FAMILY, family, 10**10)
    position = await place.authority.store.transact(lambda tx: tx.notices.append([notice]))
    return time.monotonic(), position.number


async def test_the_leader_is_killed_and_no_guard_misses_a_notice(
    tmp_path: Path, record_property: Callable[[str, object], None]
):
    """S40, of figures too: how long it takes until an ending is known everywhere."""
    with cluster() as nodes, ExitStack() as stack:
        urls = [node.url for node in nodes]
        async with served(tmp_path, nats=",".join(urls), nats_replicas="3") as place:
            carrier = Carrier(tuple(urls))
            guards = [
                stack.enter_context(
                    Guard(issuers=[Issuer(place.issuer, carrier=carrier)], audience=NOTES)
                )
                for _ in range(GUARDS)
            ]
            watched = [Watched(guard) for guard in guards]
            await until(lambda: all(each.rides for each in watched), 60)
            leader = await leader_of(place, nodes)
            ended: list[tuple[float, int]] = []
            killed_at = time.monotonic() + SECONDS_BEFORE
            is_over = killed_at + SECONDS_AFTER
            watching = asyncio.create_task(watch(watched))
            while time.monotonic() < is_over:
                if leader is not None and time.monotonic() >= killed_at:
                    killed_at = time.monotonic()
                    leader.stop()
                    leader = None
                ended.append(await end(place, f"ended-{len(ended)}"))
                await asyncio.sleep(1 / A_SECOND)
            last = ended[-1][1]
            await until(
                lambda: all(each.state.notices.proven_number >= last for each in watched), 30
            )
            await asyncio.sleep(0.1)
            watching.cancel()
            await until(lambda: all(each.rides for each in watched), 90)
            for each in watched:
                missed = [
                    number
                    for number in range(len(ended))
                    if each.state.notices.rejects(marks(f"ended-{number}"), 0) is not Reason.REVOKED
                ]
                assert missed == []
    record_property("told", figures(watched, ended, killed_at))


async def test_the_server_that_carries_is_killed_and_another_goes_on(
    tmp_path: Path, record_property: Callable[[str, object], None]
):
    """Guards hear what another ended though nobody answers any more where the issuer was."""
    with running() as nats, started(tmp_path, nats=nats.url) as (carrying, port):
        issuer = f"http://127.0.0.1:{port}"
        app = build(load({}, {"data": str(tmp_path), "port": port, **settings_of(tmp_path)}))
        trusted = Issuer(issuer, carrier=Carrier((nats.url,)))
        async with app.running() as server:
            place = Installation(app, server, time.time, remote=True)
            with Guard(issuers=[trusted], audience=NOTES) as guard:
                watched = Watched(guard)
                await until(lambda: watched.rides, 20)
                with started(tmp_path, nats=nats.url, issuer=issuer):
                    carrying.kill()
                    killed_at = time.monotonic()
                    _, number = await end(place, "ended-0")
                    await until(lambda: watched.state.notices.proven_number >= number, 20)
                    took = time.monotonic() - killed_at
                    assert watched.rides, "there is nowhere else that it could have heard it"
                    assert watched.state.is_ready(time.time())
    record_property("told", f"the server that carried was killed: another did after {took:.1f} s")


async def watch(watched: Sequence[Watched]) -> None:
    while True:
        now = time.monotonic()
        for each in watched:
            each.look(now)
        await asyncio.sleep(0.002)


def marks(family: str) -> Marks:
    return Marks("", family, "", 0, "", 0, "")


def figures(
    watched: Sequence[Watched], ended: Sequence[tuple[float, int]], killed_at: float
) -> str:
    calm = [each for each in ended if each[0] < killed_at - 0.1]
    after = [each for each in ended if each[0] >= killed_at - 0.1]
    before = sorted(delay for each in watched for delay in each.delays(calm))
    later = sorted(delay for each in watched for delay in each.delays(after))
    return (
        f"NATS, 3 nodes, the leader killed: {len(watched)} guards, {len(ended)} endings "
        f"({A_SECOND} a second at most), none missed. Known after "
        f"{statistics.median(before) * 1000:.0f} ms (median), {before[-1] * 1000:.0f} ms (longest) "
        f"before; {statistics.median(later) * 1000:.0f} ms and {later[-1]:.1f} s in the "
        f"{SECONDS_AFTER} s from the kill on. "
        f"{sum(bool(each.left) for each in watched)} guards went to the issuer and came back."
    )
