"""Remembered browsers on the administrators' page of a person, and in what an ending says (S24)."""

from typing import Any

import pytest

from counterfoil.server.documents.endings import document_of
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.session import Origin
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def test_they_are_shown_and_counted_when_they_end(place: Installation, boss: Person) -> None:
    """Though nobody is signed in there: it is what the browser comes back with."""
    user = await place.add_user("remembered@example.com")

    async def work(tx: Any) -> None:
        remembered = RememberedBrowser(
            id="r1",
            user_id=user.id,
            digest=b"1",
            browser="b",
            auth_time=tx.now,
            amr=("pwd",),
            used_at=tx.now,
            expires_at=tx.now + 86_400,
            origin=Origin("192.0.2.99", "<b>Lynx</b>"),
        )
        await tx.remembered_browsers.add(remembered)

    await place.authority.store.transact(work)
    page = await boss.browser.get(f"/admin/users/{user.id}")
    assert "Remembered browsers" in page.text
    assert "192.0.2.99" in page.text
    assert "<b>Lynx" not in page.text
    ending = await place.authority.store.transact(
        lambda tx: revocation.sign_out_user(tx, user.id, CLI)
    )
    assert document_of(ending).remembered_browsers_ended == 1
    assert document_of(ending).ended
    assert "192.0.2.99" not in (await boss.browser.get(f"/admin/users/{user.id}")).text
