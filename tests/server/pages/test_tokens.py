"""My account, tokens: made after a fresh sign-in, shown once, ended by whoever made them (S11)."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.server.pages import tokens
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.personal_token import PersonalToken, TokenEnd, Use
from tests.installation import (
    MAIL,
    NOTES,
    Installation,
    Person,
    endings_in,
    hidden_fields,
    installed,
)
from tests.server.pages.document import Document
from tests.server.protocol.test_personal_tokens import make

pytestmark = pytest.mark.anyio
DAY = 24 * 3600


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        await place.set_policy(NOTES, personal_tokens=True)
        await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
        yield place


@pytest.fixture
async def person(place: Installation) -> AsyncIterator[Person]:
    async with place.browser() as browser:
        person = Person(place, browser)
        await person.sign_in(await browser.get("/sign-in"))
        yield person


async def form_page(person: Person, api: str = NOTES) -> httpx2.Response:
    return await person.browser.get("/account/tokens/new", params={"api": api})


async def make_one(person: Person, **changes: Any) -> httpx2.Response:
    """Fill in the form; what it proposes stays unless told otherwise."""
    form: dict[str, Any] = hidden_fields((await form_page(person)).text)
    form |= {"name": "Backup", "permission": ["notes:read"], "lifetime": str(30 * DAY)} | changes
    return await person.browser.post("/account/tokens/new", data=form)


def secret_in(page: httpx2.Response) -> str:
    found = re.search(r"<textarea[^>]*>([^<]*)</textarea>", page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


async def kept(place: Installation) -> list[PersonalToken]:
    user = place.user
    assert user is not None
    return await place.authority.store.read(lambda tx: tx.personal_tokens.of_user(user.id))


async def test_a_person_makes_one_sees_it_once_and_ends_it(place: Installation, person: Person):
    """S11: by hand, on the account page."""
    page = await make_one(person, networks="192.0.2.0/24, 2001:db8::/32")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    secret = secret_in(page)
    assert is_spelled(Kind.PERSONAL_TOKEN, secret)
    (token,) = await kept(place)
    assert token.scopes == ("notes:read",)
    assert token.networks == ("192.0.2.0/24", "2001:db8::/32")
    listed = await person.browser.get("/account/tokens")
    assert secret not in listed.text
    assert "Backup" in listed.text
    assert "Never used" in listed.text
    (verb,) = endings_in(listed.text)
    asked = await person.browser.get(verb)
    assert "Every program that has it stops working." in asked.text
    ended = await person.browser.post(verb, data=hidden_fields(asked.text))
    assert "1 personal token ended." in ended.text
    listed = await person.browser.get("/account/tokens")
    assert endings_in(listed.text) == []
    assert "it was ended, and nothing else" in listed.text


async def test_what_it_may_do_is_chosen_and_nothing_is_chosen_before(person: Person):
    page = Document((await form_page(person)).text)
    boxes = [each for each in page.all("input") if each.attributes.get("type") == "checkbox"]
    assert [each.attributes["value"] for each in boxes] == ["notes:read", "notes:write"]
    assert not any("checked" in each.attributes for each in boxes)
    (chosen,) = [each for each in page.all("option") if "selected" in each.attributes]
    assert chosen.attributes["value"] == str(30 * DAY)


WRONG: dict[str, dict[str, Any]] = {
    "no permission": {"permission": []},
    "a permission of another API": {"permission": ["mail:read"]},
    "one permission too many": {"permission": ["notes:read", "counterfoil:end"]},
    "no name": {"name": " "},
    "a year and a day": {"lifetime": str(366 * DAY)},
    "for ever": {"lifetime": "never"},
    "less than nothing": {"lifetime": "-1"},
    "nowhere": {"networks": "192.0.2.7/24"},
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_cannot_be_had_is_said_and_what_was_typed_stays(
    place: Installation, person: Person, case: str
):
    page = await make_one(person, **WRONG[case])
    assert page.status_code == 400
    assert 'role="alert"' in page.text
    if "name" not in WRONG[case]:
        assert 'value="Backup"' in page.text
    assert await kept(place) == []


@pytest.mark.parametrize("api", [MAIL, "https://nowhere.example", "", "http://localhost:8000/api"])
async def test_for_other_apis_there_is_no_form(person: Person, api: str):
    page = await form_page(person, api)
    assert page.headers["location"] == "/account/tokens"


async def test_what_cannot_be_had_is_said_in_german_too(place: Installation, person: Person):
    """With its numbers."""
    person.browser.headers["accept-language"] = "de"
    refused = await make_one(person, name="x" * 101)
    assert refused.status_code == 400
    assert "Der Name eines Tokens hat 1 bis 100 Zeichen." in refused.text


async def test_a_sign_in_of_long_ago_is_not_enough(place: Installation, person: Person):
    """S11: whoever finds an open browser makes no key for later."""
    form: dict[str, Any] = hidden_fields((await form_page(person)).text)
    form |= {"name": "Backup", "permission": ["notes:read"], "lifetime": str(DAY)}
    place.clock.turn(15 * 60)
    for answer in (
        await form_page(person),
        await person.browser.post("/account/tokens/new", data=form),
    ):
        assert answer.status_code == 303
        where = urlsplit(answer.headers["location"])
        assert where.path == "/sign-in"
        assert parse_qs(where.query) == {"next": ["tokens"], "api": [NOTES]}
    assert await kept(place) == []
    page = await person.sign_in(await person.browser.get(answer.headers["location"]))
    assert "What it may do" in page.text
    assert (await make_one(person)).status_code == 200


async def test_none_is_made_when_everything_ends_in_the_meantime(
    place: Installation, person: Person, monkeypatch: pytest.MonkeyPatch
):
    """Between the look at the session and the making of the token, the person ends everything."""
    form: dict[str, Any] = hidden_fields((await form_page(person)).text)
    form |= {"name": "x", "permission": ["notes:read"], "lifetime": "60"}
    looked_up = tokens.person_of

    async def then_ended(*given: Any) -> Any:
        found = await looked_up(*given)
        await place.authority.store.transact(
            lambda tx: revocation.end_everything_of(tx, person.user_id, "test", CLI)
        )
        return found

    monkeypatch.setattr(tokens, "person_of", then_ended)
    answer = await person.browser.post("/account/tokens/new", data=form)
    assert urlsplit(answer.headers["location"]).path == "/sign-in"
    assert await kept(place) == []


async def test_who_is_not_signed_in_sees_and_makes_nothing(place: Installation):
    async with place.browser() as browser:
        for path in ("/account/tokens", "/account/tokens/new?api=x"):
            assert (await browser.get(path)).headers["location"] == "/sign-in"
        answer = await browser.post("/account/tokens/new", data={"name": "x"})
        assert answer.headers["location"] == "/sign-in"


async def test_a_form_of_another_site_makes_none(place: Installation, person: Person):
    form: dict[str, Any] = hidden_fields((await form_page(person)).text)
    form |= {"name": "x", "permission": ["notes:read"], "lifetime": "60"}
    forged = await person.browser.post("/account/tokens/new", data=form | {"csrf": "x"})
    assert forged.status_code == 403
    other = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    foreign = await person.browser.post("/account/tokens/new", data=form, headers=other)
    assert foreign.status_code == 403
    assert await kept(place) == []


async def test_anothers_token_looks_as_if_it_were_not_there(place: Installation, person: Person):
    """The name in the address is no key: a guess ends nothing, and tells nothing."""
    made = await make(place)
    other = await place.add_user("eve@example.com")
    async with place.browser() as browser:
        eve = Person(place, browser, other.email, other.id)
        await eve.sign_in(await browser.get("/sign-in"))
        csrf = hidden_fields((await browser.get("/account/tokens")).text)
        answers = []
        for name in (made.token.id, "A" * 22):
            asked = await browser.get(f"/account/end/personal_token/{name}")
            done = await browser.post(f"/account/end/personal_token/{name}", data=csrf)
            answers.append((asked.status_code, done.status_code))
            assert "Backup" not in asked.text
    assert answers == [(400, 400)] * 2
    (token,) = await kept(place)
    assert token.ended_at is None
    assert person.user_id == token.user_id


async def test_the_last_use_and_the_finding_are_shown(place: Installation, person: Person):
    made, found = await make(place), await make(place, name="Found")
    hostile = "https://evil.example/<script>alert(1)</script>"

    async def work(tx: Any) -> None:
        await tx.personal_tokens.note_use(made.token.id, Use(tx.now - 7200, "192.0.2.7"))
        end = TokenEnd(tx.now, "reported", hostile)
        await revocation.end_personal_token(tx, found.token.id, end, CLI)

    await place.authority.store.transact(work)
    page = (await person.browser.get("/account/tokens")).text
    assert "Last used 2 hours ago from 192.0.2.7" in page
    assert "Reported as found at" in page
    assert html.escape(hostile) in page
    assert "<script>" not in page
    assert f'href="{hostile}' not in page


async def test_an_api_that_allows_less_offers_less(place: Installation, person: Person):
    await place.set_policy(NOTES, personal_tokens=True, personal_token_lifetime=10 * DAY)
    page = Document((await form_page(person)).text)
    offered = [each.attributes["value"] for each in page.all("option")]
    assert offered == [str(days * DAY) for days in (1, 7, 10)]


@pytest.mark.parametrize("lifetime", ["9" * 5000, "9" * 30, "-1", "1e5", "\u0663", ""])
async def test_a_lifetime_that_is_no_number_is_a_mistake_of_whoever_sends_it(
    place: Installation, person: Person, lifetime: str
):
    """Python reads no number of more than 4300 digits: that was an error of ours."""
    answer = await make_one(person, lifetime=lifetime)
    assert answer.status_code == 400
    assert await kept(place) == []


async def test_a_network_is_never_cut_to_a_wider_one(place: Installation, person: Person):
    """``192.0.0.0/24`` behind many blanks once became ``192.0.0.0/2``: a quarter of the world."""
    for blanks in range(1980, 2000):
        assert (await make_one(person, networks=" " * blanks + "192.0.0.0/24")).status_code == 200
    assert {token.networks for token in await kept(place)} == {("192.0.0.0/24",)}
