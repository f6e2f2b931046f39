"""Flow (a): a service gets a token, uses it, and nothing was written for it."""

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.server.protocol import registration, revocation
from counterfoil.server.protocol.events import CLI
from tests.engines import tables_of
from tests.installation import NOTES, Installation

pytestmark = pytest.mark.anyio


async def test_a_service_gets_a_token_for_its_api(place: Installation):
    """S63: a signed token with scope and expiry; S59: it names issuer and client."""
    claims = unverified_claims(await place.service_token())
    assert claims["iss"] == place.issuer
    assert claims["client_id"] == "service"
    assert claims["aud"] == NOTES
    assert claims["scope"] == "notes:read notes:write"


async def test_a_signed_token_writes_nothing(place: Installation):
    """S93: a thousand tokens leave no row and no growing state behind."""
    store = place.authority.store
    await place.service_token()
    await place.authority.activity.flush(store)
    before = await tables_of(place.authority.settings)
    version = await store.version_now()
    for _ in range(50):
        await place.service_token()
    assert await store.version_now() == version
    assert await tables_of(place.authority.settings) == before


async def test_each_request_gets_a_token_of_its_own(place: Installation):
    """S07: asked again, the server mints again; nobody else's token is handed out."""
    tokens = {await place.service_token() for _ in range(5)}
    assert len(tokens) == 5


async def test_a_token_works_again_and_again_until_it_expires(place: Installation):
    """S16: it ends after n seconds; S17: until then it works any number of times."""
    token = await place.service_token()
    lifetime = place.authority.settings.access_token_lifetime
    assert lifetime == 3600
    for _ in range(10):
        place.clock.turn(lifetime / 10 - 1)
        said = (await place.post("/introspect", "service", token=token)).json()
        assert said["active"] is True
    place.clock.turn(10)
    said = (await place.post("/introspect", "service", token=token)).json()
    assert said == {"active": False}


async def test_two_secrets_live_side_by_side_while_one_is_replaced(place: Installation):
    """Rotation of a secret without an outage: the old one works until its overlap is over."""
    await place.add_client("turning")
    old = place.secrets["turning"]
    store = place.authority.store
    new = await store.transact(lambda tx: registration.rotate_secret(tx, "turning", 3600, CLI))
    assert new is not None
    for secret in (old, new.reveal()):
        place.secrets["turning"] = secret
        await place.service_token("turning")
    place.clock.turn(3600)
    place.secrets["turning"] = old
    answer = await place.post("/token", "turning", grant_type="client_credentials")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    place.secrets["turning"] = new.reveal()
    await place.service_token("turning")


async def test_when_a_secret_was_last_used_is_known(place: Installation):
    """Who rotates wants to know whether the old one is still in use."""
    await place.add_client("watched")
    store = place.authority.store
    assert [s.last_used_at for s in await secrets_of(place, "watched")] == [None]
    await place.service_token("watched")
    await place.authority.activity.flush(store)
    assert [s.last_used_at for s in await secrets_of(place, "watched")] == [int(place.clock())]


async def secrets_of(place: Installation, client_id: str):
    return await place.authority.store.read(lambda tx: tx.clients.secrets_of(client_id))


async def test_a_disabled_client_gets_no_more_tokens(place: Installation):
    await place.add_client("gone")
    await place.service_token("gone")
    await place.authority.store.transact(lambda tx: revocation.disable_client(tx, "gone", CLI))
    answer = await place.post("/token", "gone", grant_type="client_credentials")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
