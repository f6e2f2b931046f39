"""Months go by, keys turn, and guards with old key sets never meet a key that they do not know."""

import random
from collections import deque
from pathlib import Path

import msgspec
import pytest

from counterfoil.guard.keys import IssuerKeys
from counterfoil.server.records.signing_key import Purpose
from tests.server.keys.installation import Installation, installation

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("about keys, wherever they are kept")]

HOUR = 3600
DAY = 24 * HOUR
MONTHS = 9


class OldSet:
    """What one guard holds: a key set that is fetched anew only when it is ``oldest`` s old."""

    def __init__(self, oldest: int, phase: int) -> None:
        self.keys = IssuerKeys("at+jwt", ("ES256",), max_bytes=10_000)
        self._oldest = oldest
        self._fetch_at = phase

    def pass_time(self, place: Installation) -> None:
        if place.now >= self._fetch_at:
            self.keys.take(msgspec.json.decode(place.keyring.jwks(Purpose.TOKENS, place.now)))
            self._fetch_at = place.now + self._oldest


async def lived_through(place: Installation, oldest: int, chance: random.Random) -> set[str]:
    """Let months pass hour by hour; every token is checked while it lives. Gives every kid."""
    lifetime = place.settings.access_token_lifetime
    guards = [OldSet(oldest, phase=place.now) for _ in range(4)]
    tokens: deque[tuple[str, int]] = deque()
    end, tick_at, seen = place.now + MONTHS * 30 * DAY, place.now, set()
    while place.now < end:
        if place.now >= tick_at:
            await place.rotate()
            tick_at = place.now + chance.randrange(60, 6 * HOUR)
        for guard in guards:
            guard.pass_time(place)
        signer = place.keyring.signer(Purpose.TOKENS, "at+jwt", place.now)
        tokens.append((signer.sign({"at": place.now}), place.now + lifetime))
        while tokens[0][1] <= place.now:
            tokens.popleft()
        token = tokens[chance.randrange(len(tokens))][0]
        for guard in guards:
            verifier = guard.keys.verifier
            assert verifier is not None
            seen.add(verifier.verify(token).kid)
        place.now += chance.randrange(HOUR // 2, 2 * HOUR)
    return seen


async def test_no_guard_meets_a_key_that_it_does_not_know(tmp_path: Path):
    """S80, S81, S82: with sets as old as publishing ahead allows, a janitor that is late by hours,
    and tokens of all ages; and the keys did turn."""
    async with installation(tmp_path) as place:
        oldest = place.settings.key_publish_ahead - 2 * HOUR
        seen = await lived_through(place, oldest, random.Random(20261125))
        assert len(seen) >= MONTHS - 1


async def test_without_publishing_ahead_they_would(tmp_path: Path):
    """That the simulation can fail: sets that are older than publishing ahead allows."""
    async with installation(tmp_path) as place:
        oldest = 12 * place.settings.key_publish_ahead
        with pytest.raises(Exception, match="none of the keys that are trusted"):
            await lived_through(place, oldest, random.Random(20261125))
