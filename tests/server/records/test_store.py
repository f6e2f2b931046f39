"""The promises of the store are kept by the storage, in full."""

import inspect
from pathlib import Path

import pytest

from counterfoil.server.records import store
from counterfoil.server.storage.sqlite import SqliteStore

RECORDS = [
    "ActionTokens",
    "Allowances",
    "Users",
    "Sessions",
    "Clients",
    "Apis",
    "Beginnings",
    "DefaultLifetimes",
    "Grants",
    "Authorizations",
    "DeviceRequests",
    "Families",
    "Proofs",
    "SigningKeys",
    "Events",
    "PersonalTokens",
    "Segments",
    "Notices",
    "IssuedTokens",
    "Guards",
    "Leases",
    "LimitNotes",
    "Lists",
    "Sealed",
    "Servers",
    "Sightings",
]


def methods_of(promise: type) -> set[str]:
    return {name for name in vars(promise) if not name.startswith("_")}


@pytest.mark.anyio
async def test_every_promise_has_its_statement(tmp_path: Path):
    sqlite = SqliteStore.open(tmp_path / "x.db", clock=lambda: 1.0, random=bytes)
    attributes = {name.lower(): name for name in methods_of(store.Transaction)}

    async def work(tx: store.Transaction) -> None:
        for record in RECORDS:
            name = next(a for a in attributes if a.replace("_", "") == record.lower())
            kept = getattr(tx, attributes[name])
            for method in methods_of(getattr(store, record)):
                assert inspect.iscoroutinefunction(getattr(kept, method)), (record, method)

    try:
        await sqlite.read(work)
    finally:
        await sqlite.close()


def test_every_record_of_a_transaction_is_among_the_promises():
    promised = {
        name
        for name, member in vars(store.Transaction).items()
        if isinstance(member, property) and name != "now"
    }
    assert {name.replace("_", "") for name in promised} == {name.lower() for name in RECORDS}
