"""The second factor: replayed, raced, guessed, skipped, moved, hijacked (ASVS V6, S105)."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.server.identity import passkeys
from counterfoil.server.identity.passkeys import Removal
from counterfoil.server.protocol import registration, revocation
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.passkey import Passkey
from counterfoil.server.records.session import Origin
from tests.installation import (
    PASSWORD,
    QUICK,
    Installation,
    Person,
    answer_of,
    hidden_fields,
    installed,
    token_request,
)
from tests.second_factors import (
    AUTHENTICATOR,
    SECOND,
    App,
    enrol,
    events_of,
    half,
    is_in,
    key_in,
    show,
)
from tests.shared import UNTHROTTLED

pytestmark = pytest.mark.anyio
COOKIE = "counterfoil_half_sign_in"
DAY = 86_400
one_engine = pytest.mark.one_engine("what is decided asks no engine")


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    data = tmp_path_factory.mktemp("place")
    async with installed(data, **UNTHROTTLED) as place:
        yield place


@pytest.fixture
async def owner(place: Installation) -> AsyncIterator[Person]:
    email = f"{secrets.token_hex(6)}@example.com"
    user = await place.add_user(email)
    async with place.browser() as browser:
        yield Person(place, browser, email, user.id)


@pytest.fixture
async def thief(place: Installation, owner: Person) -> AsyncIterator[Person]:
    """Somebody who knows the password, at a browser of their own."""
    async with place.browser() as browser:
        yield Person(place, browser, owner.email, owner.user_id)


async def posted(person: Person, page: httpx2.Response, code: str) -> httpx2.Response:
    form = hidden_fields(page.text) | {"code": code}
    return await person.browser.post(SECOND, data=form)


@one_engine
async def test_a_code_is_good_once(owner: Person, thief: Person):
    """Whoever looks over a shoulder is too late; an earlier step is none either (RFC 6238 §5.2)."""
    app, _ = await enrol(owner)
    page = await half(owner)
    code = app.code()
    await show(owner, page, code)
    assert await is_in(owner)
    page = await half(thief)
    for shown in (code, app.code(-1)):
        assert (await posted(thief, page, shown)).status_code == 400
    assert not await is_in(thief)


@one_engine
async def test_the_code_that_confirmed_the_app_is_used_up(owner: Person, thief: Person):
    app, _ = await enrol(owner)
    assert (await posted(thief, await half(thief), app.code(-1))).status_code == 400


async def test_of_two_browsers_in_the_same_step_one_comes_in(owner: Person, thief: Person):
    app, _ = await enrol(owner)
    pages = [await half(owner), await half(thief)]
    answers = await asyncio.gather(
        posted(owner, pages[0], app.code()), posted(thief, pages[1], app.code())
    )
    assert sorted(answer.status_code for answer in answers) == [303, 400]


async def test_of_two_who_show_a_recovery_code_one_comes_in(owner: Person, thief: Person):
    _, codes = await enrol(owner)
    pages = [await half(owner), await half(thief)]
    forms = [hidden_fields(page.text) | {"recovery_code": codes[0]} for page in pages]
    answers = await asyncio.gather(
        owner.browser.post(SECOND, data=forms[0]), thief.browser.post(SECOND, data=forms[1])
    )
    assert sorted(answer.status_code for answer in answers) == [303, 400]


async def test_one_half_makes_one_session(owner: Person, place: Installation):
    """A copy of the cookie, kept, is worth nothing with the next code, nor after signing out."""
    app, codes = await enrol(owner)
    page = await half(owner)
    kept = owner.browser.cookies[COOKIE]
    page_again = hidden_fields(page.text)
    await show(owner, page, app.code())
    apps = await owner.browser.get("/account/apps")
    await owner.browser.post("/account/sign-out", data=hidden_fields(apps.text))
    owner.browser.cookies.set(COOKIE, kept)
    form = page_again | {"recovery_code": codes[0]}
    answer = await owner.browser.post(SECOND, data=form)
    assert answer.status_code == 400
    assert not await is_in(owner)


async def test_guessing_stops_and_the_owner_still_comes_in(
    owner: Person, thief: Person, place: Installation
):
    """Wrong codes lock the codes and not the account; a recovery code, unguessable, opens."""
    app, codes = await enrol(owner)
    owner.browser.cookies.clear()
    page = await half(thief)
    for number in range(5):
        assert (await posted(thief, page, f"{number:06}")).status_code == 400
    assert (await posted(thief, page, app.code())).status_code == 400, "not even the right one"
    user = await place.authority.store.read(lambda tx: tx.users.find(owner.user_id))
    assert user is not None
    assert (user.failed_sign_ins, user.locked_until) == (0, 0), "passwords are counted apart"
    page = await half(owner)
    assert (await posted(owner, page, app.code())).status_code == 400
    await show(owner, page, codes[0])
    assert await is_in(owner)
    failed = await events_of(place, EventKind.SECOND_FACTOR_FAILED, owner.user_id)
    assert len(failed) == 7


@one_engine
async def test_who_knows_the_password_keeps_nobody_out_of_a_browser_that_is_known(
    owner: Person, thief: Person, place: Installation
):
    """Some codes a day pass the pause there; it goes on for the thief, whoever else comes in."""
    app, _ = await enrol(owner)
    page = await half(thief)
    for number in range(5):
        await posted(thief, page, f"{number:06}")
    owner.browser.cookies.delete("counterfoil_session")
    mine = await half(owner)
    assert (await posted(owner, mine, "000000")).status_code == 400
    await show(owner, mine, app.code())
    assert await is_in(owner)
    assert (await posted(thief, page, app.code(1))).status_code == 400, "the pause goes on"
    assert (await paused(place, owner)).failures == 5


@one_engine
async def test_a_known_browser_does_not_go_on_guessing(
    owner: Person, thief: Person, place: Installation
):
    """A stolen cookie is no way around the pause: so many codes are looked at in a day."""
    app, _ = await enrol(owner)
    place.clock.turn(DAY - place.clock() % DAY)
    page = await half(thief)
    for number in range(12):  # a pause lasts longer than this day
        place.clock.turn(max(0, (await paused(place, owner)).locked_until - place.clock()))
        page = await half(thief)
        await posted(thief, page, f"{number:06}")
    owner.browser.cookies.delete("counterfoil_session")
    mine = await half(owner)
    for _ in range(place.authority.settings.known_browser_tries):
        await posted(owner, mine, "000000")
    assert (await posted(owner, mine, app.code())).status_code == 400
    assert not await is_in(owner)


async def paused(place: Installation, person: Person) -> Any:
    return await place.authority.store.read(lambda tx: tx.second_factors.failures(person.user_id))


@one_engine
async def test_the_lock_grows_up_to_its_setting(owner: Person, thief: Person, place: Installation):
    await enrol(owner)
    page = await half(thief)
    for _ in range(40):
        await posted(thief, page, "000000")
        found = await place.authority.store.read(
            lambda tx: tx.second_factors.failures(owner.user_id)
        )
        if found.locked_until > place.clock():
            wait = found.locked_until - place.clock()
            place.clock.turn(wait)
            page = await half(thief)
    most = place.authority.settings.second_factor_lock_most
    assert most // 2 < wait <= most


async def test_many_guesses_at_once_are_all_counted(
    owner: Person, thief: Person, place: Installation
):
    await enrol(owner)
    page = await half(thief)
    await asyncio.gather(*(posted(thief, page, f"{number:06}") for number in range(20)))
    found = await place.authority.store.read(lambda tx: tx.second_factors.failures(owner.user_id))
    assert found.failures == 5, "what comes during a lock is not looked at"


@one_engine
async def test_half_a_sign_in_opens_no_page(owner: Person, thief: Person):
    """S105: skipped by going straight to what lies behind."""
    await enrol(owner)
    begun = await thief.open()
    flow = hidden_fields(begun.text)["flow"]
    await thief.sign_in(begun)
    for path in (
        f"/authorize/continue?flow={flow}",
        f"/consent?flow={flow}",
        "/account/apps",
        "/account/security",
        "/account/password",
        "/account/tokens",
        "/device",
    ):
        answer = await thief.browser.get(path)
        assert answer.status_code == 303, path
        answer = await thief.follow(answer)
        assert "Sign in" in answer.text, path
        assert 'name="password"' in answer.text, path
    form = hidden_fields(begun.text) | {"decision": "allow", "permission": "openid"}
    answer = await thief.browser.post("/consent", data=form)
    assert "code=" not in answer.headers.get("location", "")
    silent = await thief.open(prompt="none")
    assert answer_of(silent)["error"] == "login_required"


@one_engine
async def test_half_a_sign_in_is_of_one_browser(owner: Person, thief: Person):
    """The cookie alone, or with the form of the other browser, is nothing at another."""
    app, _ = await enrol(owner)
    page = await half(owner)
    await thief.browser.get("/sign-in")
    thief.browser.cookies.set(COOKIE, owner.browser.cookies[COOKIE])
    answer = await thief.browser.get(SECOND)
    assert answer.headers["location"].startswith("/sign-in")
    assert (await posted(thief, page, app.code())).status_code == 403
    assert not await is_in(thief)


async def change_password(place: Installation, person: Person) -> None:
    async def work(tx: Any) -> None:
        await tx.users.set_password(person.user_id, QUICK.hash("another password"))

    await place.authority.store.transact(work)


async def disable(place: Installation, person: Person) -> None:
    await place.authority.store.transact(
        lambda tx: revocation.disable_user(tx, person.user_id, CLI)
    )


async def disable_and_enable(place: Installation, person: Person) -> None:
    await disable(place, person)
    await place.authority.store.transact(
        lambda tx: registration.enable_user(tx, person.user_id, CLI)
    )


async def sign_out_everywhere(place: Installation, person: Person) -> None:
    await place.authority.store.transact(
        lambda tx: revocation.sign_out_user(tx, person.user_id, CLI)
    )


async def sign_out_everywhere_else(place: Installation, person: Person) -> None:
    page = await person.browser.get("/account/devices/others")
    done = await person.browser.post("/account/devices/others", data=hidden_fields(page.text))
    assert done.status_code == 200, done.text


async def report_an_intrusion(place: Installation, person: Person) -> None:
    await place.authority.store.transact(
        lambda tx: revocation.follow(tx, Cause.INTRUSION_REPORTED, person.user_id, CLI)
    )


async def remove_a_passkey(place: Installation, person: Person) -> None:
    """Whoever found it has touched it, and waits for a code."""

    async def work(tx: Any) -> None:
        (session,) = await tx.sessions.of_user(person.user_id)
        key = Passkey(
            id=f"key of {person.user_id}", user_id=person.user_id, user_handle=b"h",
            credential_id=person.user_id.encode(), public_key=b"k", name="Key", created_at=tx.now,
        )  # fmt: skip
        await tx.passkeys.add(key)
        await passkeys.remove(place.authority, tx, Removal(session, Origin(), key.id))

    await place.authority.store.transact(work)


async def wait(place: Installation, person: Person) -> None:
    place.clock.turn(600)


ENDS_HALF_SIGN_INS = [
    change_password,
    disable,
    disable_and_enable,
    sign_out_everywhere,
    sign_out_everywhere_else,
    report_an_intrusion,
    remove_a_passkey,
    wait,
]


@one_engine
@pytest.mark.parametrize("change", ENDS_HALF_SIGN_INS)
async def test_half_a_sign_in_is_over_when_what_it_rests_on_changes(
    place: Installation, owner: Person, thief: Person, change: Any
):
    _, codes = await enrol(owner)
    page = await half(thief)
    await change(place, owner)
    form = hidden_fields(page.text) | {"recovery_code": codes[0]}
    answer = await thief.browser.post(SECOND, data=form)
    assert answer.headers["location"].startswith("/sign-in")
    assert not await is_in(thief)
    left = await place.authority.store.read(lambda tx: tx.second_factors.of_user(owner.user_id))
    assert left.recovery_codes == 10, "and nothing was spent"


@one_engine
@pytest.mark.parametrize(
    "fields",
    [
        {"method": "mail"},
        {"code": ""},
        {"recovery_code": ""},
        {"setup": "x"},
        {"amr": "pwd otp mfa"},
        {"code": "١٢٣٤٥٦"},
        {"code": "0" * 4000},
    ],
)
async def test_no_field_chooses_an_easier_way(owner: Person, thief: Person, fields: dict[str, str]):
    await enrol(owner)
    page = await half(thief)
    answer = await thief.browser.post(SECOND, data=hidden_fields(page.text) | fields)
    assert answer.status_code == 400
    assert not await is_in(thief)


@one_engine
async def test_who_has_a_factor_cannot_be_given_another_by_who_knows_the_password(
    place: Installation, owner: Person, thief: Person
):
    """Enrolment hijack: neither on the way, nor by a page that was opened before."""
    begun = await thief.browser.get("/sign-in?next=authenticator")
    page = await thief.sign_in(begun)
    assert "Set up an authenticator app" in page.text
    await enrol(owner)
    mine = App(key_in(page.text), place)
    form = hidden_fields(page.text) | {"code": mine.code()}
    answer = await thief.browser.post(AUTHENTICATOR, data=form)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")
    page = await half(thief)
    assert "One more step" in page.text
    answer = await thief.browser.get(AUTHENTICATOR)
    assert answer.status_code == 303, "half a sign-in sets nothing up where there is one"
    form = hidden_fields(page.text) | {"code": mine.code(), "setup": form["setup"]}
    assert (await thief.browser.post(AUTHENTICATOR, data=form)).status_code == 303
    assert not await is_in(thief)


@one_engine
async def test_another_persons_setup_is_nobodys(place: Installation, owner: Person):
    """A secret that the thief knows cannot be sealed into the form of the owner."""
    await place.add_user("mallory@example.com")
    async with place.browser() as browser:
        mallory = Person(place, browser, "mallory@example.com")
        page = await mallory.sign_in(await browser.get("/sign-in?next=authenticator"))
        known = App(key_in(page.text), place)
        setup = hidden_fields(page.text)["setup"]
        own = await owner.sign_in(await owner.browser.get("/sign-in?next=authenticator"))
        form = hidden_fields(own.text) | {"setup": setup, "code": known.code()}
        answer = await owner.browser.post(AUTHENTICATOR, data=form)
    assert answer.status_code == 303
    found = await place.authority.store.read(lambda tx: tx.second_factors.of_user(owner.user_id))
    assert not found.is_on


@one_engine
@pytest.mark.parametrize(("seconds", "good"), [(-60, False), (-30, True), (30, True), (60, False)])
async def test_a_clock_may_be_off_by_one_step(
    place: Installation, owner: Person, thief: Person, seconds: int, good: bool
):
    app, _ = await enrol(owner)
    place.clock.turn(300)
    page = await half(thief)
    answer = await posted(thief, page, app.code(seconds // 30))
    assert (answer.status_code == 303) is good


@one_engine
async def test_a_step_is_not_good_again_when_the_clock_goes_back(
    place: Installation, owner: Person, thief: Person
):
    app, _ = await enrol(owner)
    place.clock.turn(300)
    await show(owner, await half(owner), app.code())
    place.clock.turn(-90)
    assert (await posted(thief, await half(thief), app.code())).status_code == 400
    place.clock.turn(90)


@one_engine
async def test_a_session_from_before_is_out_when_more_is_demanded_of_all(
    place: Installation, owner: Person
):
    await half(owner)
    assert await is_in(owner)
    settings = replace(place.authority.settings, second_factor_for="everyone")
    server = replace(place.server, authority=replace(place.authority, settings=settings))
    place.app._server = server
    try:
        assert not await is_in(owner)
        page = await owner.open()
        assert 'name="password"' in page.text, "and cannot be made strong by a new app alone"
    finally:
        place.app._server = place.server


@one_engine
async def test_no_token_says_more_than_happened(owner: Person, thief: Person):
    """A family that began with the password is never refreshed into more: it has ended."""
    place = thief.installation
    before = (await thief.tokens("spa"))["refresh_token"]
    asked = {"grant_type": "refresh_token", "refresh_token": before}
    answer = await token_request(place, "spa", **asked)
    assert answer.status_code == 200
    asked["refresh_token"] = answer.json()["refresh_token"]
    await enrol(owner)
    answer = await token_request(place, "spa", **asked)
    assert answer.json()["error"] == "invalid_grant"


@one_engine
async def test_who_does_not_know_the_password_learns_of_no_factor(
    place: Installation, owner: Person, thief: Person
):
    """The same answer, to the last byte, whoever has one switched on (ASVS V6.3.8)."""
    await enrol(owner)
    plain = f"{secrets.token_hex(6)}@example.com"
    await place.add_user(plain)
    seen = set()
    for email in (owner.email, plain, f"{secrets.token_hex(6)}@example.com"):
        page = await thief.browser.get("/sign-in")
        answer = await thief.sign_in(page, email, "wrong")
        csrf = hidden_fields(answer.text)["csrf"]
        seen.add(answer.text.replace(email, "EMAIL").replace(csrf, "CSRF"))
        assert COOKIE not in thief.browser.cookies
    assert len(seen) == 1
    answer = await thief.browser.get(SECOND)
    assert answer.headers["location"] == "/sign-in"


@one_engine
async def test_a_forged_form_sets_nothing_up_and_takes_nothing_away(
    place: Installation, owner: Person
):
    app, _ = await enrol(owner)
    for path in ("/account/security/switch-off", "/account/security/recovery-codes"):
        for csrf in ("", "x"):
            answer = await owner.browser.post(path, data={"csrf": csrf})
            assert answer.status_code == 403, path
    assert (await owner.browser.post(SECOND, data={"code": app.code()})).status_code == 403
    assert (await owner.browser.post(AUTHENTICATOR, data={"code": "1"})).status_code == 403
    found = await place.authority.store.read(lambda tx: tx.second_factors.of_user(owner.user_id))
    assert found.authenticator


@one_engine
async def test_with_a_factor_on_the_password_is_changed_by_a_strong_session_alone(
    place: Installation, owner: Person
):
    """S105: a session that somebody got by the password cannot take the account over."""
    await enrol(owner)
    page = await owner.browser.get("/account/password")

    async def weaken(tx: Any) -> None:
        (session,) = await tx.sessions.of_user(owner.user_id)
        await tx.sessions.renew(replace(session, amr=("pwd",)))

    await place.authority.store.transact(weaken)
    form = {"current": PASSWORD, "new": "x" * 20, "again": "x" * 20} | hidden_fields(page.text)
    answer = await owner.browser.post("/account/password", data=form)
    assert answer.headers["location"].startswith("/sign-in")
    user = await place.authority.store.read(lambda tx: tx.users.find(owner.user_id))
    assert user is not None
    assert QUICK.verify(user.password_hash or "", PASSWORD)


@one_engine
async def test_what_is_kept_shows_neither_secret_nor_code(place: Installation, owner: Person):
    page = await owner.sign_in(await owner.browser.get("/sign-in?next=authenticator"))
    key = key_in(page.text)
    app = App(key, place)
    form = hidden_fields(page.text) | {"code": app.code()}
    await owner.browser.post(AUTHENTICATOR, data=form)
    found = await place.authority.store.read(
        lambda tx: tx.second_factors.authenticator(owner.user_id)
    )
    assert found is not None
    assert app.secret not in found.sealed
    assert key not in owner.browser.cookies.get(COOKIE, "")
    again = await owner.browser.get("/account/security")
    assert key not in again.text
    assert (await owner.browser.get(AUTHENTICATOR)).status_code == 303
