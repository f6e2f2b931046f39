"""Conformance, on every engine: tokens that people make by hand (S11)."""

from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.personal_token import (
    SHOWN_AFTER_END,
    PersonalToken,
    TokenEnd,
    Use,
)
from counterfoil.server.records.store import Store
from tests.storage.conftest import Clock
from tests.storage.samples import NOTES, NOW

pytestmark = pytest.mark.anyio

DIGEST = b"\x0d" * 32


def made(**fields: Any) -> PersonalToken:
    whole = PersonalToken(
        id="token-1",
        digest=DIGEST,
        user_id="ada",
        name="Backup – “nightly”",
        audience=NOTES,
        scopes=("notes:read", "notes:write"),
        created_at=NOW,
        expires_at=NOW + 1000,
        networks=("192.0.2.0/24", "2001:db8::/32"),
        auth_time=NOW - 5,
    )
    return replace(whole, **fields)


async def find(store: Store, token_id: str = "token-1") -> PersonalToken | None:
    return await store.read(lambda tx: tx.personal_tokens.find_by_id(token_id))


@pytest.fixture
async def holding(store: Store) -> Store:
    await store.transact(lambda tx: tx.personal_tokens.add(made()))
    return store


async def test_it_is_found_by_its_digest_by_its_name_and_by_its_person(holding: Store):
    other = made(id="token-2", digest=b"2" * 32, created_at=NOW + 1, auth_time=None, networks=())
    stranger = made(id="token-3", digest=b"3" * 32, user_id="bob")
    for each in (other, stranger):
        await holding.transact(lambda tx, each=each: tx.personal_tokens.add(each))
    assert await holding.read(lambda tx: tx.personal_tokens.find(DIGEST)) == made()
    assert await find(holding, "token-2") == other
    assert await find(holding, "nothing") is None
    assert await holding.read(lambda tx: tx.personal_tokens.of_user("ada")) == [other, made()]


@pytest.mark.parametrize("same", [{"id": "token-2"}, {"digest": b"2" * 32}])
async def test_neither_name_nor_digest_is_given_twice(holding: Store, same: dict[str, Any]):
    with pytest.raises(Conflict):
        await holding.transact(lambda tx: tx.personal_tokens.add(made(**same)))


async def test_it_ends_once_and_says_why(holding: Store):
    end = TokenEnd(NOW + 5, "reported", "https://pastes.example/1")
    assert await holding.transact(lambda tx: tx.personal_tokens.end("token-1", end))
    again = TokenEnd(NOW + 9, "ended")
    assert not await holding.transact(lambda tx: tx.personal_tokens.end("token-1", again))
    assert not await holding.transact(lambda tx: tx.personal_tokens.end("nothing", again))
    token = await find(holding)
    assert token is not None
    assert (token.ended_at, token.ended_why, token.found_at) == (end.at, end.why, end.found_at)
    assert not token.is_live(NOW)


async def test_all_of_an_api_end_and_no_others(holding: Store):
    elsewhere = made(id="token-2", digest=b"2" * 32, audience="https://mail.example")
    await holding.transact(lambda tx: tx.personal_tokens.add(elsewhere))
    end = TokenEnd(NOW + 5, "api_tokens_ended")
    assert await holding.transact(lambda tx: tx.personal_tokens.end_of_api(NOTES, end)) == 1
    assert await holding.transact(lambda tx: tx.personal_tokens.end_of_api(NOTES, end)) == 0
    assert await find(holding, "token-2") == elsewhere


async def note(store: Store, use: Use, token_id: str = "token-1") -> bool:
    return await store.transact(lambda tx: tx.personal_tokens.note_use(token_id, use), beside=True)


async def test_the_first_use_is_told_and_the_last_one_kept(holding: Store):
    assert await note(holding, Use(NOW + 1, "192.0.2.7"))
    assert not await note(holding, Use(NOW + 9))
    assert not await note(holding, Use(NOW + 4, "192.0.2.8")), "that came late"
    token = await find(holding)
    assert token is not None
    assert (token.last_used_at, token.last_used_from) == (NOW + 9, "192.0.2.7")
    assert not await note(holding, Use(NOW), "nothing")


async def test_one_that_has_ended_or_expired_is_shown_for_a_while(holding: Store, clock: Clock):
    await holding.transact(
        lambda tx: tx.personal_tokens.add(made(id="token-2", digest=b"2" * 32, expires_at=NOW * 2))
    )
    await holding.transact(lambda tx: tx.personal_tokens.end("token-2", TokenEnd(NOW, "ended")))
    for at, left in (
        (NOW + SHOWN_AFTER_END - 1, ["token-1", "token-2"]),
        (NOW + SHOWN_AFTER_END, ["token-1"]),
        (NOW + 1000 + SHOWN_AFTER_END - 1, ["token-1"]),
        (NOW + 1000 + SHOWN_AFTER_END, []),
    ):
        clock.now = at
        await holding.transact(lambda tx: tx.sweep(10))
        kept = await holding.read(lambda tx: tx.personal_tokens.of_user("ada"))
        assert [token.id for token in kept] == left


async def test_whatever_begins_anew_ends_them(holding: Store):
    begun = await holding.transact(lambda tx: tx.beginnings.end_everything(NOW + 5, "restored"))
    assert begun.personal_tokens == 1
    token = await find(holding)
    assert token is not None
    assert (token.ended_at, token.ended_why) == (NOW + 5, "restored")
