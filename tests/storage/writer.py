"""A process that commits and says so: run by the tests, and killed by some of them.

Usage: writer.py WHERE NAME IN_FLIGHT COUNT. WHERE is a path or a URL. Each acknowledged work
prints its number; half of them run beside others where that makes a difference.
"""

import asyncio
import secrets
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.store import Store, Transaction
from counterfoil.server.storage.postgres import PostgresStore
from counterfoil.server.storage.postgres_pool import Room
from counterfoil.server.storage.sqlite import SqliteStore
from tests.storage.samples import PATIENT, event, notice


class Stumbled(Exception):
    """Some works fail after they have written."""


async def tell(tx: Transaction, name: str, number: int) -> None:
    """A notice and an event, or neither."""
    await tx.notices.append([notice(f"{name}-{number}", until=2**40)])
    await tx.events.append(event(subject=f"{name}-{number}"))
    if number % 7 == 0:
        raise Stumbled


async def write(store: Store, name: str, numbers: "asyncio.Queue[int]") -> None:
    while not numbers.empty():
        number = numbers.get_nowait()
        try:
            await store.transact(partial(tell, name=name, number=number), beside=number % 2 == 0)
        except (Stumbled, StoreUnavailable):
            continue
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


async def open_store(where: str, clock: Callable[[], float]) -> Store:
    if where.startswith("postgresql:"):
        room = Room(10, PATIENT)
        return await PostgresStore.open(where, clock=clock, random=secrets.token_bytes, room=room)
    random = secrets.token_bytes
    return SqliteStore.open(Path(where), clock=clock, random=random, bounds=PATIENT)


async def main(where: str, name: str, in_flight: int, count: int) -> None:
    store = await open_store(where, time.time)
    numbers: asyncio.Queue[int] = asyncio.Queue()
    for number in range(1, count + 1):
        numbers.put_nowait(number)
    await asyncio.gather(*(write(store, name, numbers) for _ in range(in_flight)))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
