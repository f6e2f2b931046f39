"""The server's own API: registered once, kept its own, and moved with the issuer."""

from functools import partial
from pathlib import Path

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol.own_api import (
    NAME,
    READ,
    SCOPES,
    is_own,
    own_api_uri,
    register_own_api,
    settle_own_api,
)
from counterfoil.server.records.api import Api
from counterfoil.server.records.store import Transaction
from tests.administration import Administrator, administrator
from tests.installation import Installation, installed, restarted

pytestmark = pytest.mark.anyio
NEW = "http://127.0.0.1:9000"


async def own_apis(place: Installation) -> list[Api]:
    every = await place.authority.store.read(lambda tx: tx.apis.every())
    return [api for api in every if is_own(api)]


async def test_it_is_there_from_the_first_start_and_once(place: Installation) -> None:
    (own,) = await own_apis(place)
    assert own.uri == own_api_uri(place.issuer) == f"{place.issuer}/api"
    assert (own.name, own.scopes) == (NAME, dict(SCOPES))
    for issuer in (place.issuer, "https://elsewhere.example"):
        await place.authority.store.transact(partial(register_own_api, issuer=issuer))
    assert await own_apis(place) == [own], "a command with another issuer changes nothing"


async def test_it_moves_with_the_issuer_and_its_clients_with_it(tmp_path: Path) -> None:
    async with installed(tmp_path) as before:
        old = await administrator(before)
        (own,) = await own_apis(before)
    async with restarted(before, issuer=NEW) as after:
        assert [api.uri for api in await own_apis(after)] == [own_api_uri(NEW)]
        after.secrets = before.secrets
        client_id = next(name for name in before.secrets if name.startswith("ops-"))
        new = Administrator(after, await after.service_token(client_id))
        assert await new.get("/api/clients")
        old.place = after
        assert await old.refused("GET", "/api/clients") == (401, "wrong_issuer")
        events = await after.authority.store.read(lambda tx: tx.events.latest(5))
        moved = next(each for each in events if each.kind == "api_changed")
        assert (moved.actor, moved.subject) == ("server", own_api_uri(NEW))
        assert moved.detail == {"formerly": own.uri}


async def test_scopes_of_a_former_version_are_brought_up_to_date(tmp_path: Path) -> None:
    async with installed(tmp_path) as place:
        uri = own_api_uri(place.issuer)

        async def work(tx: Transaction) -> Api | None:
            await tx.apis.update(
                Api(uri=uri, name=NAME, created_at=0, scopes={READ: "An older sentence"})
            )
            await settle_own_api(tx, place.issuer)
            return await tx.apis.find(uri)

        settled = await place.authority.store.transact(work)
        assert settled is not None
        assert settled.scopes == dict(SCOPES)


async def test_another_api_by_that_name_is_left_alone(tmp_path: Path) -> None:
    """A server whose own API cannot move says so, and serves."""
    async with installed(tmp_path) as place:
        await place.add_api(own_api_uri(NEW), "Mine", {"mine": "Mine"})
        settle = partial(settle_own_api, issuer=NEW)
        assert not await place.authority.store.transact(settle)
        (own,) = await own_apis(place)
        assert own.uri == own_api_uri(place.issuer)
    async with restarted(place, issuer=NEW) as after, after.browser() as browser:
        assert (await browser.get("/health/ready")).status_code == 200


@pytest.mark.parametrize("scope", sorted(SCOPES))
async def test_no_other_api_may_have_its_scopes(place: Installation, scope: str) -> None:
    """Else a client that is registered for that API would get rights over this server."""
    with pytest.raises(OAuthError, match="the server's own"):
        await place.add_api("https://impostor.example", "I", {scope: "S", "other": "O"})
