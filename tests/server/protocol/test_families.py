"""Starting and renewing a family."""

import pytest

from counterfoil.oauth.access import Access
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.server.protocol import families
from counterfoil.server.protocol.audience import Audience
from counterfoil.server.protocol.families import Share
from counterfoil.server.protocol.refresh_tokens import read_refresh_token
from counterfoil.server.records.family import Family
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from tests.installation import NOTES, Installation

pytestmark = pytest.mark.anyio

SHARE = Share(Audience(NOTES, 1, 100), Access())


def family(place: Installation, absolute: int) -> Family:
    now = int(place.clock())
    return Family(
        id="AAAAAAAAAAAAAAAAAAAAAA",
        grant_id="g",
        client_id="app",
        user_id="u",
        session_id=None,
        access=Access(),
        auth_time=now,
        created_at=now,
        last_used_at=now,
        access_expires_at=0,
        origin=Origin(),
        absolute_expires_at=now + absolute if absolute else 0,
    )


async def renewed(place: Installation, before: Family, share: Share = SHARE):
    async def work(tx: Transaction):
        return families.renewed(place.authority, tx, before, share)

    return await place.authority.store.read(work)


async def test_each_renewal_gives_the_next_generation(place: Installation):
    before = family(place, 10**8)
    for generation in (1, 2, 3):
        before, token = await renewed(place, before)
        assert token is not None
        assert is_spelled(Kind.REFRESH_TOKEN, token.reveal())
        shown = read_refresh_token(place.authority.keys.refresh_mac, token.reveal())
        assert shown is not None
        assert shown.generation == before.refresh_generation == generation
        assert before.refresh_digest == token.fingerprint()
        assert before.rotated_at == int(place.clock())


async def test_idleness_never_reaches_beyond_the_absolute_end(place: Installation):
    """S32."""
    now, idle = int(place.clock()), place.authority.settings.refresh_idle_lifetime
    after, _ = await renewed(place, family(place, 10**8))
    assert after.refresh_expires_at == now + idle
    after, _ = await renewed(place, family(place, 50))
    assert after.refresh_expires_at == now + 50


async def test_who_does_not_refresh_gets_no_refresh_token(place: Installation):
    after, token = await renewed(place, family(place, 0))
    assert token is None
    assert after.refresh_digest is None


async def test_the_last_access_token_is_remembered_by_its_end(place: Installation):
    """S41: so long the notice of an ending has to live, even when lifetimes get shorter."""
    now = int(place.clock())
    after, _ = await renewed(place, family(place, 10**8))
    assert after.access_expires_at == now + 100
    shorter = Share(Audience(NOTES, 1, 10), Access())
    again, _ = await renewed(place, after, shorter)
    assert again.access_expires_at == now + 100
