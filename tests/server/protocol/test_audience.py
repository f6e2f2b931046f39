"""The one API that a token is for."""

import pytest
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol.audience import audience_of, catalogue, resource_in
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.policy import ClientPolicy
from tests.installation import NOTES, Installation

MAIL = "https://mail.example"
READ = frozenset({"read"})
APP = Client(client_id="x", client_name="X", created_at=1, grant_types=(), scopes=frozenset())


def limited(seconds: int | None) -> Client:
    return replace(APP, policy=ClientPolicy(access_token_lifetime=seconds))


@pytest.mark.parametrize(
    ("apis", "resources", "chosen"),
    [
        ((NOTES,), (), NOTES),
        ((NOTES, MAIL), (MAIL,), MAIL),
        ((NOTES,), (NOTES, NOTES), NOTES),
        ((), (), None),
    ],
)
def test_the_choice(apis: tuple[str, ...], resources: tuple[str, ...], chosen: str | None):
    """RFC 8707 §2.2."""
    assert resource_in(Access(dict.fromkeys(apis, READ)), resources) == chosen


@pytest.mark.parametrize(
    ("apis", "resources"),
    [((NOTES, MAIL), ()), ((NOTES, MAIL), (NOTES, MAIL)), ((NOTES,), (MAIL,)), ((), (NOTES,))],
)
def test_what_is_no_choice_is_refused(apis: tuple[str, ...], resources: tuple[str, ...]):
    """RFC 8707 §2: invalid_target."""
    with pytest.raises(OAuthError) as refused:
        resource_in(Access(dict.fromkeys(apis, READ)), resources)
    assert refused.value.error == "invalid_target"


@pytest.mark.anyio
async def test_an_api_may_have_a_lifetime_of_its_own(place: Installation):
    """S22: a token lives as long as its API says, else as long as the setting."""
    settings, store = place.authority.settings, place.authority.store
    bank = Api(
        uri="https://bank.example",
        name="Bank",
        created_at=1,
        scopes={"pay": "Pay"},
        token_lifetime=120,
    )
    await store.transact(lambda tx: tx.apis.add(bank))
    found = await store.read(lambda tx: audience_of(tx, bank.uri, APP, settings))
    assert (found.uri, found.generation, found.lifetime) == (bank.uri, 1, 120)
    usual = await store.read(lambda tx: audience_of(tx, NOTES, APP, settings))
    assert usual.lifetime == settings.access_token_lifetime


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("api", "client", "lifetime"),
    [(None, None, 3600), (120, None, 120), (120, 60, 60), (60, 120, 60), (None, 60, 60)],
)
async def test_the_shortest_lifetime_counts(
    place: Installation, api: int | None, client: int | None, lifetime: int
):
    """S22: a game a week, a bank minutes; neither lengthens what the other says."""
    settings, store = place.authority.settings, place.authority.store
    uri = f"https://{api}-{client}.example"
    new = Api(uri=uri, name="N", created_at=1, scopes={"a": "A"}, token_lifetime=api)
    await store.transact(lambda tx: tx.apis.add(new))
    found = await store.read(lambda tx: audience_of(tx, uri, limited(client), settings))
    assert found.lifetime == lifetime


@pytest.mark.anyio
async def test_a_process_with_a_longer_default_goes_by_the_one_in_the_store(place: Installation):
    """S26: a token of the new generation must not outlive what that generation was drawn for."""
    settings, store = place.authority.settings, place.authority.store
    for seconds, lifetime in ((600, 600), (7200, settings.access_token_lifetime)):
        kept = DefaultLifetime(seconds, 3)
        await store.transact(lambda tx, kept=kept: tx.default_lifetimes.keep(kept))
        for resource in (None, NOTES):
            found = await store.read(lambda tx, r=resource: audience_of(tx, r, APP, settings))
            assert found.lifetime == lifetime
        own = await store.read(lambda tx: audience_of(tx, None, APP, settings))
        assert own.generation == 3


@pytest.mark.anyio
async def test_without_an_api_it_is_this_server(place: Installation):
    settings, store = place.authority.settings, place.authority.store
    found = await store.read(lambda tx: audience_of(tx, None, APP, settings))
    assert found.uri == place.issuer
    with pytest.raises(OAuthError) as refused:
        await store.read(lambda tx: audience_of(tx, "https://gone.example", APP, settings))
    assert refused.value.error == "invalid_target"


@pytest.mark.anyio
async def test_the_catalogue_holds_what_the_client_may_have_where(place: Installation):
    """S10: at the APIs that it was registered for, and not more than their scopes."""
    access = Access({NOTES: frozenset({"notes:read", "gone"}), "https://gone.example": READ})
    client = Client(
        client_id="x",
        client_name="X",
        created_at=1,
        grant_types=("client_credentials",),
        scopes=access.scopes,
        access=access,
    )
    found = await place.authority.store.read(lambda tx: catalogue(tx, client))
    assert found == {NOTES: {"notes:read"}}
