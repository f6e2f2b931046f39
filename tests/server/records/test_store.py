"""The promises of the store are kept by the storage, in full."""

import inspect
from pathlib import Path
from typing import get_type_hints

import pytest

from counterfoil.server.records import store
from counterfoil.server.storage.sqlite import SqliteStore

RECORDS = {
    name: get_type_hints(member.fget)["return"]
    for name, member in vars(store.Transaction).items()
    if isinstance(member, property) and name != "now"
}


def methods_of(promise: type) -> set[str]:
    return {name for name in vars(promise) if not name.startswith("_")}


@pytest.mark.anyio
async def test_every_promise_has_its_statement(tmp_path: Path):
    sqlite = SqliteStore.open(tmp_path / "x.db", clock=lambda: 1.0, random=bytes)

    async def work(tx: store.Transaction) -> None:
        for record, promise in RECORDS.items():
            kept = getattr(tx, record)
            for method in methods_of(promise):
                assert inspect.iscoroutinefunction(getattr(kept, method)), (record, method)

    try:
        await sqlite.read(work)
    finally:
        await sqlite.close()
