"""Two server processes on one database, under load, killed again and again at random moments.

Afterwards: nothing that was acknowledged is missing, nothing was spent twice, nothing that ended
is alive, and the notices have no gap.
"""

import asyncio
import os
import random
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from counterfoil.oauth.opaque import fingerprint
from counterfoil.oauth.revocations import Ended, notice_from
from counterfoil.server.opening import open_authority
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from counterfoil.server.settings import load
from tests.crash.customer import Books, Customer
from tests.flows.serving import until
from tests.installation import CALLBACK, NOTES, PASSWORD, QUICK
from tests.storage.samples import feed_is_whole, log_is_whole
from tests.storage.writer import open_store

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("COUNTERFOIL_TEST_KILLS", "40"))
MANY = pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])
SEED = int(os.environ.get("COUNTERFOIL_TEST_SEED", "20261122"))
CUSTOMERS = 6
MOST_ANSWERS = 30
"""Of one process between two kills."""
SECONDS = 60


async def install(data: Path, database: str, issuer: str) -> str:
    """Make the installation; gives the app's secret."""
    where = {"data": str(data), "database": database or None, "issuer": issuer}
    authority = await open_authority(load({}, where))

    async def work(tx: Any) -> str:
        api = Api(uri=NOTES, name="Notes", created_at=tx.now, scopes={"notes:read": "Read"})
        await registration.add_api(tx, api, CLI)
        client = Client(
            client_id="app",
            client_name="App",
            created_at=tx.now,
            grant_types=("authorization_code", "refresh_token"),
            scopes=frozenset({"openid", "offline_access", "notes:read"}),
            redirect_uris=(CALLBACK,),
        )
        secret = await registration.add_client(tx, client, CLI, development=True)
        for number in range(CUSTOMERS):
            new = registration.NewUser(f"customer{number}@example.com", QUICK.hash(PASSWORD))
            await registration.add_user(tx, new, CLI)
        assert secret is not None
        return secret.reveal()

    secret = await authority.store.transact(work)
    await authority.store.close()
    return secret


class House:
    """Two server processes, each on a listener of its own, and who starts them."""

    def __init__(self, zygote: asyncio.subprocess.Process) -> None:
        self.zygote = zygote
        self.pids: dict[int, int] = {}
        self.ready = {0: asyncio.Event(), 1: asyncio.Event()}
        self.started = {0: asyncio.Event(), 1: asyncio.Event()}
        self.kills = 0

    async def listen(self) -> None:
        assert self.zygote.stdout is not None
        async for line in self.zygote.stdout:
            word, which, pid = line.decode().split()
            if word == "started":
                self.pids[int(which)] = int(pid)
                self.started[int(which)].set()
            elif self.pids.get(int(which), int(pid)) == int(pid):
                self.ready[int(which)].set()

    async def start(self, which: int) -> None:
        self.ready[which].clear()
        self.started[which].clear()
        assert self.zygote.stdin is not None
        self.zygote.stdin.write(f"{which}\n".encode())
        await asyncio.wait_for(self.started[which].wait(), 30)

    async def keep_killing(
        self, which: int, kills: int, dice: random.Random, answered: Callable[[], int]
    ) -> None:
        """Kill one of the two, at a moment nobody chose; sometimes while it is starting.

        How much it does before is counted in its answers: a busy machine takes longer for them.
        """
        for _ in range(kills):
            if dice.random() < 0.85:
                await asyncio.wait_for(self.ready[which].wait(), SECONDS)
                wanted = answered() + dice.randrange(MOST_ANSWERS)
                await until(lambda wanted=wanted: answered() >= wanted, within=SECONDS)
                await asyncio.sleep(dice.uniform(0, 0.02))
            else:
                await asyncio.sleep(dice.uniform(0, 0.25))
            os.kill(self.pids[which], signal.SIGKILL)
            self.kills += 1
            await self.start(which)
        await asyncio.wait_for(self.ready[which].wait(), SECONDS)


