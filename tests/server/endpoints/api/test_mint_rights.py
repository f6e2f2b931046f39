"""Rights to mint over the admin API: listed, given, withdrawn."""

import pytest

from tests.administration import administrator
from tests.installation import NOTES, Installation, Person
from tests.minting import add_minter, minted, whom

pytestmark = pytest.mark.anyio


async def test_a_right_is_given_seen_and_withdrawn(place: Installation, person: Person):
    """S58."""
    await add_minter(place)
    admin = await administrator(place)
    url, ends_at = "/api/clients/minter/mint-rights", int(place.clock()) + 1000
    asked = {
        "users": [person.user_id],
        "apis": {NOTES: "notes:read"},
        "longest": 60,
        "ends_at": ends_at,
    }
    given = await admin.post(url, asked, 201)
    await minted(place, subject=whom(person.user_id))
    (listed,) = (await admin.get(url))["mint_rights"]
    assert listed == given | {"people": 1}
    assert (listed["users"], listed["apis"]) == ([person.user_id], {NOTES: ["notes:read"]})
    assert listed["given_by"].startswith("client:")
    ended = await admin.post(f"{url}/{given['id']}/withdraw", {})
    assert (ended["families_ended"], ended["ended"]) == (1, True)
    assert (await admin.post(f"{url}/{given['id']}/withdraw", {}))["ended"] is False
    assert (await admin.get(url))["mint_rights"] == []


async def test_what_is_not_there_is_not_found(place: Installation):
    admin = await administrator(place)
    asked = {"any_user": True, "apis": {NOTES: "notes:read"}, "longest": 60, "ends_at": 4 * 10**9}
    for method, path, options in (
        ("GET", "/api/clients/ghost/mint-rights", {}),
        ("POST", "/api/clients/minter/mint-rights/none/withdraw", {}),
    ):
        assert await admin.refused(method, path, **options) == (404, "not_found")
    nobody = await admin.refused("POST", "/api/clients/ghost/mint-rights", json=asked)
    assert nobody[0] in (400, 404)
