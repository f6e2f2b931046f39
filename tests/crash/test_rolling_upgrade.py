"""Servers of this version and of the next at one database, under load, while its schema changes."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import newer
from tests.crash.street import SECONDS, Street
from tests.crash.test_two_workers import CUSTOMERS, SEED, check, install
from tests.crash.upgrading import NEXT, THIS, Place, Server

pytestmark = pytest.mark.anyio

ISSUER = "http://localhost:8001"
ENOUGH = 60
"""Codes and refresh tokens that are spent in each part of the upgrade, at least."""


async def run(place: Place, *arguments: str) -> tuple[int, str]:
    """Run a command of the next version; gives its exit code and its words."""
    process = place.command(NEXT, *arguments)
    said = await asyncio.to_thread(process.communicate, timeout=SECONDS)
    return process.returncode, "".join(said)


@pytest.mark.timeout(300)
async def test_a_version_takes_over_from_another_without_a_pause(
    tmp_path: Path,
    records: str,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """S92: expand while the older serves, serve together, then contract; nothing is lost."""
    data, begun = tmp_path / "data", time.monotonic()
    street = Street(await install(data, records, ISSUER), CUSTOMERS, SEED)
    place = Place(data, records, ISSUER)
    with ExitStack() as servers:
        workers = ("--workers", "1" if records else "2")
        older = servers.enter_context(place.serving(THIS, *workers))
        async with street.living(older.base, older.base):
            await street.spend(ENOUGH)
            later = await asyncio.to_thread(servers.enter_context, place.serving(NEXT))
            street.go_to(older.base, later.base)
            await street.spend(ENOUGH)
            lost = street.books.lost
            await take_away(place, older, street)
            street.go_to(later.base, later.base)
            await street.spend(ENOUGH)
        code, said = await asyncio.to_thread(later.end)
        assert (code, " ERROR " in said, "Traceback" in said) == (0, False, False), said
    assert lost == 0, "an answer was lost before the older server had to end"
    street.finish()
    newer.become(monkeypatch.setattr)
    await check(data, records, street.books)
    record_property(
        "told",
        f"upgrade under load on {'PostgreSQL' if records else 'SQLite'}, "
        f"{time.monotonic() - begun:.0f} s: {street.spent} codes and refresh tokens spent, "
        f"{street.books.grants_ended} grants ended, {street.books.lost} answers lost while the "
        "older server ended",
    )


async def take_away(place: Place, older: Server, street: Street) -> None:
    """Ask for the contract; then ask that the older server, which needs what it takes, ends."""
    code, said = await run(place, "database", "migrate", "--contract")
    assert (code, "is in use by" in said) == (1, True), said
    await street.spend(ENOUGH)
    code, said = await run(place, "database", "migrate", "--contract", "--end-older")
    assert (code, newer.CONTRACT in said) == (0, True), said
    code, said = await asyncio.to_thread(older.outcome)
    assert (code, "needs Counterfoil 99.1 or newer" in said) == (1, True), said
    assert "Traceback" not in said
