"""Signing in with a second factor, and stepping up to one, on each engine (S105)."""

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest

from counterfoil.guard import Guard, StepUp
from counterfoil.guard.demands import Presented
from counterfoil.guard.policy import Options
from counterfoil.guard.request import Request
from counterfoil.guard.token import Rejected
from counterfoil.oauth.reasons import Reason
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.policy import ClientPolicy
from tests.flows.serving import fresh, served_here
from tests.installation import NOTES, Installation, Person, answer_of, hidden_fields, installed
from tests.recoveries import NEW, ask, choose, mail_for, open_link, token_for
from tests.second_factors import (
    AUTHENTICATOR,
    App,
    confirm,
    enrol,
    events_of,
    half,
    is_in,
    key_in,
    onward_in,
    recovery_codes_in,
    show,
)

pytestmark = pytest.mark.anyio


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))))


async def set_client_policy(place: Installation, **policy: Any) -> None:
    from msgspec.structs import replace

    async def work(tx: Any) -> None:
        client = await tx.clients.find("app")
        await tx.clients.update(replace(client, policy=ClientPolicy(**policy)))

    await place.authority.store.transact(work)


async def test_after_the_password_a_code_is_asked_for_and_then_the_app_has_its_tokens(
    place: Installation, person: Person, visitor: Person
):
    """The whole order: password, code, consent, tokens; amr and acr say what happened."""
    app, _ = await enrol(person)
    page = await visitor.sign_in(await visitor.open())
    assert "One more step" in page.text
    assert not await is_in(visitor), "no session begins with half a sign-in"
    page = await show(visitor, page, app.code())
    tokens = await visitor.exchange(answer_of(await visitor.allow(page))["code"])
    for token in (tokens.json()["id_token"], tokens.json()["access_token"]):
        claims = claims_of(token)
        assert claims["acr"] == "mfa"
        assert claims["auth_time"] == int(place.clock())
    assert claims_of(tokens.json()["id_token"])["amr"] == ["pwd", "otp", "mfa"]
    (event,) = [
        each
        for each in await events_of(place, EventKind.SIGNED_IN, person.user_id)
        if each.proof == "second_factor"
    ]
    assert event.actor == f"user:{person.user_id}"


async def test_a_recovery_code_does_it_too_and_is_told_of(
    place: Installation, person: Person, visitor: Person
):
    _, codes = await enrol(person)
    page = await half(visitor)
    typed = codes[0].lower().replace("-", " ")
    assert (await show(visitor, page, typed)).status_code == 200
    assert await is_in(visitor)
    (event,) = await events_of(place, EventKind.RECOVERY_CODE_USED, person.user_id)
    assert event.detail == {"left": "9"}
    told = " ".join(await mail_for(place, person.email))
    assert "9 codes are left" in " ".join(told.split())


async def test_a_new_password_by_mail_is_half_a_sign_in(
    place: Installation, person: Person, visitor: Person
):
    """ASVS V6.3.6, V6.4.3: whoever reads the mail is not in, and still needs the app."""
    app, _ = await enrol(person)
    await ask(visitor.browser, person.email)
    opened = await open_link(visitor.browser, await token_for(place, person.email))
    assert (await choose(visitor.browser, opened)).status_code == 200
    assert not await is_in(visitor)
    page = await visitor.sign_in(await visitor.browser.get("/sign-in"), password=NEW)
    assert not await is_in(visitor)
    await show(visitor, page, app.code())
    assert await is_in(visitor)


async def test_new_recovery_codes_end_those_before(person: Person, visitor: Person):
    _, codes = await enrol(person)
    page = await person.browser.get("/account/security")
    assert "10 of 10 are left" in page.text
    page = await person.browser.get("/account/security/recovery-codes")
    made = await person.browser.post(
        "/account/security/recovery-codes", data=hidden_fields(page.text)
    )
    anew = recovery_codes_in(made.text)
    assert len(anew) == 10
    assert not set(anew) & set(codes)
    page = await half(visitor)
    assert (await show(visitor, page, codes[1])).status_code == 400
    await show(visitor, page, anew[1])
    assert await is_in(visitor)


async def test_switched_off_the_password_alone_signs_in(person: Person, visitor: Person):
    await enrol(person)
    page = await person.browser.get("/account/security/switch-off")
    assert "From now on the password alone signs you in" in page.text
    form = hidden_fields(page.text)
    await person.browser.post("/account/security/switch-off", data=form)
    await half(visitor)
    assert await is_in(visitor)


