"""Providers, as administrators see them."""

import pytest

from counterfoil.oauth.opaque import Secret
from counterfoil.server.protocol import providers
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.providers import NewProvider
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
