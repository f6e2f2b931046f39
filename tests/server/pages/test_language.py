"""The switch at the foot of a page keeps a language in this browser, and leads back."""

import pytest

from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def press(visitor: Person, back: str, **headers: str):
    fields = {"language": "de", "back": back}
    return await visitor.browser.post("/language", data=fields, headers=headers)


async def test_it_leads_back_to_the_page_in_the_other_language(
    place: Installation, visitor: Person
):
    """Also in the middle of a flow, whose app had another wish."""
    asked = await visitor.browser.get(visitor.authorization_url(ui_locales="en"))
    page = await visitor.browser.get(asked.headers["location"])
    assert '<button class="link" type="submit" name="language" value="de" lang="de">' in page.text
    back = page.text.partition('name="back" value="')[2].partition('"')[0].replace("&amp;", "&")
    pressed = await press(visitor, back)
    assert pressed.status_code == 303
    assert pressed.headers["location"] == f"{place.issuer}{asked.headers['location']}"
    cookie = pressed.headers["set-cookie"]
    assert "counterfoil_language=de." in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    german = await visitor.browser.get(pressed.headers["location"])
    assert '<html lang="de">' in german.text
    assert 'value="en"' in german.text


async def test_a_language_that_is_not_there_is_refused(visitor: Person):
    answer = await visitor.browser.post("/language", data={"language": "fr", "back": "/"})
    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "@evil.example",
        ".evil.example",
    ],
)
async def test_it_never_leads_elsewhere(place: Installation, visitor: Person, back: str):
    """It is no open redirect: the address begins with our own name."""
    answer = await press(visitor, back)
    assert answer.headers["location"].startswith(f"{place.issuer}/")


async def test_another_site_presses_nothing(visitor: Person):
    answer = await press(visitor, "/", **{"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("value", ["fr.1", "de", "de.x", "de.-1", "de." + "9" * 40, "<script>.1"])
async def test_a_cookie_that_is_none_of_ours_is_nothing(visitor: Person, value: str):
    headers = {"cookie": f"counterfoil_language={value}"}
    assert '<html lang="en">' in (await visitor.browser.get("/sign-in", headers=headers)).text


async def test_what_is_shown_this_once_has_no_switch(person: Person):
    """An answer to a form cannot be asked for again."""
    page = await person.browser.post("/sign-in", data={"email": "x"})
    assert 'action="/language"' not in page.text