async def test_switching_it_on_ends_what_was_begun_with_the_password_alone(
    person: Person, visitor: Person
):
    """By the table of consequences; this browser stays, as strong as it is now."""
    await visitor.tokens()
    await enrol(person)
    assert not await is_in(visitor)
    assert await is_in(person)


async def test_a_session_that_is_too_weak_is_stepped_up_by_the_code_alone(
    place: Installation, person: Person
):
    """S105, by acr_values: no password, the same session, auth_time as it was."""
    app, _ = await enrol(person)
    await weaken(place, person)
    signed_in = int(place.clock())
    place.clock.turn(60)
    page = await person.open(acr_values="mfa")
    assert "One more step" in page.text
    page = await show(person, page, app.code())
    tokens = await person.exchange(answer_of(await person.allow(page))["code"])
    claims = claims_of(tokens.json()["id_token"])
    assert (claims["acr"], claims["auth_time"]) == ("mfa", signed_in)
    assert len(await events_of(place, EventKind.STEPPED_UP, person.user_id)) == 2


async def weaken(place: Installation, person: Person) -> None:
    """Take the second factor from a session, as if it were from before it was switched on."""
    from msgspec.structs import replace

    async def work(tx: Any) -> None:
        (session,) = await tx.sessions.of_user(person.user_id)
        await tx.sessions.renew(replace(session, amr=("pwd",)))

    await place.authority.store.transact(work)


async def test_who_has_none_cannot_be_what_an_app_wishes(person: Person):
    page = await person.sign_in(await person.open(acr_values="mfa"))
    assert answer_of(page)["error"] == "unmet_authentication_requirements"


async def test_no_prompt_is_answered_and_not_asked(person: Person):
    await enrol(person)
    answer = await person.open(acr_values="phr", prompt="none")
    assert answer_of(answer)["error"] == "login_required"


@pytest.mark.parametrize("by", ["client", "scope"])
async def test_policy_lets_people_set_one_up_on_the_way(
    place: Installation, person: Person, by: str
):
    """Where a client or a scope demands it: right after the password, then on to the app."""
    if by == "client":
        await set_client_policy(place, least_acr="mfa")
    else:
        await place.set_policy(NOTES, second_factor_scopes="notes:read other")
    try:
        page = await person.sign_in(await person.open())
        assert "Set up an authenticator app" in page.text
        app = App(key_in(page.text), place)
        form = hidden_fields(page.text) | {"code": app.code()}
        shown = await person.browser.post(AUTHENTICATOR, data=form)
        page = await person.follow(await person.browser.get(onward_in(shown.text)))
        tokens = await person.exchange(answer_of(await person.allow(page))["code"])
        assert claims_of(tokens.json()["access_token"])["acr"] == "mfa"
    finally:
        await set_client_policy(place)
        await place.set_policy(NOTES)


async def test_a_scope_that_demands_none_is_had_by_the_password(
    place: Installation, person: Person
):
    await place.set_policy(NOTES, second_factor_scopes="notes:write")
    try:
        tokens = await person.tokens()
        assert claims_of(tokens["access_token"])["acr"] == "sfa"
        page = await person.open(scope="openid notes:write")
        assert "Set up an authenticator app" in page.text
    finally:
        await place.set_policy(NOTES)


async def test_a_device_is_let_in_by_whoever_is_strong_enough(place: Installation, person: Person):
    await place.set_policy(NOTES, second_factor_scopes="notes:read")
    await place.add_client(
        "tv", public=True, grant_types=("urn:ietf:params:oauth:grant-type:device_code",)
    )
    try:
        asked = await place_device(place)
        page = await person.browser.get(f"/device?user_code={asked['user_code']}")
        page = await person.sign_in(await person.follow(page))
        assert "Set up an authenticator app" in page.text
        form = hidden_fields(page.text) | {"code": App(key_in(page.text), place).code()}
        shown = await person.browser.post(AUTHENTICATOR, data=form)
        page = await person.browser.get(onward_in(shown.text))
        assert asked["user_code"] in page.text
    finally:
        await place.set_policy(NOTES)


