"""Starting and renewing a family."""

import pytest
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol import families, registration
from counterfoil.server.protocol.audience import Audience
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.families import Life, Share
from counterfoil.server.protocol.issuance import TokenRequest
from counterfoil.server.protocol.lifetimes import limits_in_force, limits_of
from counterfoil.server.protocol.refresh_tokens import read_refresh_token
from counterfoil.server.protocol.standing import Standing
from counterfoil.server.records.client import Client
from counterfoil.server.records.family import Family
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.refresh_limits import NotedLimits, RefreshLimits
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from tests.installation import NOTES, Installation

pytestmark = pytest.mark.anyio

UNDECIDED = ClientPolicy()
DECIDED = ClientPolicy(
    refresh_idle_lifetime=1,
    refresh_absolute_lifetime=2,
    offline_idle_lifetime=3,
    offline_absolute_lifetime=4,
)
SHARE = Share(Audience(NOTES, 1, 100), Access(), RefreshLimits())


def client(policy: ClientPolicy = UNDECIDED) -> Client:
    return Client(
        client_id="app",
        client_name="App",
        created_at=0,
        grant_types=("authorization_code", "refresh_token"),
        scopes=frozenset(),
        policy=policy,
    )


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


async def renewed(
    place: Installation, before: Family, share: Share = SHARE, policy: ClientPolicy = UNDECIDED
):
    async def work(tx: Transaction):
        request = TokenRequest(client(policy), Parameters({}, {}), Origin())
        limits = await limits_in_force(tx, place.authority.settings)
        own = replace(share, limits=limits)
        return families.renewed(place.authority, tx, request, before, own)

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
    now, idle = int(place.clock()), place.authority.settings.offline_idle_lifetime
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
    shorter = replace(SHARE, audience=Audience(NOTES, 1, 10))
    again, _ = await renewed(place, after, shorter)
    assert again.access_expires_at == now + 100


def test_offline_access_has_lifetimes_of_its_own(place: Installation):
    """S08: the settings say a year and 90 days; S22: a client's policy says otherwise."""
    settings = place.authority.settings
    limits = limits_of(settings)
    online = families.life_of(client(), limits, offline=False)
    offline = families.life_of(client(), limits, offline=True)
    assert online == Life(settings.refresh_idle_lifetime, settings.refresh_absolute_lifetime)
    assert offline == Life(settings.offline_idle_lifetime, settings.offline_absolute_lifetime)
    assert offline == Life(90 * 86400, 365 * 86400)
    assert families.life_of(client(DECIDED), limits, offline=False) == Life(1, 2)
    assert families.life_of(client(DECIDED), limits, offline=True) == Life(3, 4)


async def test_a_policy_of_the_client_counts_at_each_renewal(place: Installation):
    """S22, S32: however long the family might have lived, the policy of today is asked."""
    now = int(place.clock())
    before = replace(family(place, 10**8), session_id="s")
    for policy, ends in (
        (ClientPolicy(refresh_idle_lifetime=7), now + 7),
        (ClientPolicy(refresh_absolute_lifetime=9), now + 9),
        (ClientPolicy(offline_idle_lifetime=7), now + 30 * 86400),
    ):
        after, _ = await renewed(place, before, policy=policy)
        assert after.refresh_expires_at == ends


def test_a_shortened_lifetime_counts_at_once_and_a_lengthened_one_revives_nothing(
    place: Installation,
):
    """S26: for families that are out already."""
    limits = limits_of(place.authority.settings)
    before = replace(family(place, 10**8), refresh_expires_at=int(place.clock()) + 3)
    assert families.limited(before, client(), limits) == before
    longer = client(ClientPolicy(offline_idle_lifetime=10**7, offline_absolute_lifetime=10**8))
    assert families.limited(before, longer, limits) == before
    for policy in (
        ClientPolicy(offline_idle_lifetime=2),
        ClientPolicy(offline_absolute_lifetime=2),
    ):
        shorter = families.limited(before, client(policy), limits)
        assert shorter.refresh_expires_at == int(place.clock()) + 2


