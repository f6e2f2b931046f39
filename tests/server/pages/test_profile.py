"""My account, profile: the name is changed by an own form, and by no other."""

import pytest

from counterfoil.server.records.user import User
from tests.installation import Installation, Person, hidden_fields
from tests.server.pages.document import Document

pytestmark = pytest.mark.anyio


async def user_of(place: Installation, person: Person) -> User | None:
    return await place.authority.store.read(lambda tx: tx.users.find(person.user_id))


async def save(person: Person, **fields: str):
    page = await person.browser.get("/account/profile")
    form = hidden_fields(page.text) | fields
    return await person.browser.post("/account/profile", data=form)


async def test_a_name_is_changed_and_the_page_says_so(place: Installation, person: Person):
    await person.code()
    answer = await save(person, name=" Ada   King ")
    page = Document((await person.follow(answer)).text)
    (field,) = [each for each in page.all("input") if each.attributes["name"] == "name"]
    assert field.attributes["value"] == "Ada King"
    (status,) = [each for each in page.elements if each.attributes.get("role") == "status"]
    assert "Saved." in status.text
    user = await user_of(place, person)
    assert user is not None
    assert user.name == "Ada King"


async def test_what_is_no_name_changes_nothing_and_is_said(place: Installation, person: Person):
    await person.code()
    before = await user_of(place, person)
    answer = await save(person, name="Ada\u202eKing")
    assert answer.status_code == 400
    assert "characters that can be seen" in answer.text
    assert await user_of(place, person) == before


async def test_a_foreign_form_changes_nothing(place: Installation, person: Person):
    """S74."""
    await person.code()
    before = await user_of(place, person)
    assert (await save(person, name="Mallory", csrf="x")).status_code == 403
    assert await user_of(place, person) == before
