"""The sign-in page, and signing out."""

import pytest

from tests.installation import PASSWORD, Installation, Person, hidden_fields
from tests.server.pages.document import Document

pytestmark = pytest.mark.anyio


async def test_a_person_signs_in_without_any_app(person: Person):
    page = await person.browser.get("/sign-in")
    assert "to your account" in page.text
    after = await person.sign_in(page)
    assert after.status_code == 200
    assert "No apps yet" in after.text


async def test_a_session_begins_anew_at_each_sign_in(person: Person):
    """S104: the session's secret changes, and the old one is worth nothing."""
    await person.sign_in(await person.browser.get("/sign-in"))
    old = person.browser.cookies["counterfoil_session"]
    await person.sign_in(await person.browser.get("/sign-in"))
    new = person.browser.cookies["counterfoil_session"]
    assert new != old
    person.browser.cookies.set("counterfoil_session", old, domain="127.0.0.1", path="/")
    for cookie in list(person.browser.cookies.jar):
        if cookie.name == "counterfoil_session":
            cookie.value = old
    assert (await person.browser.get("/account/apps")).status_code == 303


@pytest.mark.parametrize("email", ["", "nobody@example.com", "OWN"])
async def test_a_wrong_attempt_says_nothing_about_why(person: Person, email: str):
    """S104: whether the account exists cannot be told from the answer."""
    page = await person.browser.get("/sign-in")
    email = person.email if email == "OWN" else email
    form = hidden_fields(page.text) | {"email": email, "password": "wrong wrong wrong"}
    answer = await person.browser.post("/sign-in", data=form)
    assert answer.status_code == 400
    assert "Check the email and the password." in answer.text
    assert "counterfoil_session" not in answer.headers.get("set-cookie", "")


async def test_the_password_is_never_sent_back(person: Person):
    """S110."""
    page = await person.browser.get("/sign-in")
    form = hidden_fields(page.text) | {"email": person.email, "password": "my wrong secret"}
    answer = await person.browser.post("/sign-in", data=form)
    assert "my wrong secret" not in answer.text
    fields = {each.attributes["name"]: each for each in Document(answer.text).all("input")}
    assert fields["email"].attributes["value"] == person.email
    assert "value" not in fields["password"].attributes


@pytest.mark.parametrize("csrf", ["", "x"])
async def test_a_form_that_is_not_ours_signs_nobody_in(person: Person, csrf: str):
    """S74: login CSRF; somebody else's account must not be pushed on this browser."""
    await person.browser.get("/sign-in")
    form = {"csrf": csrf, "email": person.email, "password": PASSWORD}
    answer = await person.browser.post("/sign-in", data=form)
    assert answer.status_code == 403
    assert "counterfoil_session" not in person.browser.cookies


async def test_the_page_names_the_app(person: Person):
    page = await person.open()
    assert "to continue to" in page.text
    assert "<bdi>App</bdi>" in page.text
    policy = page.headers["content-security-policy"]
    assert "form-action 'self' https://app.example" in policy


async def test_signing_out_ends_the_session_and_clears_the_cookie(person: Person):
    """S39."""
    await person.code()
    csrf = hidden_fields((await person.browser.get("/account/apps")).text)["csrf"]
    answer = await person.browser.post("/account/sign-out", data={"csrf": csrf})
    assert answer.headers["location"] == "/signed-out"
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await person.browser.get("/account/apps")).status_code == 303
    assert "signed out" in (await person.browser.get("/signed-out")).text.lower()


async def test_a_foreign_form_signs_nobody_out(person: Person):
    """S74."""
    await person.code()
    answer = await person.browser.post("/account/sign-out", data={"csrf": "x"})
    assert answer.status_code == 403
    assert (await person.browser.get("/account/apps")).status_code == 200


async def test_signing_out_twice_does_no_harm(person: Person):
    answer = await person.browser.post("/account/sign-out", data={"csrf": "x"})
    assert answer.headers["location"] == "/signed-out"


async def test_an_account_pauses_after_several_failures_and_no_longer(
    place: Installation, person: Person
):
    """S104: guessing is slowed down, and nobody is locked out for good."""
    page = await person.browser.get("/sign-in")
    for _ in range(place.authority.settings.sign_in_tries):
        await person.sign_in(page, password="wrong wrong wrong")
    paused = await person.sign_in(page)
    assert paused.status_code == 400
    place.clock.turn(place.authority.settings.sign_in_lock)
    assert (await person.sign_in(page)).status_code == 200
