"""Nobody gives away what they do not have."""

import pytest

from counterfoil.oauth.access import OPENID_SCOPES
from counterfoil.oauth.delegation import GRANT_TYPE
from counterfoil.server.endpoints.api.powers import POWERS
from counterfoil.server.protocol.own_api import END, READ, WRITE
from counterfoil.server.protocol.registration import RESERVED
from tests.administration import administrator
from tests.exchanging import furnish_exchange
from tests.installation import MAIL, NOTES, Installation

pytestmark = pytest.mark.anyio


def test_every_power_over_the_server_is_in_the_table() -> None:
    assert POWERS.keys() == RESERVED - OPENID_SCOPES


@pytest.mark.parametrize("power", sorted(POWERS))
async def test_a_token_that_may_register_makes_nobody_mightier_than_itself(
    place: Installation, power: str
) -> None:
    """It neither makes such a client, nor makes one of another, nor takes one over."""
    writer = await administrator(place, WRITE)
    if power == WRITE:
        await writer.post("/api/clients", {"client_name": "X", "scope": power}, 201)
        return
    refused = (403, "insufficient_scope")
    body = {"client_name": "X", "scope": f"notes:read {power}"}
    assert await writer.refused("POST", "/api/clients", json=body) == refused
    mighty = f"mighty-{power.replace(':', '-')}"
    await place.add_client(mighty, scopes=frozenset({power, "notes:read"}))
    await place.add_client(f"meek-{mighty}")
    change = {"scope": f"notes:read {power}"}
    assert await writer.refused("PATCH", f"/api/clients/meek-{mighty}", json=change) == refused
    change = {"client_name": "Mine"}
    assert await writer.refused("PATCH", f"/api/clients/{mighty}", json=change) == refused
    path = f"/api/clients/{mighty}"
    assert await writer.refused("POST", f"{path}/rotate-secret", json={}) == refused
    await writer.post(f"{path}/disable")
    assert await writer.refused("POST", f"{path}/enable") == refused


async def test_nor_lets_it_a_client_act_for_others(place: Installation) -> None:
    """RFC 8693: whoever calls one API would have given it tokens for the other."""
    await furnish_exchange(place)
    writer, refused = await administrator(place, WRITE, READ), (403, "insufficient_scope")
    right = {"from": NOTES, "to": MAIL, "scope": "mail:read"}
    body = {"client_name": "X", "grant_types": [GRANT_TYPE], "exchange_rights": [right]}
    assert await writer.refused("POST", "/api/clients", json=body) == refused
    change = {"exchange_rights": [right]}
    assert await writer.refused("PATCH", "/api/clients/stranger", json=change) == refused
    assert await writer.refused("POST", "/api/clients/notes-api/rotate-secret", json={}) == refused
    ender = await administrator(place, WRITE, READ, END)
    await ender.post("/api/clients", body, 201)


async def test_who_may_do_all_may_give_all(place: Installation) -> None:
    caller = await administrator(place)
    body = {"client_name": "X", "scope": " ".join(sorted(POWERS))}
    await caller.post("/api/clients", body, 201)


async def test_an_administrator_is_enabled_only_by_who_may_do_everything(
    place: Installation,
) -> None:
    boss = await place.add_user("boss@example.com", is_admin=True)
    writer, all_of_it = await administrator(place, WRITE, READ), await administrator(place)
    path = f"/api/users/{boss.id}"
    await writer.post(f"{path}/disable")
    assert await writer.refused("POST", f"{path}/enable") == (403, "insufficient_scope")
    await all_of_it.post(f"{path}/enable")
