"""A passkey as second factor: another person's, another browser's, a second time, or less."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from msgspec.structs import force_setattr, replace

from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity import half_sign_in
from counterfoil.server.identity.enrolment import Confirmation, Setup, enrol_on_the_way
from counterfoil.server.identity.half_sign_in import HalfSignIn
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.user import User
from tests.authenticator import Authenticator, spelled
from tests.installation import Installation, Person, answer_of, hidden_fields, installed
from tests.passkeys import (
    ORIGIN,
    SECOND_PASSKEY,
    add_at,
    form_in,
    passkeys_of,
    show_at,
    sign_in_at,
    user_of,
)
from tests.recoveries import ask, choose, open_link, token_for
from tests.second_factors import AUTHENTICATOR, SECOND, code_of, confirm, half, is_in, show

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("what is refused is no matter of a row")]

ISSUER = "http://localhost:8000"
"""Where there are passkeys, and mail is caught."""
COOKIE = "counterfoil_half_sign_in"


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    given: dict[str, Any] = {"issuer": ISSUER}
    given |= {"sign_in_rate_per_minute": 1_000_000}
    async with installed(tmp_path_factory.mktemp("site"), **given) as place:
        yield place


class Owner(Person):
    """Somebody with a password, and a passkey on their phone; signed in nowhere."""

    phone: Authenticator


async def owner_at(place: Installation, browser: Any, *, verifies: bool = True) -> Owner:
    user = await place.add_user(f"{secrets.token_hex(6)}@example.com")
    owner = Owner(place, browser, user.email, user.id)
    owner.phone = Authenticator(ISSUER, verifies=verifies)
    async with place.browser() as first:
        before = Person(place, first, user.email, user.id)
        await before.sign_in(await first.get("/sign-in"))
        assert (await add_at(before, owner.phone)).status_code == 303
    place.clock.turn(1)
    return owner


@pytest.fixture
async def owner(place: Installation) -> AsyncIterator[Owner]:
    async with place.browser() as browser:
        yield await owner_at(place, browser)


@pytest.fixture
async def thief(place: Installation) -> AsyncIterator[Owner]:
    """Somebody else, with an account and a passkey of their own."""
    async with place.browser() as browser:
        yield await owner_at(place, browser)


@pytest.fixture
async def burglar(place: Installation, owner: Owner) -> AsyncIterator[Person]:
    """Somebody who knows the owner's password, at a browser of their own."""
    async with place.browser() as browser:
        yield Person(place, browser, owner.email, owner.user_id)


@pytest.fixture
async def demanded(place: Installation, owner: Owner, thief: Owner) -> AsyncIterator[None]:
    """More than a password is demanded of everyone, now that these two have passkeys."""
    assert owner.user_id != thief.user_id
    with _demanding(place):
        yield


@contextmanager
def _demanding(place: Installation, **also: Any) -> Iterator[None]:
    before = place.authority.settings
    demanding = replace(before, second_factor_for="everyone", **also)
    force_setattr(place.authority, "settings", demanding)
    try:
        yield
    finally:
        force_setattr(place.authority, "settings", before)


@pytest.mark.usefixtures("demanded")
async def test_anothers_passkey_finishes_no_half(owner: Owner, thief: Owner, burglar: Person):
    page = await half(burglar)
    (own,) = await passkeys_of(thief)
    # As if the thief's device ignored for whom it was asked.
    form = form_in(page.text)
    (asked,) = await passkeys_of(owner)
    options = form.pop("options").replace(spelled(asked.credential_id), spelled(own.credential_id))
    given = form | {"credential": thief.phone.get(options)}
    answer = await burglar.browser.post(SECOND_PASSKEY, data=given)
    assert answer.status_code == 400
    assert not await is_in(burglar)


