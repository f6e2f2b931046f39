"""A client gives a token back (RFC 7009 §2)."""

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol import revocation_endpoint
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.session import Origin
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def revoke(place: Installation, client_id: str, token: str) -> None:
    form = {"client_id": client_id, "client_secret": place.secrets[client_id], "token": token}
    origin = Origin("192.0.2.9", "curl/8")
    await revocation_endpoint.revoke(place.authority, Parameters(form, {}), None, origin)


async def test_when_it_returns_this_process_knows(place: Installation):
    """S37: the next answer of this server is no already (§4.12)."""
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
