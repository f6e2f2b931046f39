"""The turning of keys in a real store: what is stored, recorded and told."""

from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import pytest

from counterfoil.jose.jwt import unverified_header, verify
from counterfoil.oauth.revocations import Ended
from counterfoil.server.keys.keyring import NoSigningKey
from counterfoil.server.keys.rotation import KeyRefused
from counterfoil.server.records.api import Api
from counterfoil.server.records.event import CLI, EventKind
from counterfoil.server.records.family import SKEW
from counterfoil.server.records.policy import ApiPolicy
from counterfoil.server.records.signing_key import LONGEST_LIFETIME, Purpose
from counterfoil.server.records.store import Transaction
from tests.server.keys.installation import START, Installation, installation

pytestmark = pytest.mark.anyio


def signed(place: Installation) -> str:
    return place.keyring.signer(Purpose.TOKENS, "at+jwt", place.now).sign(b"{}")


def stands(place: Installation, token: str) -> bool:
    published = place.keyring.published(Purpose.TOKENS, place.now)
    if unverified_header(token)["kid"] not in published:
        return False
    return verify(token, published, "at+jwt").claims == {}


async def advance(place: Installation, seconds: int, tick: int = 600) -> None:
    for _ in range(seconds // tick):
        place.now += tick
        await place.rotate()


async def withdraw(place: Installation, kid: str) -> tuple[str, ...]:
    taken = await place.store.transact(partial(place.rotation.withdraw, kid=kid, by=CLI))
    await place.load()
    return taken


async def retire(place: Installation, kid: str) -> int:
    at = await place.store.transact(partial(place.rotation.retire, kid=kid, by=CLI))
    await place.load()
    return at


async def test_the_first_start_makes_one_key_for_each_purpose_that_signs_at_once(tmp_path: Path):
    async with installation(tmp_path) as place:
        assert await place.rotate()
        for purpose in (Purpose.TOKENS, Purpose.FEED):
            [key] = await place.keys(purpose)
            assert (key.created_at, key.active_from) == (START, START)
            assert place.kid(purpose) == key.kid
        assert not await place.rotate()


async def test_processes_that_start_at_once_make_the_keys_once(tmp_path: Path):
    async with installation(tmp_path) as place, anyio.create_task_group() as starting:
        for _ in range(8):
            starting.start_soon(place.rotate)
    async with installation(tmp_path) as place:
        assert len(await place.keys(Purpose.TOKENS)) == len(await place.keys(Purpose.FEED)) == 1


async def test_keys_turn_unattended_and_the_previous_ones_tokens_stand_until_they_expire(
    tmp_path: Path,
):
    """S80, S81: over three turns, every token verifies for its whole life."""
    hours = {"key_rotation_interval": 36_000, "key_publish_ahead": 3600}
    async with installation(tmp_path, **hours) as place:
        await place.rotate()
        tokens: list[tuple[int, str]] = []
        for _ in range(3 * 60):
            tokens.append((place.now, signed(place)))
            await advance(place, 600)
            tokens = [
                (at, token)
                for at, token in tokens
                if place.now < at + place.settings.access_token_lifetime
            ]
            assert all(stands(place, token) for _, token in tokens)
        assert len({event.subject for event in await place.events()}) >= 6
        assert len(await place.keys()) <= 3 + 1


async def test_a_turn_is_told_to_guards_and_written_down(tmp_path: Path):
    async with installation(tmp_path) as place:
        await place.rotate()
        place.now += place.settings.key_rotation_interval - place.settings.key_publish_ahead
        before = len(await place.notices())
        assert await place.rotate()
        told = (await place.notices())[before:]
        assert {(notice.kind, notice.name) for notice in told} == {
            (Ended.KEYS_CHANGED, "tokens"),
            (Ended.KEYS_CHANGED, "feed"),
        }
        first, following = await place.keys()
        assert following.created_at == place.now
        assert first.retired_at == following.active_from == place.now + 86_400
        events = {(event.kind, event.subject) for event in await place.events()}
        assert (EventKind.KEY_MADE, following.kid) in events
        assert (EventKind.KEY_RETIRED, first.kid) in events


async def test_a_retired_key_is_published_for_the_longest_lifetime_ever_issued(tmp_path: Path):
    """S81: an API with longer tokens, or a setting since shortened, still counts."""
    async with installation(tmp_path) as place:
        await place.rotate()
        await place.store.transact(lambda tx: tx.sealed.raise_to(LONGEST_LIFETIME, 7 * 86_400))
        token = signed(place)
        place.now += place.settings.key_rotation_interval
        await place.rotate()
        retired_at = (await place.keys())[0].retired_at
        assert retired_at is not None
        place.now = retired_at + 7 * 86_400 + SKEW - 1
        await place.rotate()
        assert stands(place, token)
        place.now += 1
        await place.rotate()
        assert not stands(place, token)


async def test_in_an_emergency_nothing_that_the_key_signed_stands(tmp_path: Path):
    """S84: the notice lives as long as any token of the key, and a new key signs at once."""
    async with installation(tmp_path) as place:
        await place.rotate()
        token, stolen = signed(place), place.kid()
        before = len(await place.notices())
        assert await withdraw(place, stolen) == (stolen,)
        assert not stands(place, token)
        assert place.kid() != stolen
        assert stands(place, signed(place))
        told = (await place.notices())[before:]
        assert [(notice.kind, notice.name) for notice in told] == [
            (Ended.KEY, stolen),
            (Ended.KEYS_CHANGED, "tokens"),
        ]
        assert told[0].until == place.now + place.settings.access_token_lifetime + SKEW
        [event] = [each for each in await place.events() if each.kind is EventKind.KEY_WITHDRAWN]
        assert (event.subject, event.actor) == (stolen, "cli")


async def test_an_emergency_takes_the_next_key_too(tmp_path: Path):
    """S84: what took the one may have taken the other, which has signed nothing yet."""
    async with installation(tmp_path) as place:
        await place.rotate()
        place.now += place.settings.key_rotation_interval - 3600
        await place.rotate()
        kids = [key.kid for key in await place.keys()]
        assert await withdraw(place, kids[0]) == tuple(kids)
        assert place.kid() not in kids
        assert {notice.name for notice in await place.notices()} >= set(kids)


async def test_when_the_next_key_is_withdrawn_the_signing_one_goes_on(tmp_path: Path):
    async with installation(tmp_path) as place:
        await place.rotate()
        place.now += place.settings.key_rotation_interval - 3600
        await place.rotate()
        current, following = [key.kid for key in await place.keys()]
        token = signed(place)
        assert await withdraw(place, following) == (following,)
        assert place.kid() == current
        assert stands(place, token)
        place.now += place.settings.key_publish_ahead
        assert place.kid() not in {current, following}


async def test_the_feeds_key_can_be_withdrawn_as_well(tmp_path: Path):
    async with installation(tmp_path) as place:
        await place.rotate()
        stolen, tokens = place.kid(Purpose.FEED), place.kid(Purpose.TOKENS)
        await withdraw(place, stolen)
        assert place.kid(Purpose.FEED) != stolen
        assert place.kid(Purpose.TOKENS) == tokens


async def test_a_key_that_retires_early_gives_its_successor_time_to_be_known(tmp_path: Path):
    """S81."""
    async with installation(tmp_path) as place:
        await place.rotate()
        token, first = signed(place), place.kid()
        at = await retire(place, first)
        assert at == place.now + place.settings.key_publish_ahead
        assert place.kid() == first
        place.now = at
        assert place.kid() != first
        assert stands(place, token)


async def test_a_key_retires_at_once_where_its_successor_is_long_known(tmp_path: Path):
    async with installation(tmp_path) as place:
        await place.rotate()
        first = place.kid()
        await retire(place, first)
        place.now += place.settings.key_publish_ahead
        second = place.kid()
        await retire(place, second)
        place.now += place.settings.key_publish_ahead + 5
        third = place.kid()
        assert len({first, second, third}) == 3


async def test_a_key_that_does_not_sign_cannot_retire(tmp_path: Path):
    async with installation(tmp_path) as place:
        await place.rotate()
        first = place.kid()
        await withdraw(place, first)
        with pytest.raises(KeyRefused, match="not the one that signs"):
            await retire(place, first)
        with pytest.raises(KeyRefused, match="no longer published"):
            await withdraw(place, first)
        with pytest.raises(KeyRefused, match="no key nobody"):
            await retire(place, "nobody")


async def test_another_algorithm_is_turned_to_without_ending_anything(tmp_path: Path):
    async with installation(tmp_path) as place:
        await place.rotate()
        token = signed(place)
    async with installation(tmp_path, signing_algorithm="EdDSA") as place:
        assert await place.rotate()
        place.now += place.settings.key_publish_ahead
        algorithms = [key.algorithm for key in await place.keys()]
        assert algorithms == ["ES256", "EdDSA"]
        published = place.keyring.published(Purpose.TOKENS, place.now)
        assert published[place.kid()].algorithm.name == "EdDSA"
        assert stands(place, token)


async def test_keys_that_were_made_ahead_are_used(tmp_path: Path):
    async with installation(tmp_path) as place:
        needed = {Purpose.TOKENS, Purpose.FEED}
        assert await place.store.transact(place.rotation.wanted) == needed
        made = {purpose: place.rotation.new_key(purpose) for purpose in needed}
        await place.store.transact(partial(place.rotation.rotate, made=made))
        await place.load()
        for purpose in needed:
            assert place.kid(purpose) == made[purpose].public.kid
        assert await place.store.transact(place.rotation.wanted) is None


async def ask_for_ml_dsa(place: Installation, algorithm: Literal["ML-DSA-65"] | None) -> None:
    async def work(tx: Transaction) -> None:
        policy = ApiPolicy(signing_algorithm=algorithm)
        api = Api(uri="https://a.example", name="A", created_at=1, scopes={}, policy=policy)
        if not await tx.apis.update(api):
            await tx.apis.add(api)
        await place.rotation.follow_apis(tx)

    await place.store.transact(work)
    await place.load()


async def test_there_is_a_post_quantum_key_for_as_long_as_an_api_asks(tmp_path: Path):
    """RFC 9964: made at once, published with the others, turned as they are, and then retired."""
    async with installation(tmp_path) as place:
        await place.rotate()
        assert await place.keys(Purpose.POST_QUANTUM) == []
        before = place.keyring.published(Purpose.TOKENS, place.now)
        await ask_for_ml_dsa(place, "ML-DSA-65")
        first = place.kid(Purpose.POST_QUANTUM)
        published = place.keyring.published(Purpose.TOKENS, place.now)
        assert set(published) == {*before, first}
        assert published[first].algorithm.name == "ML-DSA-65"
        assert first not in place.keyring.published(Purpose.FEED, place.now)
        assert place.kid() in before, "all else is signed as it was"

        place.now += place.settings.key_rotation_interval
        while await place.rotate():
            pass
        place.now += place.settings.key_publish_ahead
        second = place.kid(Purpose.POST_QUANTUM)
        assert second != first

        await ask_for_ml_dsa(place, None)
        with pytest.raises(NoSigningKey):
            place.kid(Purpose.POST_QUANTUM)
        assert second in place.keyring.published(Purpose.TOKENS, place.now), "its tokens stand"
        place.now += place.settings.longest_lifetime + SKEW
        await place.rotate()
        published = place.keyring.published(Purpose.TOKENS, place.now)
        assert "ML-DSA-65" not in {key.algorithm.name for key in published.values()}
        assert not await place.rotate(), "and no other is made"


async def test_the_janitors_round_makes_the_key_that_an_api_asks_for(tmp_path: Path):
    """However the policy came to say so."""
    async with installation(tmp_path) as place:
        await place.rotate()
        policy = ApiPolicy(signing_algorithm="ML-DSA-65")
        api = Api(uri="https://a.example", name="A", created_at=1, scopes={}, policy=policy)
        await place.store.transact(lambda tx: tx.apis.add(api))
        assert await place.store.transact(place.rotation.wanted) == {Purpose.POST_QUANTUM}
        await place.rotate()
        assert place.kid(Purpose.POST_QUANTUM)


async def test_a_withdrawn_post_quantum_key_is_followed_by_another_at_once(tmp_path: Path):
    """S84."""
    async with installation(tmp_path) as place:
        await place.rotate()
        await ask_for_ml_dsa(place, "ML-DSA-65")
        first = place.kid(Purpose.POST_QUANTUM)
        await withdraw(place, first)
        assert place.kid(Purpose.POST_QUANTUM) != first
        assert first not in place.keyring.published(Purpose.TOKENS, place.now)