@pytest.mark.usefixtures("demanded")
async def test_a_challenge_of_another_half_or_browser_is_none(owner: Owner, burglar: Person):
    """S76: the owner is led to answer what the burglar's page asks, or the other way round."""
    theirs, own = await half(burglar), await half(owner)
    answered = form_in(theirs.text)
    credential = owner.phone.get(answered.pop("options"))
    crossed = hidden_fields(own.text) | {
        "ceremony": answered["ceremony"],
        "credential": credential,
    }
    assert (await owner.browser.post(SECOND_PASSKEY, data=crossed)).status_code == 400
    # The same browser, a half that was begun anew.
    earlier = form_in(own.text)
    again = await half(owner)
    credential = owner.phone.get(earlier.pop("options"))
    given = hidden_fields(again.text) | earlier | {"credential": credential}
    assert (await owner.browser.post(SECOND_PASSKEY, data=given)).status_code == 400
    assert not await is_in(owner)
    # And what the new page asks does it.
    assert (await show_at(owner, again, owner.phone)).status_code == 303
    assert await is_in(owner)


@pytest.mark.usefixtures("demanded")
async def test_an_answer_and_a_half_are_good_once(owner: Owner):
    page = await half(owner)
    kept = owner.browser.cookies[COOKIE]
    form = form_in(page.text)
    options = form.pop("options")
    given = form | {"credential": owner.phone.get(options)}
    assert (await owner.browser.post(SECOND_PASSKEY, data=given)).status_code == 303
    apps = await owner.browser.get("/account/apps")
    await owner.browser.post("/account/sign-out", data=hidden_fields(apps.text))
    owner.browser.cookies.set(COOKIE, kept)
    assert (await owner.browser.post(SECOND_PASSKEY, data=given)).status_code == 400
    # Nor does a new answer finish the same half again.
    page = await owner.browser.get("/sign-in/second-factor")
    assert (await show_at(owner, page, owner.phone)).status_code == 400
    assert not await is_in(owner)


@pytest.mark.usefixtures("demanded")
async def test_the_answer_of_a_sign_in_page_finishes_no_half(owner: Owner):
    signing_in = form_in((await owner.browser.get("/sign-in")).text)
    page = await half(owner)
    credential = owner.phone.get(signing_in["options"])
    given = form_in(page.text) | {"ceremony": signing_in["ceremony"], "credential": credential}
    assert (await owner.browser.post(SECOND_PASSKEY, data=given)).status_code == 400
    assert not await is_in(owner)