@asynccontextmanager
async def house_of(
    data: Path, database: str, issuer: str, listeners: list[socket.socket]
) -> AsyncIterator[House]:
    ends = [listener.fileno() for listener in listeners]
    with (data.parent / "log").open("wb") as log:
        zygote = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.crash.zygote",
            str(data), database, issuer, *map(str, ends),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
            pass_fds=ends, cwd=ROOT,
        )  # fmt: skip
    house = House(zygote)
    listening = asyncio.create_task(house.listen())
    try:
        for which in (0, 1):
            await house.start(which)
            await asyncio.wait_for(house.ready[which].wait(), 60)
        yield house
    finally:
        zygote.kill()
        await zygote.wait()
        listening.cancel()


@pytest.mark.parametrize("kills", [KILLS, MANY])
@pytest.mark.timeout(900)
async def test_nothing_acknowledged_is_lost_or_doubled_when_processes_are_killed(
    tmp_path: Path, records: str, kills: int, record_property: Callable[[str, object], None]
) -> None:
    """S19, S39, S92, S93: killed at random moments, two processes, one database."""
    data = tmp_path / "data"
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in range(2)]
    bases = tuple(f"http://127.0.0.1:{each.getsockname()[1]}" for each in listeners)
    secret = await install(data, records, bases[0])
    books, stop, begun = Books(), asyncio.Event(), time.monotonic()
    dice = random.Random(SEED)
    customers = [
        Customer(
            (bases[0], bases[1]), secret, books, f"customer{number}@example.com", SEED + number
        )
        for number in range(CUSTOMERS)
    ]
    async with house_of(data, records, bases[0], listeners) as house, asyncio.TaskGroup() as group:
        for customer in customers:
            group.create_task(customer.live(stop))
        halves = (kills // 2, kills - kills // 2)
        await asyncio.gather(
            *(
                house.keep_killing(
                    n, half, random.Random(dice.random()), partial(books.answers.__getitem__, base)
                )
                for n, (half, base) in enumerate(zip(halves, bases, strict=True))
            )
        )
        spent = books.shown
        await until(lambda: books.tell_of_all() and books.shown > spent, within=SECONDS)
        stop.set()
    for listener in listeners:
        listener.close()
    assert house.kills == kills
    books.codes = [each for customer in customers for each in customer.unused]
    await check(data, records, books)
    assert b"Traceback" not in (tmp_path / "log").read_bytes()
    ended = sum(family.ended for family in books.families)
    record_property(
        "told",
        f"{kills} kill -9 of two workers on {'PostgreSQL' if records else 'SQLite'}, "
        f"{time.monotonic() - begun:.0f} s, seed {SEED}: "
        f"{len(books.families)} families, {len(books.spent)} codes and {len(books.successors)} "
        f"refresh tokens spent, {books.recovered} of these after a lost answer, "
        f"{ended} families and {books.grants_ended} grants ended, {books.lost} answers lost",
    )
    assert books.shown > kills // 2


async def check(data: Path, database: str, books: Books) -> None:
    """Look into the database that is left."""
    store = await open_store(database or str(data / "counterfoil.db"), time.time)

    async def look(tx: Any) -> None:
        await feed_is_whole(tx)
        await log_is_whole(tx)
        notices = [notice_from(text) for text in await tx.notices.live()]
        dead = [notice.name for notice in notices if notice.kind is Ended.FAMILY]
        assert len(dead) == len(set(dead)), "one ending was told twice"
        for each in books.families:
            family = await tx.families.find(each.id)
            assert family is not None, "an acknowledged exchange is missing"
            assert (family.ended_at is not None) == (each.id in set(dead))
            if each.ended:
                assert family.ended_at is not None, "an acknowledged ending is missing"
            elif not each.doubtful:
                assert family.ended_at is None, "a family ended by itself"
                assert family.refresh_digest == fingerprint(each.refresh_token)
        for code, _ in books.codes:
            authorization = await tx.authorizations.find(fingerprint(code))
            assert authorization is not None, "an acknowledged code is missing"
            assert authorization.taken_at is None, "a code was spent that nobody showed"

    await store.read(look)
    await store.close()
