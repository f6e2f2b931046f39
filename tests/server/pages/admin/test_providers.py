"""Providers, as administrators see them."""

from typing import Any

import pytest

from counterfoil.oauth.opaque import Secret
from counterfoil.server.protocol import providers, registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.providers import NewProvider
from counterfoil.server.records.linked_identity import LinkedIdentity
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def test_they_are_listed_and_shown_without_our_secret_there(
    place: Installation, boss: Person
):
    """S112."""
    new = NewProvider(
        preset="google", client_id="us", client_secret=Secret("a secret there"), id="seen"
    )
    sealing = place.authority.upstream
    await place.authority.store.transact(lambda tx: providers.add(tx, sealing, new, CLI))
    page = await boss.browser.get("/admin/providers")
    assert "/admin/providers/seen" in page.text
    shown = await boss.browser.get("/admin/providers/seen")
    assert f"{place.issuer}/sign-in/from/seen" in shown.text
    assert "a secret there" not in page.text + shown.text
    assert (await boss.browser.get("/admin/providers/none")).status_code == 404


async def test_a_person_is_shown_with_their_accounts_elsewhere(place: Installation, boss: Person):
    """S112: and who came in by one is not called invited."""

    async def work(tx: Any) -> str:
        user = await registration.add_user(tx, registration.NewUser("g@example.com", None), CLI)
        identity = LinkedIdentity(
            id="i1",
            provider_id="google",
            issuer="https://accounts.google.com",
            subject="1",
            user_id=user.id,
            label="grace elsewhere",
            linked_at=tx.now,
            last_used_at=tx.now,
        )
        await tx.identities.add(identity)
        return user.id

    user_id = await place.authority.store.transact(work)
    page = await boss.browser.get(f"/admin/users/{user_id}")
    assert "grace elsewhere" in page.text
    assert "invited, not yet" not in page.text
