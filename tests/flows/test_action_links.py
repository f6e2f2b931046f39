"""An account that somebody was invited to is theirs once they open the link in their mail (S72)."""

from typing import Any

import pytest

from counterfoil.server.identity import recovery
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from tests.installation import Installation, Person
from tests.recoveries import NEW, choose, mail_for, open_link, token_for

pytestmark = pytest.mark.anyio


async def test_an_account_is_activated_by_a_link_on_another_device(place: Installation):
    """S72: until then no password opens it; afterwards the link opens nothing."""
    email = "invited@example.com"

    async def invite(tx: Any) -> Any:
        user = await registration.add_user(tx, registration.NewUser(email, None), CLI)
        await recovery.start(place.authority, tx, user, CLI)
        return user

    user = await place.authority.store.transact(invite)
    (letter,) = await mail_for(place, email)
    assert "There is an account for you" in letter
    assert "asked for a new password" not in letter
    token = await token_for(place, email)
    async with place.browser() as desk, place.browser() as phone:
        person = Person(place, desk, email, user.id)
        for password in ("", NEW):
            page = await desk.get("/sign-in")
            assert (await person.sign_in(page, password=password)).status_code == 400
        page = await open_link(phone, token)
        assert (await choose(phone, page)).status_code == 200
        page = await desk.get("/sign-in")
        assert (await person.sign_in(page, password=NEW)).status_code == 200
        assert (await open_link(phone, token)).status_code == 410
