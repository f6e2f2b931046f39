"""A refresh token that was pasted by mistake: explained through its family, and not used."""

import pytest

from counterfoil.oauth.opaque import Kind, spell
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.explain import explain
from counterfoil.server.protocol.explaining.explanation import Explanation, Verdict
from counterfoil.server.records.refresh_limits import NotedLimits, RefreshLimits
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def told(place: Installation, pasted: str) -> Explanation:
    found = await explain(place.authority, pasted)
    assert "should not be pasted" in found.sentence
    assert found.kind == "refresh_token"
    return found


async def refreshed(place: Installation, token: str) -> str:
    answer = await place.post("/token", "app", grant_type="refresh_token", refresh_token=token)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["refresh_token"])


async def test_it_stands_before_and_after_it_was_explained(place: Installation, person: Person):
    """S109: explaining is no use of it."""
    token = (await person.tokens())["refresh_token"]
    for _ in range(3):
        found = await told(place, token)
        assert (found.verdict, found.owner) == (Verdict.STANDS, person.user_id)
    await refreshed(place, token)


async def test_one_that_was_exchanged_says_so_and_ends_nothing(place: Installation, person: Person):
    """S109: pasting an old one is no theft."""
    old = (await person.tokens())["refresh_token"]
    new = await refreshed(place, old)
    found = await told(place, old)
    assert (found.decided_by, found.reason) == ("use", Reason.USED_UP)
    place.clock.turn(60)
    assert (await told(place, new)).verdict is Verdict.STANDS
    await refreshed(place, new)


async def test_one_that_was_ended_or_expired_says_since_when(place: Installation, person: Person):
    token = (await person.tokens())["refresh_token"]
    (family,) = await place.authority.store.read(
        lambda tx: tx.families.live_of_user(person.user_id)
    )
    await place.authority.store.transact(
        lambda tx: revocation.end_family(tx, family.id, "revoked", events.CLI)
    )
    found = await told(place, token)
    assert (found.decided_by, found.by) == ("authorization", "cli")
    assert found.since == int(place.clock())
    other = (await person.tokens(scope="openid notes:read offline_access"))["refresh_token"]
    place.clock.turn(3650 * 86_400)
    assert (await told(place, other)).reason is Reason.EXPIRED


async def test_one_that_we_never_made_is_nobodys(place: Installation):
    """S109: the checksum is anybody's, the MAC is not."""
    found = await told(place, spell(Kind.REFRESH_TOKEN, b"x" * 60).reveal())
    assert (found.reason, found.owner) == (Reason.BAD_SIGNATURE, "")


async def test_one_that_a_limit_set_since_refuses_says_so(place: Installation, person: Person):
    """S109, S26: as a refresh would find it, though nothing has been written to it yet."""
    token = (await person.tokens(scope="openid notes:read offline_access"))["refresh_token"]
    limits = RefreshLimits(offline_idle=60)
    store, issued = place.authority.store, int(place.clock())
    await store.transact(lambda tx: tx.limit_notes.keep(NotedLimits(limits, limits)))
    assert (await told(place, token)).verdict is Verdict.STANDS
    place.clock.turn(60)
    found = await told(place, token)
    assert (found.decided_by, found.reason) == ("expiry", Reason.EXPIRED)
    assert found.since == issued + 60