async def test_what_is_noted_counts_and_not_what_this_server_would_say(place: Installation):
    """S26: for what is out, and for what is renewed; of both kinds of access, and of proof."""
    now, own = int(place.clock()), limits_of(place.authority.settings)
    before = replace(family(place, 10**8), refresh_expires_at=now + 10**8)
    for limits, ends in (
        (RefreshLimits(offline_idle=7), now + 7),
        (RefreshLimits(offline_absolute=8), now + 8),
        (RefreshLimits(reproof=9), now + 9),
        (replace(own, offline_idle=own.offline_idle + 5), now + own.offline_idle + 5),
        (replace(own, refresh_idle=own.refresh_idle + 5), now + own.offline_idle),
    ):
        noted = NotedLimits(limits, limits, None)
        await place.authority.store.transact(lambda tx, n=noted: tx.limit_notes.keep(n))
        found = await place.authority.store.read(
            lambda tx: limits_in_force(tx, place.authority.settings)
        )
        assert found == limits
        assert families.limited(before, client(), found).refresh_expires_at == ends
        after, _ = await renewed(place, before)
        assert after.refresh_expires_at == ends


def test_proof_anew_counts_beside_what_a_policy_says_of_refreshing():
    """S30: the shorter of everyone's and the client's own."""
    for own, everyone, absolute in ((None, 9, 4), (3, 9, 3), (9, 2, 2), (None, 2, 2)):
        policy = replace(DECIDED, reproof_interval=own)
        limits = RefreshLimits(reproof=everyone)
        life = families.proved_life_of(client(policy), limits, offline=True)
        assert life == Life(3, absolute)


async def test_without_rotation_the_token_stays_and_its_idle_time_slides(place: Installation):
    """OAuth 2.1 §4.3.1: for clients with a secret."""
    fixed = ClientPolicy(refresh_rotation=False)
    first, token = await renewed(place, family(place, 10**8), policy=fixed)
    assert token is not None
    place.clock.turn(50)
    again = await renewed(place, replace(first, sealed_successor=b"of before"), policy=fixed)
    after, none = again
    assert none is None
    assert (after.refresh_digest, after.refresh_generation) == (token.fingerprint(), 1)
    assert after.refresh_expires_at == first.refresh_expires_at + 50
    assert after.sealed_successor is None, "it is used now"


async def test_a_scope_that_the_api_no_longer_has_is_in_no_new_token(place: Installation):
    uri = "https://changing.example"
    await place.add_api(uri, "Changing", {"a": "A", "b": "B"})
    access = Access({uri: frozenset({"a", "b"})}, frozenset({"openid"}))
    request = TokenRequest(client(), Parameters({}, {}), Origin())

    async def change(tx: Transaction, *scopes: str) -> Share:
        api = await tx.apis.find(uri)
        assert api is not None
        scopes_now = {scope: scope for scope in scopes}
        await registration.update_api(tx, replace(api, scopes=scopes_now), CLI)
        assert place.user is not None
        standing = Standing(place.user, access, RefreshLimits())
        return await families.share_of(place.authority, tx, standing, request)

    share = await place.authority.store.transact(lambda tx: change(tx, "b", "c"))
    assert share.access == Access({uri: frozenset({"b"})}, frozenset({"openid"}))
    with pytest.raises(OAuthError, match="none of the scopes"):
        await place.authority.store.transact(lambda tx: change(tx, "c"))


async def test_nothing_reaches_beyond_the_end_of_what_it_rests_on(place: Installation):
    """S13, S30."""
    now = int(place.clock())
    after, _ = await renewed(place, family(place, 10**8), replace(SHARE, until=now + 7))
    assert after.refresh_expires_at == now + 7