@pytest.mark.usefixtures("demanded")
async def test_the_password_alone_puts_no_app_beside_a_passkey(owner: Owner, burglar: Person):
    """The page leads away, and behind it nothing is added either."""
    await half(burglar)
    way = await burglar.browser.get(AUTHENTICATOR)
    assert way.headers["location"] == "/sign-in/second-factor"
    form = hidden_fields((await burglar.browser.get("/sign-in/second-factor")).text)
    posted = await burglar.browser.post(AUTHENTICATOR, data=form | {"code": "123456"})
    assert posted.headers["location"] == "/sign-in/second-factor"
    place, user = owner.installation, await user_of(owner)
    secret = secrets.token_bytes(20)
    code = code_of(secret, int(place.clock()) // 30)
    given = Confirmation(Setup(user.id, secret, int(place.clock())), Secret(code), ORIGIN)
    for amr, adds in ((("pwd",), False), (("pwd", "pop", "mfa"), True)):
        store = place.authority.store
        begun = await store.transact(lambda tx: _begun(tx, user))
        enrolled = await enrol_on_the_way(place.authority, replace(begun, amr=amr), given)
        assert (enrolled is not None) is adds, amr
    assert not await is_in(burglar)


async def _begun(tx: Any, user: User) -> HalfSignIn:
    return half_sign_in.begin(tx, user, keep=False)


async def test_who_knows_the_password_neither_adds_nor_removes_a_passkey(
    owner: Owner, burglar: Person
):
    """S105."""
    await half(burglar)
    assert await is_in(burglar), "nothing demands more of them"
    page = await burglar.browser.get("/account/passkeys/new")
    assert page.headers["location"] == "/sign-in?next=passkey"
    (passkey,) = await passkeys_of(owner)
    path = f"/account/passkeys/change/{passkey.id}"
    form = hidden_fields((await burglar.browser.get(path)).text) | {"decision": "remove"}
    assert (await burglar.browser.post(path, data=form)).status_code == 303
    assert await passkeys_of(owner) == [passkey]


@asynccontextmanager
async def owner_and_burglar(place: Installation) -> AsyncIterator[tuple[Person, Person]]:
    """Somebody signed in, without a passkey yet; and whoever knows their password, elsewhere."""
    user = await place.add_user(f"{secrets.token_hex(6)}@example.com")
    async with place.browser() as first, place.browser() as second:
        owner = Person(place, first, user.email, user.id)
        await owner.sign_in(await first.get("/sign-in"))
        yield owner, Person(place, second, user.email, user.id)


async def test_the_second_in_which_a_passkey_is_added_is_no_gap(place: Installation):
    """Who knows the password adds none then; who added one goes on with what they had shown."""
    async with owner_and_burglar(place) as (owner, burglar):
        place.clock.turn(1)
        await add_at(owner, Authenticator(ISSUER))
        await half(burglar)
        page = await burglar.browser.get("/account/passkeys/new")
        assert page.headers["location"] == "/sign-in?next=passkey"
        await owner.sign_in(await owner.browser.get("/sign-in"))
        assert (await owner.browser.get("/account/passkeys/new")).status_code == 303
    async with place.browser() as browser:
        user = await place.add_user(f"{secrets.token_hex(6)}@example.com")
        owner = Person(place, browser, user.email, user.id)
        await owner.sign_in(await browser.get("/sign-in"))
        for _ in range(2):
            assert (await add_at(owner, Authenticator(ISSUER))).status_code == 303
        assert len(await passkeys_of(owner)) == 2


async def test_a_clock_set_back_dates_no_passkey_into_the_future(place: Installation):
    """Or one of several servers that is behind: until then it would count for nobody as there."""
    async with owner_and_burglar(place) as (owner, burglar):
        place.clock.turn(-60)
        try:
            assert (await add_at(owner, Authenticator(ISSUER))).status_code == 303
            place.clock.turn(2)
            await half(burglar)
            page = await burglar.browser.get("/account/passkeys/new")
            assert page.headers.get("location") == "/sign-in?next=passkey"
        finally:
            place.clock.turn(58)


async def test_a_weaker_answer_gets_nothing_that_wants_more(place: Installation, burglar: Person):
    """Downgrade: the app's wish of phr is asked for again, and never answered with less."""
    page = await burglar.sign_in(await burglar.open(acr_values="phr"))
    form = hidden_fields(page.text)
    flow = form["flow"]
    onward = await burglar.browser.get("/authorize/continue", params={"flow": flow})
    assert onward.headers["location"].startswith("/sign-in/second-factor")
    posted = await burglar.browser.post(SECOND_PASSKEY, data=form | {"credential": "{}"})
    assert posted.status_code == 400
    answer = await burglar.open(acr_values="phr", prompt="none")
    assert answer_of(answer)["error"] == "login_required"


async def test_a_touch_is_not_added_to_a_touch(place: Installation):
    """Twice the same factor is one: a session by touch alone is not stepped up by it."""
    async with place.browser() as browser:
        owner = await owner_at(place, browser, verifies=False)
        await sign_in_at(browser, owner.phone)
        assert await is_in(owner)
        page = await browser.get("/sign-in/second-factor")
        assert "data-passkey" not in page.text
        await _set_policy(place, least_acr="phr")
        try:
            answer = await owner.open()
            assert "Sign in" in answer.text
            assert "Use your passkey" not in answer.text
        finally:
            await _set_policy(place)


@pytest.mark.usefixtures("demanded")
async def test_codes_that_were_guessed_before_there_was_an_app_do_not_lock_it(
    place: Installation, owner: Owner, burglar: Person
):
    """Else whoever knows the password keeps an app from being used before it is set up."""
    form = hidden_fields((await half(burglar)).text) | {"code": "000000"}
    for _ in range(place.authority.settings.sign_in_tries + 5):
        assert (await burglar.browser.post(SECOND, data=form)).status_code == 400
    assert (await show_at(owner, await half(owner), owner.phone)).status_code == 303
    app, _ = await confirm(owner, await owner.browser.get(f"{AUTHENTICATOR}?next=security"))
    async with place.browser() as browser:
        again = Person(place, browser, owner.email, owner.user_id)
        await show(again, await half(again), app.code())
        assert await is_in(again)


async def test_a_touch_is_told_to_begin_with_the_password_where_nobody_enrols(place: Installation):
    """The owner has more to show, and is not sent away as if there were nothing."""
    async with place.browser() as browser:
        owner = await owner_at(place, browser, verifies=False)
        with _demanding(place, second_factor_enrolment=False):
            await sign_in_at(browser, owner.phone)
            page = await owner.follow(await browser.get("/sign-in/second-factor"))
            assert "A touch of the passkey alone" in page.text


async def test_a_key_that_was_found_adds_neither_app_nor_passkey(place: Installation):
    """Whoever touches it does not know the password, and would have two factors of their own."""
    async with place.browser() as browser:
        owner = await owner_at(place, browser, verifies=False)
        await sign_in_at(browser, owner.phone)
        assert await is_in(owner), "nothing demands more of them"
        app = await browser.get(AUTHENTICATOR)
        assert app.headers["location"] == "/sign-in?next=authenticator"
        passkey = await browser.get("/account/passkeys/new")
        assert passkey.headers["location"] == "/sign-in?next=passkey"
        # With the password, and the key once more, it is the owner.
        page = await owner.sign_in(await browser.get("/sign-in?next=authenticator"))
        shown = await show_at(owner, page, owner.phone)
        assert "Set up" in (await owner.follow(shown)).text


async def test_a_touch_for_an_app_that_is_owed_more_is_no_end(place: Installation):
    """Whoever comes to more by the password is asked for it, and the app gets no error."""
    async with place.browser() as browser:
        owner = await owner_at(place, browser, verifies=False)
        await _set_policy(place, least_acr="mfa")
        try:
            form = form_in((await owner.open()).text)
            credential = owner.phone.get(form.pop("options"))
            place.clock.turn(1)
            met = await browser.post("/sign-in/passkey", data=form | {"credential": credential})
            page = await owner.follow(met)
            assert "Sign in" in page.text
            page = await owner.sign_in(page)
            page = await owner.follow(await show_at(owner, page, owner.phone))
            assert "code" in answer_of(await owner.allow(page))
        finally:
            await _set_policy(place)


async def _set_policy(place: Installation, **policy: Any) -> None:
    async def work(tx: Any) -> None:
        client = await tx.clients.find("app")
        await tx.clients.update(replace(client, policy=ClientPolicy(**policy)))

    await place.authority.store.transact(work)


async def test_a_touch_alone_puts_no_app_beside_a_password(place: Installation):
    """Who finds somebody's key sets up no app of their own in place of the password."""
    async with place.browser() as browser:
        owner = await owner_at(place, browser, verifies=False)
        with _demanding(place):
            met = await sign_in_at(browser, owner.phone)
            assert met.headers["location"] == "/sign-in/second-factor"
            page = await browser.get(AUTHENTICATOR)
            assert "Set up" not in page.text
            assert page.headers["location"] == "/sign-in"
            assert "A touch of the passkey alone" in (await browser.get("/sign-in")).text
            assert not await is_in(owner)
            # The owner, who knows the password too, comes in.
            assert (await show_at(owner, await half(owner), owner.phone)).status_code == 303
            assert await is_in(owner)


@pytest.mark.usefixtures("demanded")
async def test_where_more_is_demanded_a_link_in_a_mail_removes_no_passkey(
    place: Installation, owner: Owner
):
    """Who reads the mail would otherwise set up a factor of their own."""
    await ask(owner.browser, owner.email)
    page = await open_link(owner.browser, await token_for(place, owner.email))
    assert 'name="passkeys"' not in page.text
    assert "Phone, made on" in page.text
    assert (await choose(owner.browser, page, passkeys="remove")).status_code == 200
    assert len(await passkeys_of(owner)) == 1
