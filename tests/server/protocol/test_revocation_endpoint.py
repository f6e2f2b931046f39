"""A client gives a token back (RFC 7009 §2)."""

import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_header
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.hub import Hub
from counterfoil.server.keys.keyring import Keyring
from counterfoil.server.protocol import revocation_endpoint
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.token_reading import Opening, TokenReader
from counterfoil.server.records.event import CLI, EventKind
from counterfoil.server.records.session import Origin
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def revoke(place: Installation, client_id: str, token: str) -> None:
    form = {"client_id": client_id, "client_secret": place.secrets[client_id], "token": token}
    origin = Origin("192.0.2.9", "curl/8")
    await revocation_endpoint.revoke(place.authority, Parameters(form, {}), None, origin)


async def test_when_it_returns_this_process_knows(place: Installation):
    """S37: the next answer of this server is no already."""
    token = await place.service_token()
    before = place.authority.hub.position.number
    await revoke(place, "service", token)
    assert place.authority.hub.position.number == before + 1


async def test_who_ended_it_and_from_where_is_written_down(place: Installation):
    """S111."""
    await revoke(place, "service", await place.service_token())
    (event,) = await place.authority.store.read(lambda tx: tx.events.latest(1))
    assert event.kind is EventKind.TOKEN_ENDED
    assert (event.actor, event.address, event.user_agent) == (
        "client:service",
        "192.0.2.9",
        "curl/8",
    )


async def test_another_clients_token_is_named_as_such(place: Installation, person: Person):
    """RFC 7009 §2.1."""
    tokens = await person.tokens()
    for token in (tokens["access_token"], tokens["refresh_token"]):
        with pytest.raises(OAuthError) as refused:
            await revoke(place, "service", token)
        assert refused.value.error == "unauthorized_client"


async def test_nothing_is_written_for_what_is_unknown(place: Installation):
    """RFC 7009 §2.2."""
    before = place.authority.hub.position
    await revoke(place, "service", "x")
    assert place.authority.hub.position == before


async def of_another_process(place: Installation) -> Authority:
    """The same issuer with a memory of its own, and nothing that keeps it up to date."""
    authority = place.authority
    keyring = Keyring(authority.rotation.sealing)
    hub = Hub(authority.issuer, authority.store, keyring)
    await hub.catch_up()
    reader = TokenReader(
        authority.issuer, authority.store, Opening(keyring, authority.encrypting), hub
    )
    return replace(authority, keyring=keyring, hub=hub, reader=reader)


async def test_a_token_signed_by_a_key_that_was_just_made_is_known(place: Installation):
    """S37: what another process has signed is revoked here, and not taken for unknown."""
    other = await of_another_process(place)
    kid = str(unverified_header(await place.service_token())["kid"])
    rotation = place.authority.rotation
    await place.authority.store.transact(lambda tx: rotation.withdraw(tx, kid, CLI))
    await place.authority.hub.catch_up()
    token = await place.service_token()
    assert unverified_header(token)["kid"] != kid
    form = {"client_id": "service", "client_secret": place.secrets["service"], "token": token}
    await revocation_endpoint.revoke(other, Parameters(form, {}), None, Origin())
    said = (await place.post("/introspect", "service", token=token)).json()
    assert said == {"active": False}
