"""An account comes to be when its link is used, and not before (S72)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Kind, Secret, spell
from counterfoil.server.identity import joining
from counterfoil.server.identity.joining import Joining, Wish
from counterfoil.server.identity.passwords import PasswordRefused
from counterfoil.server.identity.session_start import Beginning, NewSession, begin_session
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.passkey import Passkey
from counterfoil.server.records.second_factor import Authenticator
from counterfoil.server.records.session import Origin
from tests.installation import Installation, installed
from tests.joinings import NEW, OPEN, invited, nobody_has, open_link, register, user_of
from tests.joinings import join as form
from tests.recoveries import token_for

pytestmark = pytest.mark.anyio

ORIGIN = Origin("192.0.2.7", "Firefox")


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("house"), **OPEN) as house:
        yield house


async def asked(house: Installation, email: str) -> str:
    assert await joining.ask(house.authority, Wish(email, "en", ORIGIN, "flow"))
    return await token_for(house, email)


async def join(house: Installation, token: str, name: str = "Grace", password: str = NEW) -> Any:
    wanted = Joining(Secret(token), name, Secret(password), ORIGIN)
    return await joining.join(house.authority, house.server.passwords, wanted)


async def test_it_begins_a_session_and_says_what_goes_on(house: Installation):
    token = await asked(house, "grace@example.com")
    assert await nobody_has(house, "grace@example.com")
    found = await join(house, token)
    assert (found.email, found.flow) == ("grace@example.com", "flow")
    user = await user_of(house, "grace@example.com")
    assert found.started.session.user_id == user.id
    query = EventQuery(person=user.id)
    events = await house.authority.store.read(lambda tx: tx.events.find(query))
    kinds = {each.kind: each.proof for each in events}
    assert kinds == {
        EventKind.USER_ADDED: "link",
        EventKind.USER_JOINED: "link",
        EventKind.SIGNED_IN: "link",
    }
    assert await join(house, token) is None


async def test_what_is_refused_spends_nothing_and_costs_no_hash(
    house: Installation, monkeypatch: pytest.MonkeyPatch
):
    token = await asked(house, "refused@example.com")
    with pytest.raises(OAuthError):
        await join(house, token, name=" ")
    for password in ("short", "password1"):
        with pytest.raises(PasswordRefused):
            await join(house, token, password=password)

    async def hashed(*_: object) -> str:
        raise AssertionError("nobody without a link has passwords looked at")

    with monkeypatch.context() as patched:
        patched.setattr(house.server.passwords, "choose", hashed)
        assert await join(house, spell(Kind.ACTION_TOKEN, bytes(32)).reveal()) is None
    assert await join(house, token) is not None


async def test_only_who_has_no_password_is_invited(house: Installation):
    token = await invited(house, "invited@example.com")
    again = await house.authority.store.transact(
        lambda tx: _invite(house, tx, "invited@example.com")
    )
    assert again is None
    assert await join(house, token) is None, "the link before ends"
    assert await join(house, await token_for(house, "invited@example.com")) is not None
    with pytest.raises(OAuthError, match="in use already"):
        await house.authority.store.transact(lambda tx: _invite(house, tx, "invited@example.com"))


async def test_who_is_disabled_is_not_invited_and_joins_not(house: Installation):
    token = await invited(house, "off@example.com")
    user = await user_of(house, "off@example.com")
    await house.authority.store.transact(lambda tx: tx.users.disable(user.id, tx.now))
    assert await join(house, token) is None
    with pytest.raises(OAuthError, match="disabled"):
        await house.authority.store.transact(lambda tx: _invite(house, tx, "off@example.com"))


async def test_who_is_added_is_invited_where_nobody_registers(place: Installation):
    """Nobody can give them a password, so they are sent a link."""
    assert place.authority.settings.registration == "closed"
    assert await join(place, await invited(place, "closed@example.com")) is not None


async def handed(house: Installation, email: str) -> str:
    """Somebody is added by a command that prints the link; gives its token."""

    async def work(tx: Any) -> str:
        user = await tx.users.find_by_email(email)
        if user is None:
            user = await registration.add_user(tx, registration.NewUser(email), CLI)
        return await joining.invite_by_command(house.authority, tx, user, CLI)

    return (await house.authority.store.transact(work)).partition("token=")[2]


async def test_a_link_that_was_handed_over_proves_no_address(house: Installation):
    token = await handed(house, "handed@example.com")
    assert await join(house, token) is not None
    assert not (await user_of(house, "handed@example.com")).email_verified
    by_mail = await invited(house, "mailed@example.com")
    assert await join(house, by_mail) is not None
    assert (await user_of(house, "mailed@example.com")).email_verified


async def test_a_link_that_was_handed_over_opens_no_account_in_use(house: Installation):
    """Whoever ran the command kept it, and the person came by a passkey or a provider meanwhile."""
    token = await handed(house, "keyed@example.com")
    user = await user_of(house, "keyed@example.com")
    await house.authority.store.transact(lambda tx: tx.passkeys.add(passkey_of(user.id)))
    assert await join(house, token) is None
    assert await claim(house, token) is None
    assert (await user_of(house, "keyed@example.com")).password_hash is None
    with pytest.raises(OAuthError, match="in use already"):
        await handed(house, "keyed@example.com")


async def test_nor_one_in_which_somebody_is_signed_in(house: Installation):
    """They came by a provider, which was removed since; their browser still has the account."""
    token = await handed(house, "came@example.com")
    user = await user_of(house, "came@example.com")
    coming = Beginning(ORIGIN, amr=("fed",))
    begun = await house.authority.store.transact(
        lambda tx: begin_session(house.authority, tx, user, coming)
    )
    assert await join(house, token) is None
    with pytest.raises(OAuthError, match="in use already"):
        await handed(house, "came@example.com")
    left = await house.authority.store.read(lambda tx: tx.sessions.of_user(user.id))
    assert [each.id for each in left] == [begun.session.id]


def passkey_of(user_id: str) -> Passkey:
    return Passkey(
        id="of-keyed", user_id=user_id, user_handle=b"h", credential_id=b"c", public_key=b"k",
        name="Key", created_at=1,
    )  # fmt: skip


async def claim(house: Installation, token: str, password: str = NEW, name: str = "") -> str | None:
    wanted = Joining(Secret(token), name, Secret(password), ORIGIN)
    return await joining.claim(house.authority, house.server.passwords, wanted)


async def test_who_claims_an_account_is_signed_in_nowhere(house: Installation):
    token = await handed(house, "claims@example.com")
    with pytest.raises(PasswordRefused):
        await claim(house, token, "claims@example.com")
    assert await claim(house, token) == "claims@example.com"
    user = await user_of(house, "claims@example.com")
    assert await house.authority.store.read(lambda tx: tx.sessions.of_user(user.id)) == []
    assert await claim(house, token) is None


async def test_a_name_is_claimed_as_tidily_as_it_is_chosen(house: Installation):
    """On one line, nothing unseen; and none stays none."""
    token = await handed(house, "named@example.com")
    for name in ("\u202eecarG", "x" * 101):
        with pytest.raises(OAuthError):
            await claim(house, token, name=name)
    assert await claim(house, token, name=" Grace \n Hopper ") is not None
    assert (await user_of(house, "named@example.com")).name == "Grace Hopper"
    assert await claim(house, await handed(house, "nameless@example.com")) is not None
    assert (await user_of(house, "nameless@example.com")).name is None


async def test_a_link_to_register_claims_nothing(house: Installation):
    """There is no account yet, and its page asks for a name."""
    assert await claim(house, await asked(house, "registers@example.com")) is None


async def test_an_invitation_opens_no_account_past_its_authenticator_app(house: Installation):
    """They came by a provider and set the app up; then they are invited to choose a password."""
    token = await invited(house, "app@example.com")
    user = await user_of(house, "app@example.com")
    app = Authenticator(user_id=user.id, sealed=b"s", added_at=1, last_step=1)

    async def work(tx: Any) -> None:
        await tx.users.verify_email(user.id, user.email, tx.now)
        await tx.second_factors.add_authenticator(app)

    await house.authority.store.transact(work)
    found = await join(house, token)
    assert found is not None
    assert found.started is None, "whoever reads the mail has no app by that"
    assert await house.authority.store.read(lambda tx: tx.sessions.of_user(user.id)) == []


async def _invite(house: Installation, tx: Any, email: str) -> None:
    await joining.invite(house.authority, tx, await tx.users.find_by_email(email), CLI)


async def test_where_a_second_factor_is_demanded_nobody_is_signed_in_by_a_password(tmp_path: Path):
    """They have their account, sign in to it, and set the factor up on the way."""
    async with installed(tmp_path, **OPEN, second_factor_for="everyone") as own:
        found = await join(own, await asked(own, "strict@example.com"))
        assert (found.started, found.flow) == (None, "flow")
        async with own.browser() as browser:
            await register(browser, "page@example.com")
            page = await open_link(browser, await token_for(own, "page@example.com"))
            done = await form(browser, page)
            assert (done.status_code, done.headers["location"]) == (303, "/sign-in")
            assert (await browser.get("/account/apps")).status_code == 303


async def test_an_invitation_by_mail_puts_out_who_prepared_the_account(house: Installation):
    """A provider that lies made it and is in; whose address it is has never been asked before."""
    token = await invited(house, "prepared@example.com")
    user = await user_of(house, "prepared@example.com")

    async def prepare(tx: Any) -> NewSession:
        return await begin_session(house.authority, tx, user, Beginning(ORIGIN, amr=("fed",)))

    begun = await house.authority.store.transact(prepare)
    found = await join(house, token)
    assert found is not None
    found_there = await house.authority.store.read(lambda tx: tx.sessions.of_user(user.id))
    assert [each.id for each in found_there] == [found.started.session.id]
    assert found.started.session.id != begun.session.id
