"""OpenID Connect RP-Initiated Logout 1.0: an app asks to sign a person out."""

from pathlib import Path

import httpx2
import pytest

from counterfoil.jose.jwt import unverified_header
from counterfoil.server.records.event import CLI
from tests.installation import Installation, Person, hidden_fields, installed, token_request

pytestmark = pytest.mark.anyio

BYE = "https://app.example/bye"


async def logout(person: Person, **parameters: str) -> httpx2.Response:
    return await person.browser.get("/logout", params=parameters)


async def is_signed_in(person: Person) -> bool:
    return (await person.browser.get("/account/apps")).status_code == 200


async def test_with_the_sessions_id_token_nobody_is_asked(person: Person):
    """§2, §3: out of the session, back to the app with its state; S39, S04."""
    tokens = await person.tokens()
    back = await logout(
        person, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BYE, state="a b"
    )
    assert back.status_code == 303
    assert back.headers["location"] == BYE + "?state=a+b"
    assert not await is_signed_in(person)


async def test_logout_ends_what_hangs_on_the_session(place: Installation, person: Person):
    """§2; S39: stolen copies are refused from then on."""
    tokens = await person.tokens()
    await logout(person, id_token_hint=tokens["id_token"])
    said = (await place.post("/introspect", "app", token=tokens["access_token"])).json()
    assert said == {"active": False}
    answer = await token_request(
        place, "app", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert answer.json()["error"] == "invalid_grant"


async def test_logout_is_of_one_browser_and_the_permission_stays(
    place: Installation, person: Person, visitor: Person
):
    """S04: the session is not the grant; S05: the other machine stays signed in."""
    here, there = await person.tokens(), await visitor.tokens()
    await logout(person, id_token_hint=here["id_token"])
    said = (await place.post("/introspect", "app", token=there["access_token"])).json()
    assert said["active"] is True
    assert await is_signed_in(visitor)
    back = await person.sign_in(await person.open())
    assert "code=" in back.headers["location"]


async def test_without_an_id_token_the_person_is_asked(person: Person):
    """§2: the OP should ask; §6: logout by a foreign link is a denial of service."""
    await person.tokens()
    page = await logout(person, client_id="app", post_logout_redirect_uri=BYE)
    assert page.status_code == 200
    assert "Sign out?" in page.text
    assert await is_signed_in(person)


@pytest.mark.parametrize(
    ("decision", "signed_in", "location"), [("logout", False, BYE), ("stay", True, "/account/apps")]
)
async def test_the_answer_counts(person: Person, decision: str, signed_in: bool, location: str):
    """§2."""
    await person.tokens()
    page = await logout(person, client_id="app", post_logout_redirect_uri=BYE)
    form = hidden_fields(page.text) | {"decision": decision}
    answer = await person.browser.post("/logout", data=form)
    assert answer.headers["location"] == location
    assert await is_signed_in(person) is signed_in


async def test_the_answer_must_come_from_our_form(person: Person):
    """§6; S74: a forged answer changes nothing."""
    await person.tokens()
    answer = await person.browser.post("/logout", data={"decision": "logout", "csrf": "x"})
    assert answer.status_code == 403
    assert await is_signed_in(person)


async def test_another_sessions_id_token_asks_first(person: Person, visitor: Person):
    """§4: the hint does not name who is signed in here."""
    await person.tokens()
    other = await visitor.tokens()
    page = await logout(person, id_token_hint=other["id_token"])
    assert page.status_code == 200
    assert await is_signed_in(person)


async def test_an_expired_id_token_still_names_the_session(place: Installation, person: Person):
    """§4: the OP should accept ID tokens when the session is still there."""
    tokens = await person.tokens()
    place.clock.turn(place.authority.settings.id_token_lifetime + 1)
    back = await logout(person, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BYE)
    assert back.headers["location"] == BYE


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/bye",
        "https://app.example/bye/",
        "https://app.example/bye?x=1",
        "https://app.example/callback",
        "//evil.example",
    ],
)
async def test_only_a_registered_uri_is_returned_to(person: Person, uri: str):
    """§3: exactly one of post_logout_redirect_uris; else nobody is redirected."""
    tokens = await person.tokens()
    page = await logout(person, id_token_hint=tokens["id_token"], post_logout_redirect_uri=uri)
    assert page.status_code == 400
    assert "location" not in page.headers
    assert "post_logout_redirect_uri" in page.text


async def test_a_uri_needs_a_client(person: Person):
    """§2: without id_token_hint or client_id there is nobody to have registered it."""
    page = await logout(person, post_logout_redirect_uri=BYE)
    assert page.status_code == 400


async def test_client_id_must_be_that_of_the_id_token(person: Person):
    """§2: if both are present they must agree."""
    tokens = await person.tokens()
    page = await logout(person, id_token_hint=tokens["id_token"], client_id="spa")
    assert page.status_code == 400
    assert "client_id" in page.text


@pytest.mark.parametrize("hint", ["x", "a.b.c"])
async def test_what_is_no_id_token_of_ours_is_refused(person: Person, hint: str):
    """§4: the OP verifies that it was the issuer."""
    await person.tokens()
    page = await logout(person, id_token_hint=hint)
    assert page.status_code == 400
    assert await is_signed_in(person)


async def test_an_access_token_is_no_hint(person: Person):
    """§2; S75."""
    tokens = await person.tokens()
    page = await logout(person, id_token_hint=tokens["access_token"])
    assert page.status_code == 400


async def test_who_is_not_signed_in_just_returns(person: Person):
    """§2: there is nothing to end."""
    back = await logout(person, client_id="app", post_logout_redirect_uri=BYE)
    assert back.headers["location"] == BYE
    assert (await logout(person)).headers["location"] == "/signed-out"


async def test_a_post_from_an_app_ends_the_session_too(person: Person):
    """§2: POST must be supported; a foreign one carries no cookie, so it goes on as a GET."""
    tokens = await person.tokens()
    form = {
        "id_token_hint": tokens["id_token"],
        "post_logout_redirect_uri": BYE,
        "state": "x",
    }
    sent_on = await person.browser.post("/logout", data=form)
    assert sent_on.status_code == 303
    assert sent_on.headers["location"].startswith("/logout?")
    back = await person.browser.get(sent_on.headers["location"])
    assert back.headers["location"] == BYE + "?state=x"
    assert not await is_signed_in(person)


async def test_an_id_token_from_before_the_keys_turned_asks_first(tmp_path: Path):
    """§2: it is not refused; whom it means can no longer be known."""
    async with installed(tmp_path) as place, place.browser() as browser:
        person = Person(place, browser)
        old = (await person.tokens())["id_token"]
        kid = str(unverified_header(old)["kid"])
        rotation = place.authority.rotation
        await place.authority.store.transact(lambda tx: rotation.withdraw(tx, kid, CLI))
        await place.authority.hub.catch_up()
        page = await logout(
            person, id_token_hint=old, client_id="app", post_logout_redirect_uri=BYE
        )
        assert page.status_code == 200
        assert "Sign out?" in page.text
        form = hidden_fields(page.text) | {"decision": "logout"}
        back = await browser.post("/logout", data=form)
        assert back.headers["location"] == BYE
        assert not await is_signed_in(person)
