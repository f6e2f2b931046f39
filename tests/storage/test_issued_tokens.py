"""Conformance, on every engine: tokens that are written down, and their places in status lists."""

import pytest

from counterfoil.oauth.access_token import AccessToken
from counterfoil.oauth.revocations import Marks
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.issued_token import (
    MOST_FILLED,
    IssuedToken,
    Place,
    Registered,
    StatusListRecord,
)
from counterfoil.server.records.store import Store
from tests.storage.conftest import Clock
from tests.storage.samples import NOTES, NOW

pytestmark = pytest.mark.anyio

MARKS = Marks("jti", "family", "client", 3, NOTES, 5, "kid", NOW)
CLAIMS = AccessToken(
    iss="https://id.example",
    sub="ada",
    aud=NOTES,
    exp=NOW + 60,
    iat=NOW,
    client_id="client",
    jti="jti",
    scope="notes:read",
    fam="family",
    gen=(3, 5),
    cnf={"jkt": "thumb"},
)


def token(name: str = "one", **fields: object) -> IssuedToken:
    given: dict[str, object] = {
        "digest": name.encode(),
        "marks": MARKS,
        "expires_at": NOW + 60,
        "kept_until": NOW + 120,
    }
    return IssuedToken(**(given | fields))


async def test_what_was_written_down_is_found_again_whole(store: Store):
    """S64: a reference token's row holds all that its holder may do, and until when."""
    child = Marks("jti", "family", "client", 3, NOTES, 5, "kid", NOW, (MARKS, MARKS))
    reference = token(claims=CLAIMS, marks=child)
    listed = token("two", place=Place("list", 0))
    for each in (reference, listed):
        await store.transact(lambda tx, each=each: tx.issued_tokens.add(each))
    assert await store.read(lambda tx: tx.issued_tokens.find(b"one")) == reference
    assert await store.read(lambda tx: tx.issued_tokens.find(b"two")) == listed
    assert await store.read(lambda tx: tx.issued_tokens.find(b"three")) is None


async def test_a_digest_and_a_place_are_given_once(store: Store):
    await store.transact(lambda tx: tx.issued_tokens.add(token(place=Place("list", 7))))
    for other in (token(), token("two", place=Place("list", 7))):
        with pytest.raises(Conflict):
            await store.transact(lambda tx, other=other: tx.issued_tokens.add(other))
    elsewhere = token("two", place=Place("other", 7))
    await store.transact(lambda tx: tx.issued_tokens.add(elsewhere))
    assert await store.read(lambda tx: tx.issued_tokens.is_taken(Place("list", 7)))
    assert not await store.read(lambda tx: tx.issued_tokens.is_taken(Place("list", 8)))


async def test_an_apis_tokens_come_in_order_in_pages_without_the_expired(store: Store):
    other = Marks("jti", "", "client", 3, "https://mail.example", 5, "kid", NOW)
    for number in range(5):
        own = token(f"t{number}", expires_at=NOW + 60 * (number != 1))
        await store.transact(lambda tx, own=own: tx.issued_tokens.add(own))
    await store.transact(lambda tx: tx.issued_tokens.add(token("x", marks=other)))
    first = await store.read(lambda tx: tx.issued_tokens.after(NOTES, 0, 2))
    assert [each.digest for each in first] == [b"t0", b"t2"]
    rest = await store.read(lambda tx: tx.issued_tokens.after(NOTES, first[-1].number, 9))
    assert [each.digest for each in rest] == [b"t3", b"t4"]
    assert rest[0] == Registered(rest[0].number, b"t3", NOW + 60)
    assert await store.read(lambda tx: tx.issued_tokens.after(NOTES, rest[-1].number, 9)) == []


async def test_a_list_is_open_until_it_is_half_full(store: Store):
    async def place(new_id: str, audience: str = NOTES) -> str:
        return await store.transact(
            lambda tx: tx.issued_tokens.open_list(audience, NOW + 60, new_id)
        )

    for number in range(MOST_FILLED):
        assert await place(f"list-{number}") == "list-0"
    assert await place("next") == "next"
    assert await place("other") == "next"
    assert await place("mail", "https://mail.example") == "mail"
    full = StatusListRecord("list-0", MOST_FILLED)
    assert await store.read(lambda tx: tx.issued_tokens.find_list("list-0")) == full
    assert await store.read(lambda tx: tx.issued_tokens.find_list("list-1")) is None
    assert await store.read(lambda tx: tx.issued_tokens.lists("", 2)) == ["list-0", "mail"]
    assert await store.read(lambda tx: tx.issued_tokens.lists("mail", 2)) == ["next"]


async def test_a_list_gives_its_tokens(store: Store):
    listed = [token(f"t{n}", place=Place("list", n)) for n in range(3)]
    for each in (*listed, token("x", place=Place("other", 0)), token("y")):
        await store.transact(lambda tx, each=each: tx.issued_tokens.add(each))
    found = await store.read(lambda tx: tx.issued_tokens.in_list("list"))
    assert sorted(found, key=lambda each: each.digest) == listed


async def test_tokens_and_lists_are_swept_when_they_can_matter_no_more(store: Store, clock: Clock):
    """A list lives as long as the longest of its tokens."""
    for number, until in enumerate((NOW + 60, NOW + 90, NOW + 30)):
        await store.transact(
            lambda tx, until=until: tx.issued_tokens.open_list(NOTES, until, "list")
        )
        each = token(f"t{number}", kept_until=until)
        await store.transact(lambda tx, each=each: tx.issued_tokens.add(each))
    swept = {}
    for later in (29, 30, 59, 60, 89, 90):
        clock.now = NOW + later
        swept[later] = await store.transact(lambda tx: tx.sweep(100))
    assert swept == {29: 0, 30: 1, 59: 0, 60: 1, 89: 0, 90: 2}
    assert await store.read(lambda tx: tx.issued_tokens.lists("", 9)) == []


async def test_the_sweep_of_tokens_is_bounded(store: Store, clock: Clock):
    for number in range(10):
        each = token(f"t{number}")
        await store.transact(lambda tx, each=each: tx.issued_tokens.add(each))
    clock.now = NOW + 120
    assert [await store.transact(lambda tx: tx.sweep(4)) for _ in range(4)] == [4, 4, 2, 0]