async def place_device(place: Installation) -> dict[str, str]:
    async with place.browser() as browser:
        answer = await browser.post(
            "/device_authorization", data={"client_id": "tv", "scope": "notes:read"}
        )
    return dict(answer.json())


@pytest.mark.one_engine("a setting asks no engine")
async def test_demanded_of_everyone_it_is_set_up_before_any_session_begins(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
):
    data = tmp_path_factory.mktemp("everyone")
    async with installed(data, second_factor_for="everyone") as place, place.browser() as browser:
        person = Person(place, browser)
        page = await half(person)
        assert not await is_in(person)
        app, _ = await confirm(person, page)
        assert await is_in(person)
        async with place.browser() as other:
            visitor = Person(place, other)
            await show(visitor, await half(visitor), app.code())
            assert await is_in(visitor)


@pytest.mark.one_engine("a setting asks no engine")
@pytest.mark.parametrize(("is_admin", "comes_in"), [(False, True), (True, False)])
async def test_demanded_of_administrators_without_a_way_they_cannot_come_in(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory, is_admin: bool, comes_in: bool
):
    settings = {"second_factor_for": "administrators", "second_factor_enrolment": False}
    async with installed(tmp_path_factory.mktemp("none"), **settings) as place:
        await place.add_user("root@example.com", is_admin=is_admin)
        async with place.browser() as browser:
            person = Person(place, browser, "root@example.com")
            page = await half(person)
            assert await is_in(person) is comes_in
            if not comes_in:
                assert page.status_code == 400
                assert "unmet_authentication_requirements" in page.text
                answer = await person.sign_in(await person.open())
                assert answer_of(answer)["error"] == "unmet_authentication_requirements"


@pytest.mark.one_engine("what is decided asks no engine")
async def test_an_api_demands_more_and_the_new_token_passes(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
):
    """S105, RFC 9470: challenge, acr_values, second factor, and the new token passes."""
    demand = StepUp(acr=("mfa", "phr"))
    async with served_here(tmp_path_factory.mktemp("data")) as place, place.browser() as browser:
        person = Person(place, browser)
        app, _ = await enrol(person)
        await weaken(place, person)
        options = Options(clock=place.clock)
        with Guard(place.issuer, audience=NOTES, options=options) as guard:
            await fresh(guard)
            weak = (await person.tokens())["access_token"]
            asked = Request("GET", "https", "192.0.2.7", "/notes", b"", ())
            with pytest.raises(Rejected) as refused:
                demand.examine(Presented(guard.check(weak), asked, place.clock()))
            assert refused.value.reason is Reason.SIGN_IN_TOO_WEAK
            page = await person.open(**refused.value.asks)
            page = await show(person, page, app.code())
            answer = await person.exchange(answer_of(page)["code"])
            strong = guard.check(answer.json()["access_token"])
            demand.examine(Presented(strong, asked, place.clock()))
            assert strong.claims["acr"] == "mfa"


async def test_what_guards_an_account_asks_for_a_fresh_sign_in(place: Installation, person: Person):
    """S105: one rule for password, second factor, tokens, and whatever is ended elsewhere."""
    await person.tokens()
    (grant,) = await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    pages = {
        "/account/password": "password",
        "/account/security/switch-off": "security",
        f"/account/end/grant/{grant.id}": "end-grant",
        f"/account/end/user/{person.user_id}": "end-user",
        "/account/devices/others": "others",
        AUTHENTICATOR: "",
    }
    assert (await person.browser.get("/account/password")).status_code == 200
    place.clock.turn(15 * 60)
    for path, word in pages.items():
        answer = await person.browser.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in"), path
        assert f"next={word}" in answer.headers["location"] or not word
    security = await person.browser.get("/account/security")
    assert security.status_code == 200, "looking changes nothing"
    assert "Off." in security.text
    form = hidden_fields(security.text)
    for path in (*pages, "/account/security/recovery-codes"):
        if path == AUTHENTICATOR:
            continue
        answer = await person.browser.post(path, data=form)
        assert answer.headers["location"].startswith("/sign-in"), path
    grants = await place.authority.store.read(lambda tx: tx.grants.of_user(person.user_id))
    assert [each.ended_at for each in grants] == [None]
    page = await person.browser.get(f"/sign-in?next=end-grant&name={grant.id}")
    page = await person.sign_in(page)
    assert "Remove this app?" in page.text, "and leads back"
