"""My account, deletion: what ends is said, the e-mail is typed, and then it is gone."""

from pathlib import Path

import httpx2
import pytest

from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from tests.installation import EMAIL, Installation, Person, hidden_fields, installed

pytestmark = pytest.mark.anyio


async def delete(person: Person, **fields: str) -> httpx2.Response:
    page = await person.browser.get("/account/delete")
    form = hidden_fields(page.text) | {"email": person.email} | fields
    return await person.browser.post("/account/delete", data=form)


async def is_there(place: Installation, person: Person) -> bool:
    found = await place.authority.store.read(lambda tx: tx.users.find(person.user_id))
    return found is not None


async def test_it_says_what_ends_and_then_the_account_is_gone(place: Installation, person: Person):
    tokens = await person.tokens()
    page = await person.browser.get("/account/delete")
    assert CONSEQUENCES[Cause.USER_DELETED].sentence in page.text
    done = await delete(person, email=person.email.upper())
    assert done.status_code == 200
    assert "1 browser was signed out and 1 session of an app ended." in done.text
    assert str(place.authority.hub.position) in done.text
    assert not await is_there(place, person)
    assert (await person.browser.get("/account/profile")).status_code == 303
    answer = await place.post("/introspect", "app", token=tokens["access_token"])
    assert answer.json() == {"active": False}


async def test_another_email_a_foreign_form_or_an_old_sign_in_deletes_nothing(
    place: Installation, person: Person
):
    await person.code()
    assert (await delete(person, email="other@example.com")).status_code == 400
    assert (await delete(person, csrf="x")).status_code == 403
    fields = hidden_fields((await person.browser.get("/account/delete")).text)
    place.clock.turn(place.authority.settings.fresh_sign_in_age)
    late = await person.browser.post("/account/delete", data=fields | {"email": person.email})
    assert late.headers["location"] == "/sign-in?next=delete"
    assert await is_there(place, person)


async def test_an_operator_may_forbid_it(tmp_path: Path):
    async with installed(tmp_path, account_deletion=False) as place, place.browser() as browser:
        person = Person(place, browser)
        await person.code()
        assert "/account/delete" not in (await browser.get("/account/profile")).text
        page = await browser.get("/account/delete")
        assert "ask an administrator" in page.text
        profile = hidden_fields((await browser.get("/account/profile")).text)
        answer = await browser.post("/account/delete", data=profile | {"email": EMAIL})
        assert answer.status_code == 403
        assert await is_there(place, person)


async def test_the_last_administrator_is_told_why_not(place: Installation):
    boss = await place.add_user("boss@example.com", is_admin=True)
    async with place.browser() as browser:
        person = Person(place, browser, boss.email, boss.id)
        await person.sign_in(await browser.get("/sign-in"))
        assert "last administrator" in (await browser.get("/account/delete")).text
        profile = hidden_fields((await browser.get("/account/profile")).text)
        form = profile | {"email": boss.email}
        assert (await browser.post("/account/delete", data=form)).status_code == 403
        assert await is_there(place, person)
