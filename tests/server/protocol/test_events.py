"""Writing down who, what, when, from where (S111)."""

import pytest

from counterfoil.server.protocol import events
from counterfoil.server.protocol.events import Actor
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from tests.installation import Installation

pytestmark = pytest.mark.anyio


async def test_an_event_says_who_what_when_and_from_where(place: Installation):
    """S111: the audit line of every change."""
    by = Actor("user:u", Origin("192.0.2.1", "Firefox"))

    async def work(tx: Transaction) -> None:
        await events.record(tx, EventKind.SESSION_ENDED, by, "s", {"why": "asked"})

    await place.authority.store.transact(work)
    (event,) = await place.authority.store.read(lambda tx: tx.events.latest(1))
    assert (event.kind, event.actor, event.subject) == (EventKind.SESSION_ENDED, "user:u", "s")
    assert (event.address, event.user_agent) == ("192.0.2.1", "Firefox")
    assert event.at == int(place.clock())
    assert event.detail == {"why": "asked"}


async def test_what_is_rolled_back_leaves_no_event(place: Installation):
    """The event stands in the transaction of the change that it tells of."""
    before = await place.authority.store.read(lambda tx: tx.events.latest(1))

    async def work(tx: Transaction) -> None:
        await events.record(tx, EventKind.SESSION_ENDED, events.CLI, "x")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await place.authority.store.transact(work)
    assert await place.authority.store.read(lambda tx: tx.events.latest(1)) == before


async def test_people_act_by_their_id():
    assert events.by_user("u1", Origin("a")) == Actor("user:u1", Origin("a"))
