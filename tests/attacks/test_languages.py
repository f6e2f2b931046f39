"""Whoever asks chooses a language, and names are put into sentences: neither opens anything."""

import pytest

from tests.installation import CALLBACK, EMAIL, Installation, Person, hidden_fields
from tests.shared import person, place, visitor

__all__ = ["person", "place", "visitor"]
pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("pages are written without a database")]

SCOPES = frozenset({"openid", "profile", "email", "offline_access", "notes:read", "notes:write"})
GERMAN = {"accept-language": "de"}
HOSTILE = "<script>alert(1)</script> %(name)s %s {name} {0.__class__} 100% \u05d0\u05d1"
"""Marks that turn text around are refused at registration; letters of scripts that run so stand."""


@pytest.fixture
async def hostile(place: Installation) -> str:
    """An app that is called like nothing that one would call an app."""
    await place.add_client(
        "hostile",
        client_name=HOSTILE,
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK,),
        public=True,
        scopes=SCOPES,
    )
    return "hostile"


def is_tame(page: str) -> bool:
    shown = (
        "&lt;script&gt;alert(1)&lt;/script&gt; %(name)s %s {name} {0.__class__} 100% \u05d0\u05d1"
    )
    # In a title, or kept apart from the sentence around it.
    return "<script>" not in page and f"<bdi>{shown}</bdi>" in page


async def test_a_name_in_a_translated_sentence_stays_text(
    place: Installation, hostile: str, visitor: Person
):
    """No markup, no pattern, and nothing that turns the sentence around it."""
    visitor.browser.headers.update(GERMAN)
    url = visitor.authorization_url(hostile)
    asked = await visitor.browser.get(url)
    sign_in = await visitor.browser.get(asked.headers["location"])
    assert '<html lang="de">' in sign_in.text
    assert is_tame(sign_in.text)
    consent = await visitor.sign_in(sign_in)
    assert '<html lang="de">' in consent.text
    assert is_tame(consent.text)


@pytest.mark.parametrize(
    "accepted",
    [
        "de;q=0.9," * 5000,
        ",".join(f"x{n};q=0.{n}" for n in range(900)),
        "../../de",
        "de\u00e9",
        "*",
    ],
)
async def test_what_a_browser_asks_for_is_read_within_bounds(visitor: Person, accepted: str):
    headers = {"accept-language": accepted.encode("latin-1")}
    page = await visitor.browser.get("/sign-in", headers=headers)
    assert page.status_code == 200
    assert page.headers["content-language"] in {"en", "de"}


@pytest.mark.parametrize("wish", ["../../../etc/passwd", "<script>", "de;q=1", "x " * 4000, "DE"])
async def test_what_an_app_wishes_for_names_no_file(visitor: Person, wish: str):
    """It is one of ours, or nothing."""
    asked = await visitor.browser.get(visitor.authorization_url(ui_locales=wish))
    page = await visitor.browser.get(asked.headers["location"])
    assert wish not in page.text or wish == "DE"
    assert page.headers.get("content-language", "en") in {"en", "de"}


async def test_no_language_changes_what_happens(person: Person):
    """The same steps lead to a code, whatever they are read in."""
    person.browser.headers.update(GERMAN)
    assert await person.code(ui_locales="de")


async def test_a_failed_sign_in_tells_no_more_in_another_language(visitor: Person):
    """Whether there is such an account is not told in German either."""
    visitor.browser.headers.update(GERMAN)
    texts = []
    for email in (EMAIL, "nobody@example.com"):
        form = await visitor.browser.get("/sign-in")
        page = await visitor.sign_in(form, email=email, password="wrong")
        assert page.status_code == 400
        texts.append(page.text.replace(email, ""))
    assert _without_secrets(texts[0]) == _without_secrets(texts[1])


def _without_secrets(page: str) -> list[str]:
    return [line for line in page.splitlines() if "hidden" not in line and "data-" not in line]


@pytest.mark.parametrize("language", ["fr", "DE", "de-DE", "../de", "<b>", " de", "en\x00"])
async def test_what_is_no_language_of_ours_is_kept_of_nobody(
    place: Installation, person: Person, language: str
):
    await person.code()
    page = await person.browser.get("/account/profile")
    form = hidden_fields(page.text) | {"name": "Mallory", "language": language}
    answer = await person.browser.post("/account/profile", data=form)
    assert answer.status_code == 400
    assert language not in answer.text or language == "fr"
    assert await _kept(place, person) == ("Grace", "")


async def test_a_form_of_another_chooses_no_language(
    place: Installation, person: Person, visitor: Person
):
    """Neither by the token of another session, nor without one, nor from another site."""
    await visitor.code()
    token = hidden_fields((await visitor.browser.get("/account/profile")).text)
    await person.code()
    own = hidden_fields((await person.browser.get("/account/profile")).text)
    wish = {"name": "Mallory", "language": "de"}
    for form, headers in (
        (token, {}),
        ({}, {}),
        (own, {"sec-fetch-site": "cross-site", "origin": "https://mallory.example"}),
    ):
        answer = await person.browser.post("/account/profile", data=form | wish, headers=headers)
        assert answer.status_code == 403
    assert await _kept(place, person) == ("Grace", "")


async def test_a_choice_is_of_its_person_alone(place: Installation, person: Person):
    """At the same browser whoever signs in next reads what they chose, or their browser asks for.

    A page at which nobody is signed in tells nothing of what they chose.
    """
    other = await place.add_user("next@example.com", name="Next")
    await person.code()
    own = hidden_fields((await person.browser.get("/account/profile")).text)
    form = own | {"name": "Grace", "language": "de"}
    await person.browser.post("/account/profile", data=form)
    kept = await place.authority.store.read(lambda tx: tx.users.find(other.id))
    assert kept is not None
    assert kept.language == ""
    person.browser.cookies.clear()
    sign_in = await person.browser.get("/sign-in")
    assert sign_in.headers["content-language"] == "en"
    await person.sign_in(sign_in, email="next@example.com")
    page = await person.browser.get("/account/profile")
    assert "next@example.com" in page.text
    assert page.headers["content-language"] == "en"


async def _kept(place: Installation, person: Person) -> tuple[str | None, str]:
    user = await place.authority.store.read(lambda tx: tx.users.find(person.user_id))
    assert user is not None
    return user.name, user.language
