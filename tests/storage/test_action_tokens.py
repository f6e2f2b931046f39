"""Conformance, on every engine: links that let somebody do one thing, once (S72)."""

import asyncio
from typing import Any

import msgspec
import pytest

from counterfoil.server.records.action_token import Action, ActionToken
from counterfoil.server.records.store import Store
from tests.storage.conftest import Clock
from tests.storage.samples import NOW

pytestmark = pytest.mark.anyio

DIGEST = b"\x0a" * 32


def token(**fields: Any) -> ActionToken:
    whole = ActionToken(
        user_id="ada",
        action=Action.CONFIRM_EMAIL,
        digest=DIGEST,
        email="Ada@Example.org",
        carries="ada@new.example",
        expires_at=NOW + 3600,
    )
    return msgspec.structs.replace(whole, **fields)


@pytest.fixture
async def waiting(store: Store) -> Store:
    await store.transact(lambda tx: tx.action_tokens.put(token()))
    return store


async def take(
    store: Store, digest: bytes = DIGEST, action: Action = Action.CONFIRM_EMAIL, at: int = NOW
) -> ActionToken | None:
    return await store.transact(lambda tx: tx.action_tokens.take(digest, action, at), beside=True)


async def look(store: Store, at: int = NOW) -> ActionToken | None:
    return await store.read(lambda tx: tx.action_tokens.find(DIGEST, Action.CONFIRM_EMAIL, at))


async def test_looking_spends_nothing_and_taking_does(waiting: Store) -> None:
    assert await look(waiting) == await look(waiting) == token()
    assert await take(waiting) == token()
    assert await take(waiting) is None
    assert await look(waiting) is None


async def test_of_many_takers_one_gets_it(waiting: Store) -> None:
    taken = await asyncio.gather(*(take(waiting) for _ in range(20)))
    assert [each for each in taken if each] == [token()]


async def test_another_action_does_not_find_it(waiting: Store) -> None:
    assert await take(waiting, action=Action.RESET_PASSWORD) is None
    assert await take(waiting) == token(), "and has not spent it"


async def test_it_is_good_until_it_has_expired(waiting: Store) -> None:
    assert await look(waiting, NOW + 3599) == token()
    assert await look(waiting, NOW + 3600) is None
    assert await take(waiting, at=NOW + 3600) is None


async def test_a_newer_one_replaces_it_and_nothing_beside_it(waiting: Store) -> None:
    others = [
        token(action=Action.RESET_PASSWORD, digest=b"\x0b" * 32),
        token(user_id="grace", digest=b"\x0c" * 32),
    ]
    for each in others:
        await waiting.transact(lambda tx, each=each: tx.action_tokens.put(each))
    newer = token(digest=b"\x0d" * 32, carries="ada@newer.example")
    await waiting.transact(lambda tx: tx.action_tokens.put(newer))
    assert await take(waiting) is None
    for each in (newer, *others):
        assert await take(waiting, each.digest, each.action) == each


async def test_all_of_a_person_end(waiting: Store) -> None:
    grace = token(user_id="grace", digest=b"\x0c" * 32)
    await waiting.transact(lambda tx: tx.action_tokens.put(grace))
    assert await waiting.transact(lambda tx: tx.action_tokens.end_of("ada")) == 1
    assert await take(waiting) is None
    assert await take(waiting, grace.digest) == grace


async def test_it_is_swept_when_it_has_expired(waiting: Store, clock: Clock) -> None:
    clock.now = NOW + 3599
    assert await waiting.transact(lambda tx: tx.sweep(100)) == 0
    clock.now += 1
    assert await waiting.transact(lambda tx: tx.sweep(100)) == 1
    assert await take(waiting) is None


async def test_beginning_anew_forgets_them(waiting: Store) -> None:
    """A restored backup must not let somebody use a link again."""
    await waiting.transact(lambda tx: tx.beginnings.end_everything(NOW, "restored"))
    assert await look(waiting) is None


def test_it_does_not_show_what_it_carries() -> None:
    assert repr(token()) == "ActionToken(user_id='ada', action='confirm_email')"
