"""A challenge is sealed to one page of one browser, and answered once."""

import secrets
from collections.abc import AsyncIterator

import pytest

from counterfoil.server.identity.ceremony import (
    Ceremony,
    Holder,
    Purpose,
    party,
    seal,
    spend,
    unseal,
)
from counterfoil.server.identity.webauthn import NotProved
from tests.installation import Installation, installed
from tests.passkeys import ISSUER

pytestmark = pytest.mark.anyio

HOLDER = Holder(Purpose.SIGN_IN, "browser")


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("data"), issuer=ISSUER) as place:
        yield place


def begun(place: Installation) -> Ceremony:
    return Ceremony(challenge=secrets.token_bytes(32), begun_at=int(place.clock()))


async def test_it_opens_on_its_own_page(place: Installation):
    ceremony = begun(place)
    sealed = seal(place.authority, ceremony, HOLDER)
    assert unseal(place.authority, sealed, HOLDER, place.clock()) == ceremony
    assert ceremony.challenge.hex() not in sealed


@pytest.mark.parametrize(
    "holder", [Holder(Purpose.SIGN_IN, "another"), Holder(Purpose.REGISTER, "browser")]
)
async def test_it_opens_in_no_other_browser_and_for_nothing_else(
    place: Installation, holder: Holder
):
    sealed = seal(place.authority, begun(place), HOLDER)
    with pytest.raises(NotProved):
        unseal(place.authority, sealed, holder, place.clock())


@pytest.mark.parametrize("text", ["", "x", "é", "A" * 5000])
async def test_what_was_not_sealed_here_does_not_open(place: Installation, text: str):
    with pytest.raises(NotProved):
        unseal(place.authority, text, HOLDER, place.clock())


async def test_it_is_good_for_its_lifetime(place: Installation):
    sealed = seal(place.authority, begun(place), HOLDER)
    lifetime = place.authority.settings.passkey_ceremony_lifetime
    assert unseal(place.authority, sealed, HOLDER, place.clock() + lifetime - 1)
    with pytest.raises(NotProved, match="too old"):
        unseal(place.authority, sealed, HOLDER, place.clock() + lifetime)


async def test_it_is_spent_once(place: Installation):
    ceremony, other = begun(place), begun(place)
    authority = place.authority
    store = authority.store
    assert await store.transact(lambda tx: spend(authority, tx, ceremony))
    assert not await store.transact(lambda tx: spend(authority, tx, ceremony))
    assert await store.transact(lambda tx: spend(authority, tx, other))


async def test_a_server_at_a_name_has_a_party(place: Installation):
    found = party(place.authority)
    assert found is not None
    assert found.id == "id.example"
