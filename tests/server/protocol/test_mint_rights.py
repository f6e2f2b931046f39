"""Giving the right to mint for people: what may not be given, and what is written down (S58)."""

from typing import Any

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol import mint_rights
from counterfoil.server.protocol.erasure import erase_from_log
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.mint_rights import LONGEST_RIGHT, MOST_RIGHTS, NewMintRight
from counterfoil.server.protocol.own_api import own_api_uri
from counterfoil.server.protocol.revocation import withdraw_right
from counterfoil.server.records.client import MINT
from counterfoil.server.records.event import EventKind, EventQuery
from tests.installation import MAIL, NOTES, Installation, Person
from tests.minting import add_minter, give_right

pytestmark = pytest.mark.anyio
READ = frozenset({"notes:read"})


@pytest.fixture(scope="module")
async def minting(place: Installation) -> Installation:
    await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    own = frozenset({MINT, "notes:read", "counterfoil:read"})
    await add_minter(place, scopes=own)
    return place


async def give(place: Installation, **changes: Any) -> Any:
    now = int(place.clock())
    members: dict[str, Any] = {
        "client_id": "minter",
        "apis": {NOTES: READ},
        "longest": 60,
        "ends_at": now + 60,
        "any_user": True,
    }
    wanted = NewMintRight(**members | changes)
    return await place.authority.store.transact(lambda tx: mint_rights.give(tx, wanted, CLI))


async def test_it_names_whom_and_what_until_when_and_is_written_down(
    minting: Installation, person: Person
):
    """S58."""
    right = await give(minting, any_user=False, users=(person.user_id, person.user_id))
    assert right.users == (person.user_id,)
    query = EventQuery(kind=EventKind.MINT_RIGHT_GIVEN, subject="minter", limit=1)
    (event,) = await minting.authority.store.read(lambda tx: tx.events.find(query))
    assert (event.actor, event.detail) == (
        "cli",
        {
            "id": right.id,
            "user_id": person.user_id,
            "audience": NOTES,
            "scope": "notes:read",
            "longest": "60",
            "ends_at": str(right.ends_at),
        },
    )


async def test_who_is_erased_is_named_by_no_line_of_a_right(minting: Installation, person: Person):
    """S111: nor is anybody else's line lost with theirs."""
    other = (await minting.add_user("named@example.com")).id
    right = await give(minting, any_user=False, users=(person.user_id, other))
    store, query = minting.authority.store, EventQuery(kind=EventKind.MINT_RIGHT_GIVEN)
    await store.transact(lambda tx: erase_from_log(tx, person.user_id, CLI))
    lines = await store.read(lambda tx: tx.events.find(query))
    assert person.user_id not in str(lines)
    ids = [line.detail.get("id") for line in lines if line.detail.get("user_id") == other]
    assert ids == [right.id]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"any_user": False}, "invalid_request"),
        ({"users": ("somebody",)}, "invalid_request"),
        ({"any_user": False, "users": ("nobody",)}, "invalid_request"),
        ({"any_user": False, "users": tuple(map(str, range(101)))}, "invalid_request"),
        ({"apis": {}}, "invalid_request"),
        ({"apis": {NOTES: frozenset()}}, "invalid_request"),
        ({"apis": {"https://nowhere.example": READ}}, "invalid_target"),
        ({"apis": {NOTES: frozenset({"notes:write"})}}, "invalid_scope"),
        ({"apis": {MAIL: frozenset({"mail:read"})}}, "invalid_scope"),
        ({"longest": 0}, "invalid_request"),
        ({"longest": 31 * 86400}, "invalid_request"),
        ({"ends_at": 0}, "invalid_request"),
        ({"ends_at": 1_800_000_000 + LONGEST_RIGHT + 10**7}, "invalid_request"),
        ({"client_id": "service"}, "invalid_request"),
    ],
)
async def test_what_does_not_fit_is_not_given(
    minting: Installation, changes: dict[str, Any], error: str
):
    with pytest.raises(OAuthError) as refused:
        await give(minting, **changes)
    assert refused.value.error == error


async def test_no_right_is_for_the_server_itself(minting: Installation):
    own = own_api_uri(minting.issuer)
    with pytest.raises(OAuthError) as refused:
        await give(minting, apis={own: frozenset({"counterfoil:read"})})
    assert refused.value.error == "invalid_target"


async def test_there_is_no_right_without_a_client(minting: Installation):
    assert await give(minting, client_id="ghost") is None


async def test_a_client_has_only_so_many(minting: Installation):
    await add_minter(minting, "many")
    rights = [await give_right(minting, client_id="many") for _ in range(MOST_RIGHTS)]
    with pytest.raises(OAuthError):
        await give(minting, client_id="many")
    store = minting.authority.store
    assert (await store.transact(lambda tx: withdraw_right(tx, rights[0].id, CLI))).ended
    assert not (await store.transact(lambda tx: withdraw_right(tx, rights[0].id, CLI))).ended
    assert await give(minting, client_id="many") is not None
