"""Other keys for a client, and what ends with those before (S38)."""

from collections.abc import Mapping
from typing import Any

import pytest

from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol.client_keys import spelled
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.key_registration import cause_of, set_keys
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.event import EventKind, EventQuery
from tests.client_keys import assertion, jwks_of, key, token
from tests.installation import Installation, token_request

pytestmark = pytest.mark.anyio

OLD, NEW = key("ES256", "old"), key("ES256", "new")


async def given_keys(place: Installation, client_id: str, *keys: PrivateKey) -> Ending:
    async def work(tx: Any) -> Ending:
        client = await tx.clients.find(client_id)
        return await set_keys(tx, client, spelled(jwks_of(*keys)), CLI)

    ending = await place.authority.store.transact(work)
    await place.authority.hub.catch_up()
    return ending


async def is_active(place: Installation, unverified: str) -> bool:
    answer = await place.post("/introspect", "looker", token=unverified)
    return bool(answer.json()["active"])


@pytest.fixture(scope="module")
async def keyed(place: Installation) -> Installation:
    await place.add_client("looker", scopes=frozenset({"introspect"}))
    return place


@pytest.fixture
async def client_id(keyed: Installation, request: pytest.FixtureRequest) -> str:
    name = request.node.name.replace("_", "-")
    await keyed.add_client(name, jwks=spelled(jwks_of(OLD)))
    return name


async def told(place: Installation, client_id: str, signer: PrivateKey) -> str:
    answer = await token(place, assertion(place, client_id, signer))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def test_a_key_beside_the_one_before_ends_nothing(
    keyed: Installation, client_id: str
) -> None:
    issued = await told(keyed, client_id, OLD)
    assert not (await given_keys(keyed, client_id, OLD, NEW)).ended
    assert await is_active(keyed, issued)
    await told(keyed, client_id, NEW)
    await told(keyed, client_id, OLD)


async def test_a_key_that_is_left_out_is_refused_and_ends_nothing_while_another_stays(
    keyed: Installation, client_id: str
) -> None:
    await given_keys(keyed, client_id, OLD, NEW)
    issued = await told(keyed, client_id, OLD)
    await given_keys(keyed, client_id, NEW)
    assert (await token(keyed, assertion(keyed, client_id, OLD))).status_code == 401
    assert await is_active(keyed, issued)


async def test_where_no_key_stays_every_token_ends(keyed: Installation, client_id: str) -> None:
    issued = await told(keyed, client_id, OLD)
    await given_keys(keyed, client_id, NEW)
    assert not await is_active(keyed, issued)
    assert await is_active(keyed, await told(keyed, client_id, NEW))


async def test_the_same_key_under_another_name_stays(keyed: Installation, client_id: str) -> None:
    renamed = PrivateKey.of(OLD.native, "ES256", "renamed")
    client = await keyed.authority.store.read(lambda tx: tx.clients.find(client_id))
    assert client is not None
    assert cause_of(client, jwks_of(renamed)) is Cause.KEYS_CHANGED


async def test_keys_take_the_place_of_a_secret_for_good(keyed: Installation) -> None:
    """There is no way back to the method before: neither is a fall-back of the other."""
    await keyed.add_client("turned")
    form = {"grant_type": "client_credentials"}
    issued = (await token_request(keyed, "turned", **form)).json()["access_token"]
    await given_keys(keyed, "turned", NEW)
    assert (await token_request(keyed, "turned", **form)).status_code == 401
    assert not await is_active(keyed, issued)
    await told(keyed, "turned", NEW)
    secrets = await keyed.authority.store.read(lambda tx: tx.clients.secrets_of("turned"))
    assert [each.expires_at for each in secrets] == [int(keyed.clock())]


async def test_a_public_client_gets_none(keyed: Installation) -> None:
    with pytest.raises(OAuthError, match="public"):
        await given_keys(keyed, "spa", NEW)


async def test_the_event_names_the_keys_and_the_same_ones_make_none(
    keyed: Installation, client_id: str
) -> None:
    async def details() -> list[Mapping[str, str]]:
        query = EventQuery(kind=EventKind.CLIENT_KEYS_CHANGED, subject=client_id)
        return [
            e.detail for e in await keyed.authority.store.read(lambda tx: tx.events.find(query))
        ]

    await given_keys(keyed, client_id, OLD)
    assert await details() == []
    await given_keys(keyed, client_id, NEW)
    (said,) = await details()
    assert said == {"added": NEW.public.thumbprint, "removed": OLD.public.thumbprint}
