"""My account, password: what ends is said before, and what has ended afterwards."""

from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from tests.installation import PASSWORD, Installation, Person, hidden_fields, installed

pytestmark = pytest.mark.anyio
NEW = "a password of her own"


async def change(person: Person, **fields: str) -> httpx2.Response:
    page = await person.browser.get("/account/password")
    form = {"current": PASSWORD, "new": NEW, "again": NEW} | fields
    return await person.browser.post("/account/password", data=hidden_fields(page.text) | form)


async def test_what_ends_is_said_before(person: Person):
    """S38: the sentence of the table."""
    await person.code()
    page = await person.browser.get("/account/password")
    assert CONSEQUENCES[Cause.PASSWORD_CHANGED].sentence in page.text


async def test_the_others_are_out_and_this_browser_stays_in(
    place: Installation, person: Person, visitor: Person
):
    """S38: with the receipt."""
    await person.tokens()
    await visitor.tokens()
    page = await change(person)
    assert page.status_code == 200
    assert "1 browser was signed out and 1 session of an app ended." in page.text
    assert str(place.authority.hub.position) in page.text
    assert (await visitor.browser.get("/account/apps")).status_code == 303
    assert (await person.browser.get("/account/apps")).status_code == 200
    for password, status in ((PASSWORD, 400), (NEW, 200)):
        again = await visitor.browser.get("/sign-in")
        assert (await visitor.sign_in(again, password=password)).status_code == status


@pytest.mark.parametrize("keep", [False, True])
async def test_the_new_cookie_stays_as_long_as_the_one_before(person: Person, *, keep: bool):
    """S34: who did not ask to be kept signed in is signed out when the browser is closed."""
    page = await person.browser.get("/sign-in")
    await person.sign_in(page, keep=keep)
    answer = await change(person)
    assert answer.status_code == 200
    (cookie,) = [each for each in answer.headers.get_list("set-cookie") if "session" in each]
    assert ("max-age" in cookie.lower()) is keep


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"current": "wrong"}, "Check your present password."),
        ({"again": "another"}, "not the same"),
        ({"new": "short", "again": "short"}, "at least 8"),
    ],
)
async def test_a_mistake_is_named_and_no_password_is_shown(
    person: Person, fields: dict[str, str], sentence: str
):
    await person.code()
    page = await change(person, **fields)
    assert page.status_code == 400
    assert sentence in page.text
    assert PASSWORD not in page.text
    assert not any(f'value="{each}"' in page.text for each in (*fields.values(), NEW))


async def test_a_foreign_form_changes_nothing(person: Person, visitor: Person):
    """S74: nobody sets a password of theirs by a link or another site."""
    await person.code()
    assert (await change(person, csrf="x")).status_code == 403
    page = await visitor.sign_in(await visitor.browser.get("/sign-in"))
    assert page.status_code == 200


async def test_guessing_the_password_is_slowed_down(tmp_path: Path):
    """S104: by the throttle of the sign-in, and together with it."""
    async with installed(tmp_path, sign_in_rate_per_minute=3) as place, place.browser() as browser:
        person = Person(place, browser)
        await person.code()
        answers = [(await change(person, current="wrong")).status_code for _ in range(3)]
        assert answers == [400, 400, 429]
        assert (await person.browser.get("/account/apps")).status_code == 200


async def test_who_is_not_signed_in_is_led_to_the_sign_in(visitor: Person):
    for answer in (
        await visitor.browser.get("/account/password"),
        await visitor.browser.post("/account/password", data={"csrf": "x"}),
    ):
        assert urlsplit(answer.headers["location"]).path == "/sign-in"
