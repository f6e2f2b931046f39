"""In which language a page is read: the app's wish, the switch, the browser's, the setting's."""

from pathlib import Path

import pytest

from counterfoil.server.pages.recovery_views import CaughtMailPage
from counterfoil.server.web.browser import PageAnswer
from counterfoil.server.web.cookies import Pressed
from counterfoil.server.web.language import Wish, Wishes, chosen, is_back
from counterfoil.server.web.page import Reading
from tests.installation import Installation, Person, hidden_fields, installed

pytestmark = pytest.mark.anyio
ROOT = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("wishes", "language"),
    [
        (Wishes(None, None, "", "de"), "de"),
        (Wishes(None, None, "fr", "de"), "de"),
        (Wishes(None, None, "en, de;q=0.5", "de"), "en"),
        (Wishes(None, Pressed("de", 1), "en", "en"), "de"),
        (Wishes(Wish("en", 2), Pressed("de", 1), "de", "de"), "en"),
        (Wishes(Wish("en", 2), Pressed("de", 2), "en", "en"), "de"),
        (Wishes(None, None, "en", "en", Wish("de", 1)), "de"),
        (Wishes(Wish("en", 2), None, "en", "en", Wish("de", 3)), "en"),
        (Wishes(None, Pressed("en", 2), "en", "en", Wish("de", 3)), "de"),
        (Wishes(None, Pressed("en", 3), "en", "en", Wish("de", 3)), "en"),
    ],
)
def test_who_decides(wishes: Wishes, language: str):
    """OpenID Connect Core §3.1.2.1: the app's wish, then the person's, until they press."""
    assert chosen(wishes) == language


async def test_a_page_is_in_the_language_that_the_browser_asks_for(visitor: Person):
    german = await visitor.browser.get("/sign-in", headers={"accept-language": "de-AT"})
    assert '<html lang="de">' in german.text
    assert "Passwort" in german.text
    assert german.headers["content-language"] == "de"
    assert "Accept-Language" in german.headers["vary"]
    assert "Cookie" in german.headers["vary"]
    assert german.headers["cache-control"] == "no-store"
    english = await visitor.browser.get("/sign-in", headers={"accept-language": "fr"})
    assert '<html lang="en">' in english.text
    assert english.headers["content-language"] == "en"


async def test_errors_are_read_in_it_too(visitor: Person):
    nowhere = await visitor.browser.get(
        "/nowhere", headers={"accept-language": "de", "accept": "text/html"}
    )
    assert nowhere.status_code == 404
    assert '<html lang="de">' in nowhere.text


async def test_the_app_wishes_for_a_language(place: Installation, visitor: Person):
    """It holds on every page of the flow, and on no other."""
    asked = await visitor.browser.get(visitor.authorization_url(ui_locales="fr de-DE en"))
    page = await visitor.browser.get(asked.headers["location"])
    assert '<html lang="de">' in page.text
    assert '<html lang="en">' in (await visitor.browser.get("/sign-in")).text


async def test_discovery_tells_the_languages(visitor: Person):
    found = (await visitor.browser.get("/.well-known/openid-configuration")).json()
    assert found["ui_locales_supported"] == ["en", "de"]


async def test_those_who_run_the_server_read_english(place: Installation):
    """Their pages have one language, and say so, and have no switch."""
    answer = PageAnswer(CaughtMailPage(messages=()), 200)
    answer.write(place.server, Reading("de", "/development/mail"))
    assert answer.headers["content-language"] == "en"
    assert b'<html lang="en">' in answer.body
    assert b'action="/language"' not in answer.body


@pytest.mark.parametrize("path", ["/auth", "/auth/", "/auth/sign-in", "/sign-in", "/nowhere"])
async def test_the_switch_leads_back_to_the_page_below_any_path(tmp_path: Path, path: str):
    """Also to the home page, which stands at the issuer itself, and where a proxy takes the path
    off."""
    async with installed(tmp_path, issuer=f"{ROOT}/auth") as place, place.browser() as anyone:
        anyone.headers["accept"] = "text/html"
        page = await anyone.get(f"{ROOT}{path}")
        fields = hidden_fields(page.text) | {"language": "de"}
        pressed = await anyone.post(f"{ROOT}/auth/language", data=fields)
        there = await anyone.get(pressed.headers["location"])
    assert there.status_code == page.status_code
    assert 'lang="de"' in there.text
    assert pressed.headers["location"].startswith(f"{ROOT}/auth/")
    assert not pressed.headers["location"].startswith(f"{ROOT}/auth/auth")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("/", True),
        ("/sign-in?flow=a", True),
        ("", False),
        ("sign-in", False),
        ("https://evil.example/", False),
        ("/a b", False),
        ("/a\r\nset-cookie: x=y", False),
        ("/\u00e4", False),
        ("/" + "x" * 9000, False),
    ],
)
def test_what_can_be_an_address_to_go_back_to(text: str, good: bool):
    assert is_back(text) is good
