"""Status lists as they are published, beside the set that the notices fill."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.jose.jwt import unverified_claims, unverified_header, verify
from counterfoil.jose.keys import KeySet
from counterfoil.oauth.access_token import access_token_from
from counterfoil.oauth.revocations import Ended, Marks, Notice
from counterfoil.oauth.status_list import TYPE, decompressed, is_set
from counterfoil.server.protocol import revocation, status_lists
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.status_lists import StatusLists
from counterfoil.server.records.family import SKEW
from counterfoil.server.records.issued_token import IssuedToken, Place
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction
from tests.installation import NOTES, Installation, Person, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path) as place:
        await place.set_policy(NOTES, status_list=True)
        yield place


def reference_in(token: str) -> tuple[str, int]:
    """The id of a token's list, and its index there."""
    reference = unverified_claims(token)["status"]["status_list"]
    return reference["uri"].rpartition("/")[2], reference["idx"]


async def published(place: Installation, list_id: str) -> str:
    signed = await place.server.status_lists.published(place.authority, list_id, place.clock())
    assert signed is not None
    return signed


async def says(place: Installation, token: str) -> bool:
    """What the list says of a token."""
    list_id, index = reference_in(token)
    claims = unverified_claims(await published(place, list_id))
    return is_set(decompressed(claims["status_list"]["lst"]), index)


def marks_of(token: str) -> Marks:
    """Read off the token itself, as a verifier does."""
    claims = access_token_from(unverified_claims(token))
    assert claims is not None
    return claims.marks(str(unverified_header(token)["kid"]))


async def revoke(place: Installation, token: str) -> None:
    assert (await place.post("/revoke", "service", token=token)).status_code == 200


async def test_the_list_is_signed_with_the_tokens_keys(place: Installation):
    """draft-ietf-oauth-status-list §5.1: typ, sub, iat, exp, ttl, bits."""
    list_id, _ = reference_in(await place.service_token())
    async with place.browser() as browser:
        keys = KeySet.from_jwks((await browser.get("/jwks.json")).json())
    claims = verify(await published(place, list_id), keys, TYPE).claims
    assert claims["iss"] == place.issuer
    assert claims["sub"] == f"{place.issuer}/status-lists/{list_id}"
    assert claims["iat"] == int(place.clock())
    assert (claims["exp"] - claims["iat"], claims["ttl"]) == (120, 60)
    assert claims["status_list"]["bits"] == 1


async def test_one_bit_and_no_other_is_set(place: Installation):
    """S42: a bit for each token; S45: its siblings stand."""
    tokens = [await place.service_token() for _ in range(8)]
    assert not any([await says(place, token) for token in tokens])
    await revoke(place, tokens[3])
    assert [await says(place, token) for token in tokens] == [n == 3 for n in range(8)]


async def test_everyone_gets_the_same_bytes_until_something_changed_or_the_time_is_over(
    place: Installation,
):
    token = await place.service_token()
    list_id, _ = reference_in(token)
    first = await published(place, list_id)
    place.clock.turn(59)
    await place.service_token()
    assert await published(place, list_id) == first, "a new token changes no bit"
    place.clock.turn(1)
    renewed = await published(place, list_id)
    assert renewed != first
    await revoke(place, token)
    assert await published(place, list_id) != renewed, "an ending is published at once"


async def test_a_token_from_a_stale_read_is_dead_from_its_first_moment(place: Installation):
    """It was decided before its client's tokens ended, and written down after."""
    list_id, _ = reference_in(await place.service_token())
    await place.authority.store.transact(
        lambda tx: revocation.end_tokens_of_client(tx, "service", "test")
    )
    before = await published(place, list_id)
    late = IssuedToken(
        digest=b"late",
        marks=Marks("late", "", "service", 1, NOTES, 1, "kid", int(place.clock())),
        expires_at=int(place.clock()) + 60,
        kept_until=int(place.clock()) + 60,
        place=Place(list_id, 7),
    )

    async def write(tx: Transaction) -> None:
        assert await tx.issued_tokens.open_list(NOTES, late.kept_until, "new") == list_id
        await tx.issued_tokens.add(late)

    await place.authority.store.transact(write)
    after = await published(place, list_id)
    lists = [unverified_claims(each)["status_list"]["lst"] for each in (before, after)]
    assert [is_set(decompressed(lst), 7) for lst in lists] == [False, True]


