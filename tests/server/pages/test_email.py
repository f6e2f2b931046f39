"""My account, email: what the page says when something is not right."""

import pytest

from tests.installation import Installation, Person, hidden_fields
from tests.joinings import confirm, want_email
from tests.recoveries import token_for

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("email", "said"),
    [("", "Type the new email address"), ("no", "Type the new email address")],
)
async def test_what_is_no_address_is_said(visitor: Person, email: str, said: str):
    await visitor.sign_in(await visitor.browser.get("/sign-in"))
    answer = await want_email(visitor.browser, email)
    assert answer.status_code == 400
    assert said in answer.text


async def test_the_present_address_is_no_new_one(visitor: Person):
    await visitor.sign_in(await visitor.browser.get("/sign-in"))
    answer = await want_email(visitor.browser, visitor.email)
    assert (answer.status_code, "that your account has" in answer.text) == (400, True)


async def test_whoever_is_not_signed_in_signs_in_first_and_goes_on(
    place: Installation, visitor: Person
):
    """With the page where the link leads, too, on any device."""
    browser, new = visitor.browser, f"later-{visitor.email}"
    assert (await browser.get("/account/email")).headers["location"] == "/sign-in?next=email"
    await visitor.sign_in(await browser.get("/sign-in"))
    assert "Change email" in (await browser.get("/account/profile")).text
    await want_email(browser, new)
    token = await token_for(place, new)
    async with place.browser() as phone:
        there = Person(place, phone, visitor.email)
        away = await confirm(phone, token)
        page = await there.sign_in(await phone.get(away.headers["location"]))
        assert "Confirm your new email" in page.text
        done = await phone.post("/account/email/confirm", data=hidden_fields(page.text))
        assert new in done.text
