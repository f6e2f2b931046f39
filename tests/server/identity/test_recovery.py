"""A link is sent where there is an account, and asking costs the same where there is none."""

import asyncio
from typing import Any

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Kind, Secret, spell
from counterfoil.server.identity import recovery
from counterfoil.server.identity.passwords import PasswordRefused
from counterfoil.server.identity.recovery import Asked, Choice
from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.session import Origin
from tests.installation import Installation, Person
from tests.recoveries import NEW, mail_for, token_for

pytestmark = pytest.mark.anyio

ORIGIN = Origin("192.0.2.7", "Firefox")


async def ask(place: Installation, email: str) -> bool:
    return await recovery.ask(place.authority, Asked(email, "en", ORIGIN))


async def choose(place: Installation, token: str, password: str = NEW) -> Any:
    choice = Choice(Secret(token), Secret(password), "en", ORIGIN)
    return await recovery.choose_password(place.authority, place.server.passwords, choice)


async def test_a_link_is_used_once(place: Installation, person: Person):
    await ask(place, person.email)
    token = await token_for(place, person.email)
    assert await choose(place, token) is not None
    assert await choose(place, token) is None


async def test_of_two_at_once_one_sets_the_password(place: Installation, person: Person):
    await ask(place, person.email)
    token = await token_for(place, person.email)
    both = await asyncio.gather(*(choose(place, token, f"{NEW} {n}") for n in range(2)))
    assert [each is None for each in both].count(True) == 1


async def test_a_password_that_is_refused_spends_nothing(place: Installation, person: Person):
    await ask(place, person.email)
    token = await token_for(place, person.email)
    with pytest.raises(PasswordRefused):
        await choose(place, token, "short")
    assert await choose(place, token) is not None


async def test_a_link_that_is_not_good_costs_no_hash(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    """Nobody has passwords hashed here who has no link."""

    async def hashed(_: str) -> str:
        raise AssertionError

    monkeypatch.setattr(place.server.passwords, "hash", hashed)
    assert await choose(place, spell(Kind.ACTION_TOKEN, bytes(32)).reveal()) is None


async def test_it_goes_to_the_address_that_is_kept(place: Installation, person: Person):
    """Whatever spelling was typed: one that only folds to the same is no mailbox of hers."""
    await ask(place, f"  {person.email.upper()} ")
    assert len(await mail_for(place, person.email)) == 1
    assert await mail_for(place, person.email.upper()) == []


async def test_nobody_is_written_to_who_is_not_here(place: Installation, person: Person):
    nobody = f"not-{person.email}"
    await ask(place, nobody)
    assert await mail_for(place, nobody) == []
    await place.authority.store.transact(
        lambda tx: revocation.disable_user(tx, person.user_id, CLI)
    )
    await ask(place, person.email)
    assert await mail_for(place, person.email) == []


async def test_an_administrator_starts_it_and_sees_no_link(place: Installation, person: Person):
    async def work(tx: Any) -> Any:
        user = await tx.users.find(person.user_id)
        return await recovery.start(place.authority, tx, user, CLI)

    assert await place.authority.store.transact(work) is None
    assert await choose(place, await token_for(place, person.email)) is not None
    await place.authority.store.transact(
        lambda tx: revocation.disable_user(tx, person.user_id, CLI)
    )
    with pytest.raises(OAuthError, match="disabled"):
        await place.authority.store.transact(work)


async def test_a_link_that_was_printed_proves_no_address(place: Installation, person: Person):
    """Whoever opens it reads no mail; it sets the password once, and everything ends."""

    async def work(tx: Any) -> Any:
        user = await tx.users.find(person.user_id)
        return await recovery.start_by_command(place.authority, tx, user, CLI)

    await person.tokens()
    link = await place.authority.store.transact(work)
    assert link.startswith(f"{place.issuer}/new-password?token=cfal_")
    assert await mail_for(place, person.email) == []
    ending = await choose(place, link.partition("token=")[2])
    assert (ending.sessions, ending.families) == (1, 1)
    user = await place.authority.store.read(lambda tx: tx.users.find(person.user_id))
    assert user is not None
    assert not user.email_verified
    assert await choose(place, link.partition("token=")[2]) is None
