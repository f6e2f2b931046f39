"""The one API that a token is for."""

import pytest

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol.audience import audience_of, catalogue, resource_in
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from tests.installation import NOTES, Installation

MAIL = "https://mail.example"
READ = frozenset({"read"})


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
    found = await store.read(lambda tx: audience_of(tx, bank.uri, settings))
    assert (found.uri, found.generation, found.lifetime) == (bank.uri, 1, 120)
    usual = await store.read(lambda tx: audience_of(tx, NOTES, settings))
    assert usual.lifetime == settings.access_token_lifetime


@pytest.mark.anyio
async def test_without_an_api_it_is_this_server(place: Installation):
    settings, store = place.authority.settings, place.authority.store
    found = await store.read(lambda tx: audience_of(tx, None, settings))
    assert found.uri == place.issuer
    with pytest.raises(OAuthError) as refused:
        await store.read(lambda tx: audience_of(tx, "https://gone.example", settings))
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
