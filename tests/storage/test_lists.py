"""Conformance, on every engine: long lists in parts, newest first."""

from typing import Any

import pytest

from counterfoil.server.records.listing import Part
from counterfoil.server.records.store import Store, Transaction
from tests.storage.samples import NOW, add_people, client, family, grant, session, user

pytestmark = pytest.mark.anyio


async def fill(tx: Transaction) -> None:
    """Five of each, two of them of one second."""
    await add_people(tx)
    for number, at in enumerate((NOW + 1, NOW + 2, NOW + 2, NOW + 3)):
        name = f"n{number}"
        await tx.users.add(user(id=name, email=f"{name}@example.org", created_at=at))
        await tx.clients.add(client(client_id=name, created_at=at))
        await tx.sessions.add(session(id=name, digest=bytes([number]) * 32, auth_time=at))
        await tx.grants.allow(grant(id=name, user_id=name, client_id="n0", created_at=at))
        await tx.families.add(family(id=name, grant_id="grant-1", created_at=at))


KINDS: dict[str, tuple[Any, list[str]]] = {
    "users": (lambda tx, part: tx.lists.users(part), ["n3", "n2", "n1", "n0", "ada"]),
    "clients": (lambda tx, part: tx.lists.clients(part), ["n3", "n2", "n1", "n0", "notes-web"]),
    "sessions": (lambda tx, part: tx.lists.sessions(part), ["n3", "n2", "n1", "n0"]),
    "sessions of one": (
        lambda tx, part: tx.lists.sessions(part, "ada"),
        ["n3", "n2", "n1", "n0"],
    ),
    "grants": (lambda tx, part: tx.lists.grants(part), ["n3", "n2", "n1", "n0", "grant-1"]),
    "grants of a user": (lambda tx, part: tx.lists.grants(part, user_id="n2"), ["n2"]),
    "grants of a client": (
        lambda tx, part: tx.lists.grants(part, client_id="n0"),
        ["n3", "n2", "n1", "n0"],
    ),
    "families": (lambda tx, part: tx.lists.families(part), ["n3", "n2", "n1", "n0"]),
    "families of a grant": (
        lambda tx, part: tx.lists.families(part, grant_id="grant-1"),
        ["n3", "n2", "n1", "n0"],
    ),
    "families of a session": (
        lambda tx, part: tx.lists.families(part, session_id="sid-1"),
        ["n3", "n2", "n1", "n0"],
    ),
    "families of nothing": (lambda tx, part: tx.lists.families(part, grant_id="n0"), []),
}
TIMES = {"n0": NOW + 1, "n1": NOW + 2, "n2": NOW + 2, "n3": NOW + 3}


@pytest.mark.parametrize(("ask", "expected"), KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_the_parts_are_the_whole_each_once(
    store: Store, ask: Any, expected: list[str], size: int
) -> None:
    """Nothing is left out between two parts, though two rows are of one second."""
    await store.transact(fill)
    found: list[str] = []
    part = Part(size)
    while names := await store.read(lambda tx, part=part: ask(tx, part)):
        assert len(names) <= size
        found += names
        part = Part(size, TIMES.get(found[-1], NOW), found[-1])
    assert found == expected


async def test_what_has_ended_is_not_listed(store: Store) -> None:
    await store.transact(fill)

    async def end(tx: Transaction) -> None:
        await tx.sessions.end("n1", NOW)
        await tx.grants.end("n1", NOW)
        await tx.families.end("n1", NOW, "test")

    await store.transact(end)
    for ask in (KINDS["sessions"][0], KINDS["grants"][0], KINDS["families"][0]):
        assert "n1" not in await store.read(lambda tx, ask=ask: ask(tx, Part(100)))