async def test_many_at_once_are_one_computation(
    place: Installation, monkeypatch: pytest.MonkeyPatch
):
    list_id, _ = reference_in(await place.service_token())
    signed: list[object] = []
    mint = status_lists.mint_status_list

    def counted(*given: Any) -> tuple[str, str]:
        signed.append(given)
        return mint(*given)

    monkeypatch.setattr(status_lists, "mint_status_list", counted)
    answers = await asyncio.gather(*(published(place, list_id) for _ in range(50)))
    assert len(set(answers)) == 1
    assert len(signed) == 1


async def test_a_withdrawn_key_signs_no_list_that_is_given_out(place: Installation):
    """S84: what it signed is ended, and the list is signed anew by its successor."""
    token = await place.service_token()
    list_id, _ = reference_in(token)
    await published(place, list_id)
    ring, rotation = place.authority.keyring, place.authority.rotation
    kid = ring.published(Purpose.TOKENS, int(place.clock())).only().kid
    await place.authority.store.transact(lambda tx: rotation.withdraw(tx, kid, CLI))
    later = await published(place, list_id)
    keys = ring.published(Purpose.TOKENS, int(place.clock()))
    assert kid not in {key.kid for key in keys.values()}
    assert verify(later, keys, TYPE).kid != kid
    assert await says(place, token)


async def test_an_empty_list_too_is_signed_anew_when_its_key_was_withdrawn(place: Installation):
    """No bit changed, for all its tokens had expired."""
    list_id, _ = reference_in(await place.service_token())
    place.clock.turn(place.authority.settings.access_token_lifetime)
    first = await published(place, list_id)
    ring, rotation = place.authority.keyring, place.authority.rotation
    kid = ring.published(Purpose.TOKENS, int(place.clock())).only().kid
    await place.authority.store.transact(lambda tx: rotation.withdraw(tx, kid, CLI))
    assert await published(place, list_id) != first


async def test_a_list_dies_when_all_its_tokens_have_expired(place: Installation):
    settings = place.authority.settings
    list_id, _ = reference_in(await place.service_token())
    await published(place, list_id)
    place.clock.turn(settings.access_token_lifetime + SKEW + settings.status_list_lifetime - 1)
    await place.authority.store.transact(lambda tx: tx.sweep(100))
    await published(place, list_id)
    place.clock.turn(1)
    await place.authority.store.transact(lambda tx: tx.sweep(100))
    lists = place.server.status_lists
    assert await lists.published(place.authority, list_id, place.clock()) is None
    assert await lists.published(place.authority, "never", place.clock()) is None


