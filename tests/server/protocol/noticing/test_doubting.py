"""A doubted session, and what its browser is remembered by."""

from pathlib import Path

import pytest

from counterfoil.server.protocol.noticing.doubting import doubt
from counterfoil.server.records.event import EventKind, EventQuery
from tests.flows.test_remembered_browsers import ada, close, comes_back, signed_in

pytestmark = pytest.mark.anyio


async def test_being_remembered_does_not_take_the_place_of_a_sign_in(tmp_path: Path):
    """S24, S107: it is forgotten with the doubt, and said once."""
    async with ada(tmp_path) as person:
        await signed_in(person)
        place = person.installation
        store, user_id = place.authority.store, person.user_id
        [session] = await store.read(lambda tx: tx.sessions.of_user(user_id))
        for _ in range(2):
            await store.transact(lambda tx: doubt(tx, session.id))
        assert 'name="password"' in (await comes_back(person)).text
        close(person.browser)
        assert 'name="password"' in (await comes_back(person)).text
        query = EventQuery(kind=EventKind.BROWSER_FORGOTTEN)
        [event] = await store.read(lambda tx: tx.events.find(query))
        assert event.detail["why"] == "doubted"


async def test_what_is_gone_is_doubted_by_nobody(tmp_path: Path):
    async with ada(tmp_path) as person:
        store = person.installation.authority.store
        await store.transact(lambda tx: doubt(tx, "no such session"))
        query = EventQuery(kind=EventKind.BROWSER_FORGOTTEN)
        assert await store.read(lambda tx: tx.events.find(query)) == []
