"""Remembered browsers on the administrators' page of a person, and in what an ending says (S24)."""

from typing import Any

import pytest

from counterfoil.server.documents.endings import document_of
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.session import Origin
from tests.installation import Installation, Person, hidden_fields

pytestmark = pytest.mark.anyio


async def test_they_are_shown_and_counted_when_they_end(place: Installation, boss: Person) -> None:
    """Though nobody is signed in there: it is what the browser comes back with."""
    user = await place.add_user("remembered@example.com")
    await place.authority.store.transact(lambda tx: remember(tx, user.id, "r1"))
    page = await boss.browser.get(f"/admin/users/{user.id}")
    assert "Remembered browsers" in page.text
    assert "192.0.2.99" in page.text
    assert "<b>Lynx" not in page.text
    assert 'href="/admin/end?kind=remembered&amp;name=r1"' in page.text
    ending = await place.authority.store.transact(
        lambda tx: revocation.sign_out_user(tx, user.id, CLI)
    )
    assert document_of(ending).remembered_browsers_ended == 1
    assert document_of(ending).ended
    assert "192.0.2.99" not in (await boss.browser.get(f"/admin/users/{user.id}")).text


async def test_one_is_forgotten_by_an_administrator(place: Installation, boss: Person) -> None:
    user = await place.add_user("forgotten@example.com")
    for name in ("r2", "r3"):
        await place.authority.store.transact(lambda tx, name=name: remember(tx, user.id, name))
    asked = await boss.browser.get("/admin/end", params={"kind": "remembered", "name": "r2"})
    assert "Forget this browser?" in asked.text
    assert "remembered no more" in asked.text
    done = await boss.browser.post("/admin/end", data=hidden_fields(asked.text))
    assert "1 browser is remembered no more" in done.text
    left = await place.authority.store.read(lambda tx: tx.remembered_browsers.of_user(user.id))
    assert [each.id for each in left] == ["r3"]


async def remember(tx: Any, user_id: str, name: str) -> None:
    remembered = RememberedBrowser(
        id=name,
        user_id=user_id,
        digest=name.encode(),
        browser="b",
        auth_time=tx.now,
        amr=("pwd",),
        used_at=tx.now,
        expires_at=tx.now + 86_400,
        origin=Origin("192.0.2.99", "<b>Lynx</b>"),
    )
    await tx.remembered_browsers.add(remembered)
