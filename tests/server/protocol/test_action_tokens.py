"""A link that lets whoever was sent it do one thing, once; what it speaks of may end it (S72)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from counterfoil.oauth.opaque import Kind, Secret, is_spelled
from counterfoil.server.protocol import action_tokens, registration, revocation
from counterfoil.server.protocol.action_tokens import Opened
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.action_token import Action
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio

HOUR = 3600


async def made(place: Installation, person: Person, carries: str = "") -> Secret:
    async def work(tx: Any) -> Secret:
        user = await tx.users.find(person.user_id)
        return await action_tokens.make(tx, user, Action.RESET_PASSWORD, HOUR, carries)

    return await place.authority.store.transact(work)


async def look(
    place: Installation, secret: Secret, action: Action = Action.RESET_PASSWORD
) -> Opened | None:
    return await place.authority.store.read(lambda tx: action_tokens.look(tx, secret, action))


async def spend(
    place: Installation, secret: Secret, action: Action = Action.RESET_PASSWORD
) -> Opened | None:
    return await place.authority.store.transact(lambda tx: action_tokens.spend(tx, secret, action))


async def test_it_says_whose_it_is_and_what_it_carries(place: Installation, person: Person):
    secret = await made(place, person, "new@example.com")
    seen, spent = await look(place, secret), await spend(place, secret)
    assert seen == spent
    assert spent is not None
    assert (spent.user.id, spent.token.carries) == (person.user_id, "new@example.com")
    assert await spend(place, secret) is None
    assert await look(place, secret) is None


async def test_it_has_a_prefix_and_a_checksum_of_its_own(place: Installation, person: Person):
    """S75: and stands nowhere but in the mail: the store has its SHA-256."""
    secret = await made(place, person)
    assert [kind for kind in Kind if is_spelled(kind, secret.reveal())] == [Kind.ACTION_TOKEN]
    found = await look(place, secret)
    assert found is not None
    assert found.token.digest == secret.fingerprint()


async def test_it_is_good_for_its_own_purpose_alone(place: Installation, person: Person):
    """S72, S75."""
    secret = await made(place, person)
    assert await spend(place, secret, Action.CONFIRM_EMAIL) is None
    assert await spend(place, secret) is not None


async def test_an_hour_is_all_it_has(place: Installation, person: Person):
    secret = await made(place, person)
    place.clock.turn(HOUR - 1)
    assert await look(place, secret) is not None
    place.clock.turn(1)
    assert await spend(place, secret) is None


async def test_the_last_one_counts(place: Installation, person: Person):
    first, second = await made(place, person), await made(place, person)
    assert await spend(place, first) is None
    assert await spend(place, second) is not None


async def end_password(tx: Any, user_id: str) -> None:
    await registration.end_password(tx, user_id, CLI)


async def change_password(tx: Any, user_id: str) -> None:
    await revocation.follow(tx, Cause.PASSWORD_CHANGED, user_id, CLI, "this session")


async def disable(tx: Any, user_id: str) -> None:
    await revocation.disable_user(tx, user_id, CLI)
    await registration.enable_user(tx, user_id, CLI)


async def sign_out(tx: Any, user_id: str) -> None:
    await revocation.sign_out_user(tx, user_id, CLI)


@pytest.mark.parametrize("change", [end_password, change_password, disable, sign_out])
async def test_what_it_speaks_of_ends_it(
    place: Installation, person: Person, change: Callable[[Any, str], Awaitable[None]]
):
    """A link of before brings nobody back in; nor does it rise when an account is enabled again."""
    secret = await made(place, person)
    await place.authority.store.transact(lambda tx: change(tx, person.user_id))
    assert await look(place, secret) is None
    assert await spend(place, secret) is None


async def test_an_account_that_is_not_there_has_none(place: Installation, person: Person):
    """However it came about that the account is disabled or has another address."""
    secret = await made(place, person)
    await place.authority.store.transact(lambda tx: tx.users.disable(person.user_id, tx.now))
    assert await look(place, secret) is None
    await place.authority.store.transact(lambda tx: tx.users.enable(person.user_id))
    assert await look(place, secret) is not None
