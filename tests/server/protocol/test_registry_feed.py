"""Who may follow the registry. What is told stands in tests/server/endpoints/test_registry.py."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.server.protocol.client_authentication import Credentials
from counterfoil.server.protocol.registry_feed import Follower, demand_follower
from tests.installation import MAIL, NOTES, Installation, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        await place.set_policy(NOTES, registry=True)
        await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
        await place.set_policy(MAIL, registry=True)
        await place.add_api("https://plain.example", "Plain", {"plain:read": "Read"})
        scopes = {"guard": {"introspect"}, "notes": {"introspect", "notes:read"}}
        for name, own in scopes.items():
            await place.add_client(name, scopes=frozenset(own))
        yield place


async def refusal(place: Installation, client_id: str, audience: str) -> str | None:
    secret = Secret(place.secrets[client_id])
    follower = Follower(Credentials(client_id, secret, "client_secret_basic"), audience)
    try:
        await place.authority.store.read(lambda tx: demand_follower(follower, tx))
    except OAuthError as error:
        return error.error
    return None


async def test_who_may_introspect_everything_may_follow_everything(place: Installation):
    assert await refusal(place, "guard", NOTES) is None
    assert await refusal(place, "guard", MAIL) is None


async def test_who_belongs_to_an_api_follows_that_one(place: Installation):
    assert await refusal(place, "notes", NOTES) is None
    assert await refusal(place, "notes", MAIL) == "invalid_target"


async def test_nobody_else_does(place: Installation):
    assert await refusal(place, "service", NOTES) == "unauthorized_client"


async def test_an_api_without_a_registry_has_nothing_to_follow(place: Installation):
    for audience in ("https://plain.example", "https://never.example", ""):
        assert await refusal(place, "guard", audience) == "invalid_target"