async def test_what_is_remembered_is_bounded(place: Installation, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(status_lists, "_REMEMBERED", 3)
    lists = StatusLists()

    async def begin(tx: Transaction, number: int) -> str:
        return await tx.issued_tokens.open_list(str(number), tx.now + 60, f"list-{number}")

    for number in range(9):
        await place.authority.store.transact(lambda tx, number=number: begin(tx, number))
        assert await lists.published(place.authority, f"list-{number}", place.clock())
    assert list(lists._last) == ["list-6", "list-7", "list-8"]


async def test_all_lists_are_named(place: Installation, monkeypatch: pytest.MonkeyPatch):
    """§9.3, also beyond one page."""
    monkeypatch.setattr(status_lists, "_PAGE", 2)

    async def begin(tx: Transaction, number: int) -> str:
        return await tx.issued_tokens.open_list(str(number), tx.now + 60, f"list-{number}")

    for number in range(5):
        await place.authority.store.transact(lambda tx, number=number: begin(tx, number))
    found = await place.authority.store.read(lambda tx: status_lists.uris(place.authority, tx))
    assert found == [f"{place.issuer}/status-lists/list-{number}" for number in range(5)]


class Life:
    """Something happens to tokens, clients, APIs, keys and the time; chance decides what."""

    def __init__(self, place: Installation, person: Person, seed: int) -> None:
        self.place = place
        self.person = person
        self.chance = random.Random(seed)
        self.tokens: list[str] = []

    async def step(self) -> None:
        steps = [self.issue] * 6 + [self.sign_in] * 2 + [self.revoke] * 3
        steps += [self.turn] * 3 + [self.end_family, self.end_client, self.shorten, self.end_api]
        steps += [self.withdraw, self.sweep]
        await self.chance.choice(steps)()

    async def issue(self) -> None:
        self.tokens.append(await self.place.service_token())

    async def sign_in(self) -> None:
        self.tokens.append((await self.person.tokens())["access_token"])

    async def revoke(self) -> None:
        marks = marks_of(self.chance.choice(self.tokens))
        await self.transact(lambda tx: revocation.end_token(tx, marks.jti, None, CLI))

    async def end_family(self) -> None:
        marks = marks_of(self.chance.choice(self.tokens))
        await self.transact(lambda tx: revocation.end_family(tx, marks.family, "test", CLI))

    async def end_client(self) -> None:
        name = self.chance.choice(["service", "app"])
        await self.transact(lambda tx: revocation.end_tokens_of_client(tx, name, "test"))

    async def shorten(self) -> None:
        """S26: older generations live no longer than so many seconds."""
        seconds = self.chance.choice([60, 900])
        await self.transact(lambda tx: self.limit(tx, seconds))

    async def end_api(self) -> None:
        await self.transact(lambda tx: self.limit(tx, 0))

    async def limit(self, tx: Transaction, max_age: int) -> None:
        generation = await tx.apis.next_generation(NOTES)
        until = tx.now + 3600 + SKEW
        await tx.notices.append([Notice(Ended.API, NOTES, until, generation, max_age)])

    async def withdraw(self) -> None:
        now = int(self.place.clock())
        kid = self.place.authority.keyring.signer(Purpose.TOKENS, TYPE, now).kid
        rotation = self.place.authority.rotation
        await self.transact(lambda tx: rotation.withdraw(tx, kid, CLI))

    async def turn(self) -> None:
        self.place.clock.turn(self.chance.choice([1, 40, 400, 1500]))

    async def sweep(self) -> None:
        await self.transact(lambda tx: tx.sweep(50))

    async def transact(self, work: Any, *, beside: bool = False) -> None:
        await self.place.authority.store.transact(work)
        await self.place.authority.hub.catch_up()


@pytest.mark.parametrize("seed", range(6))
async def test_list_and_feed_say_the_same_at_random_moments(place: Installation, seed: int):
    """S42: the bit of a token that has not expired is set exactly where the notices end it."""
    seen = {True: 0, False: 0}
    async with place.browser() as browser:
        life = Life(place, Person(place, browser), seed)
        for _ in range(120):
            await life.issue() if not life.tokens else await life.step()
            await agree(place, life.tokens, seen)
    assert min(seen.values()) > 20, "chance brought too little of either"


async def agree(place: Installation, tokens: list[str], seen: dict[bool, int]) -> None:
    now = int(place.clock())
    lists: dict[str, bytes] = {}
    for token in tokens:
        if now >= unverified_claims(token)["exp"]:
            continue
        list_id, index = reference_in(token)
        if list_id not in lists:
            claims = unverified_claims(await published(place, list_id))
            lists[list_id] = decompressed(claims["status_list"]["lst"])
        ended = place.authority.hub.revocations.rejects(marks_of(token), now) is not None
        assert is_set(lists[list_id], index) == ended
        seen[ended] += 1
