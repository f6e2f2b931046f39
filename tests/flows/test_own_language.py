"""The language that a person has chosen, from the profile page to apps, letters and their data."""

import httpx2
import pytest

from counterfoil.server.identity.security_letters import language_for, tell
from counterfoil.server.records.letter import LetterKind
from tests.flows.test_second_factors import claims_of
from tests.installation import Installation, Person, hidden_fields
from tests.recoveries import ask, mail_for
from tests.second_factors import enrol

pytestmark = pytest.mark.anyio

PROFILE = "/account/profile"
ENGLISH = {"accept-language": "en"}


async def choose(person: Person, language: str) -> httpx2.Response:
    page = await person.browser.get(PROFILE)
    form = hidden_fields(page.text) | {"name": "Grace", "language": language}
    return await person.follow(await person.browser.post(PROFILE, data=form))


async def language_of(person: Person) -> str:
    page = await person.browser.get(PROFILE, headers=ENGLISH)
    assert page.status_code == 200
    return page.headers["content-language"]


async def asked_by_app(person: Person, **wish: str) -> str:
    page = await person.open(prompt="consent", **wish)
    assert page.status_code == 200
    return page.headers["content-language"]


async def press(person: Person, language: str) -> None:
    pressed = {"language": language, "back": PROFILE}
    assert (await person.browser.post("/language", data=pressed)).status_code == 303


async def test_a_choice_holds_in_every_browser_in_which_its_person_is_signed_in(
    person: Person, visitor: Person
):
    """Before what a browser asks for, and after what the app wishes for."""
    await person.code()
    await visitor.code()
    visitor.browser.headers.update(ENGLISH)
    assert await language_of(visitor) == "en"
    saved = await choose(person, "de")
    assert '<html lang="de">' in saved.text
    assert '<option value="de" lang="de" selected>' in saved.text
    assert await language_of(visitor) == "de"
    assert await asked_by_app(visitor) == "de"
    assert await asked_by_app(visitor, ui_locales="en") == "en"
    await choose(person, "")
    assert await language_of(visitor) == "en"


async def test_the_switch_pressed_since_the_sign_in_says_more_until_another_is_chosen(
    place: Installation, person: Person
):
    """One that was pressed before may be of whoever sat at the browser before."""
    await press(person, "en")
    place.clock.turn(5)
    await person.code()
    await choose(person, "de")
    assert await language_of(person) == "de"
    place.clock.turn(5)
    await press(person, "en")
    place.clock.turn(5)
    assert await language_of(person) == "en", "for as long as they are signed in"
    await choose(person, "")
    await press(person, "en")
    await choose(person, "de")
    assert await language_of(person) == "de"


async def test_one_pressed_before_the_sign_in_does_not_count_there(
    place: Installation, person: Person, visitor: Person
):
    await person.code()
    await choose(person, "de")
    await press(visitor, "en")
    place.clock.turn(5)
    await visitor.code()
    assert await language_of(visitor) == "de"


async def test_apps_that_may_see_the_name_are_told(person: Person):
    """OpenID Connect Core §5.1; nothing is told where nothing was chosen."""
    before = await person.tokens(scope="openid profile")
    assert "locale" not in claims_of(before["id_token"])
    await choose(person, "de")
    bearer = {"authorization": f"Bearer {before['access_token']}"}
    told = (await person.browser.get("/userinfo", headers=bearer)).json()
    assert told["locale"] == "de"
    after = await person.tokens(scope="openid profile")
    assert claims_of(after["id_token"])["locale"] == "de"
    without = await person.tokens(scope="openid email")
    assert "locale" not in claims_of(without["id_token"])


async def test_letters_are_written_in_it(place: Installation, person: Person, visitor: Person):
    """Those that nobody asks for, and those that somebody asks for who reads another language."""
    await enrol(person)
    assert "authenticator app" in (await mail_for(place, person.email))[0]
    await choose(person, "de")
    visitor.browser.headers.update(ENGLISH)
    await ask(visitor.browser, person.email)
    assert "Passwort" in (await mail_for(place, person.email))[0]
    found = await place.authority.store.read(lambda tx: tx.users.find(person.user_id))
    assert found is not None
    kind, left = LetterKind.RECOVERY_CODE_USED, "2"
    await place.authority.store.transact(
        lambda tx: tell(place.authority, tx, found, kind, left=left)
    )
    assert "Wiederherstellungscode" in (await mail_for(place, person.email))[0]


async def test_it_is_in_the_data_that_its_person_takes(person: Person):
    await person.code()
    await choose(person, "de")
    page = await person.browser.get("/account/data")
    taken = await person.browser.post("/account/data", data=hidden_fields(page.text))
    assert taken.json()["profile"][0]["language"] == "de"


async def test_a_language_that_a_newer_version_knew_is_none_here(
    place: Installation, person: Person
):
    """Two versions serve beside each other: pages and letters go by what else is wished."""
    await person.code()
    await place.authority.store.transact(lambda tx: tx.users.set_language(person.user_id, "tlh"))
    page = await person.browser.get(PROFILE, headers={"accept-language": "de"})
    assert (page.status_code, page.headers["content-language"]) == (200, "de")
    found = await place.authority.store.read(lambda tx: tx.users.find(person.user_id))
    assert found is not None
    assert language_for(place.authority.settings, found, "de") == "de"
