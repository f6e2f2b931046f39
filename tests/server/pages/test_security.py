"""My account, security: what the page says is so, and leads to where it is changed."""

import pytest
from msgspec.structs import replace

from counterfoil.server.pages.security import password
from counterfoil.server.records.user import ENDED_PASSWORD
from tests.installation import Installation, Person
from tests.server.pages.document import Document

pytestmark = pytest.mark.anyio


async def test_it_leads_to_the_password_and_is_marked_as_here(person: Person):
    await person.code()
    page = Document((await person.browser.get("/account/security")).text)
    links = {link.attributes["href"]: link for link in page.all("a")}
    assert "Change your password" in links["/account/password"].text
    assert links["/account/security"].attributes["aria-current"] == "page"
    (rooms,) = page.all("nav")
    assert rooms.attributes["aria-label"] == "My account"


async def test_who_has_no_password_is_told_so(place: Installation):
    assert place.user is not None
    for user in (
        place.user,
        replace(place.user, password_hash=None),
        replace(place.user, password_hash=f"{ENDED_PASSWORD}handle"),
    ):
        row = await place.authority.store.read(lambda tx, user=user: password(tx, user))
        assert ("no password" in row.state) is (user is not place.user)
