"""The primary of a highly available PostgreSQL is killed under load, again and again."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from counterfoil.guard import Guard, Rejected, Staleness
from tests.crash.customer import Family
from tests.crash.street import Street
from tests.crash.test_two_workers import CUSTOMERS, SEED, check, install
from tests.crash.upgrading import THIS, Place
from tests.flows.serving import fresh, refusal_of
from tests.installation import NOTES
from tests.ports import free_port
from tests.soak.patroni import TTL, Cluster, cluster

pytestmark = [pytest.mark.anyio, pytest.mark.soak, pytest.mark.postgres, pytest.mark.patroni]

FAILOVERS = int(os.environ.get("COUNTERFOIL_TEST_FAILOVERS", "3"))
ENOUGH = 40
"""Codes and refresh tokens that are spent between two failovers, at least."""
BUDGET = 90.0
"""Seconds for which the guards' owners let them go on without a word."""


class Watch:
    """A guard that checks one living token all the time."""

    def __init__(self, guard: Guard, token: str) -> None:
        self.guard = guard
        self.checks = 0
        self.refusals: list[str] = []
        self._token = token

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._watch())
        yield
        task.cancel()

    async def _watch(self) -> None:
        while True:
            try:
                self.guard.check(self._token)
            except Rejected as rejected:
                self.refusals.append(rejected.reason)
            self.checks += 1
            await asyncio.sleep(0.01)


async def lived_in(street: Street, base: str) -> list[Family]:
    """Families of a customer who does nothing but keep them: one to watch, one for each ending."""
    steady = street.customers.pop()
    steady.bases = (base, base)
    while len(steady.families) < 1 + FAILOVERS:
        await steady.start()
    await steady.browser.aclose()
    return steady.families


@pytest.mark.timeout(1800)
async def test_the_primary_dies_under_load_and_nothing_acknowledged_is_lost(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """S92, S93: what was acknowledged stands, spent is spent, ended is ended; guards go on."""
    with cluster() as database:
        data, port = tmp_path / "data", free_port()
        issuer = f"http://127.0.0.1:{port}"
        street = Street(await install(data, database.url, issuer), CUSTOMERS, SEED)
        place = Place(data, database.url, issuer)
        with place.serving(THIS, "--port", str(port)) as one, place.serving(THIS) as other:
            drill = Drill(database, street)
            await drill.run(one.base, other.base)
            ends = [await asyncio.to_thread(server.end) for server in (one, other)]
        assert [code for code, _ in ends] == [0, 0]
        mistakes = "\n".join(mistakes_in(log) for _, log in ends).strip()
        assert not mistakes, mistakes
        await asyncio.to_thread(database.await_standby)
        street.finish()
        await check(data, database.url, street.books)
    for told in drill.told:
        record_property("told", told)
    record_property("told", drill.compared())


def mistakes_in(log: str) -> str:
    """What a server logged as an error, the first words of each with the last ones."""
    found = [each.strip().splitlines() for each in log.split(" ERROR ")[1:]]
    return "\n".join(f"{lines[0]} … {lines[-1]}" for lines in found)


class Drill:
    """Kills the primary, and watches what guards and customers see of it."""

    def __init__(self, database: Cluster, street: Street) -> None:
        self.database = database
        self.street = street
        self.told: list[str] = []

    async def run(self, one: str, other: str) -> None:
        watched, *doomed = await lived_in(self.street, one)
        keeper = self.street.customers[0]
        guard = Guard(one, audience=NOTES, staleness=Staleness.reject(budget=BUDGET))
        with guard:
            await fresh(guard)
            self.watch = Watch(guard, watched.access_tokens[0])
            async with self.watch.watching(), self.street.living(one, other):
                await self.street.spend(ENOUGH)
                for number, family in enumerate(doomed, 1):
                    paused = await self.fail_over()
                    begun = time.monotonic()
                    while not family.ended:
                        await keeper.revoke(family)
                    refused = await refusal_of(guard, family.access_tokens[0])
                    assert refused.reason == "revoked", refused
                    heard = time.monotonic() - begun
                    self.told.append(
                        f"failover {number}: {paused:.1f} s without a write (Patroni's ttl {TTL} "
                        f"s); an ending was heard by the guard {heard * 1000:.0f} ms after it "
                        "was asked for"
                    )
        assert self.watch.refusals == []

    async def fail_over(self) -> float:
        """Kill the primary, and wait until much was written again; gives the longest pause."""
        await asyncio.to_thread(self.database.await_standby)
        killed = self.database.primary()
        assert killed is not None
        at = time.monotonic()
        killed.kill()
        await self.street.spend(ENOUGH)
        assert self.database.primary() is not killed
        await asyncio.to_thread(killed.start)
        return self.street.books.longest_pause(at)

    def compared(self) -> str:
        """What the customers' books were compared with the truth of."""
        books = self.street.books
        ended = sum(family.ended for family in books.families)
        return (
            f"{FAILOVERS} kill -9 of the primary, seed {SEED}: {len(books.families)} families, "
            f"{len(books.spent)} codes and {len(books.successors)} refresh tokens acknowledged, "
            f"{books.recovered} of these after a lost answer, {ended} families and "
            f"{books.grants_ended} grants ended, {len(books.codes)} codes unused; all compared, "
            f"none missing, none twice; the guard checked {self.watch.checks} times and refused "
            "none wrongly"
        )
