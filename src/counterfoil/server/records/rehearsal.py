"""What the turning of keys will bring, and when: the same plans, played ahead. Pure (S80)."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from counterfoil.server.records.family import SKEW
from counterfoil.server.records.signing_key import (
    MakeNext,
    Purpose,
    RotationRules,
    SigningKey,
    changed,
    plan_rotation,
)


class Turn(StrEnum):
    """What happens to a key."""

    PUBLISHED = "published"
    SIGNS = "signs"
    RETIRES = "retires"
    GONE = "gone"


class Occurrence(Struct, frozen=True):
    """A turn of a key, at a time in seconds since the epoch."""

    at: int
    kid: str
    purpose: Purpose
    turn: Turn


def rehearse(
    keys: Sequence[SigningKey], purpose: Purpose, rules: RotationRules, span: tuple[int, int]
) -> tuple[Occurrence, ...]:
    """Play the keys of one purpose ahead, over a span of time, and tell what happens in order.

    Keys that are still to be made are called ``new-1``, ``new-2`` and so on.
    """
    now, until = span
    played, at = list(keys), now
    while at <= until:
        played = _played(played, purpose, rules, at)
        at = min((moment for moment in _moments(played, rules) if moment > at), default=until + 1)
    told = [each for key in played for each in _turns(key, purpose)]
    return tuple(sorted((each for each in told if now < each.at <= until), key=_order))


def _played(
    keys: list[SigningKey], purpose: Purpose, rules: RotationRules, now: int
) -> list[SigningKey]:
    by_kid = {key.kid: key for key in keys}
    for step in plan_rotation(keys, now, rules):
        if isinstance(step, MakeNext):
            made = _imagined(keys, purpose, rules, (now, step.active_from))
            by_kid[made.kid] = made
        else:
            by_kid[step.kid] = changed(by_kid[step.kid], step)
    return list(by_kid.values())


def _imagined(
    keys: Sequence[SigningKey], purpose: Purpose, rules: RotationRules, turn: tuple[int, int]
) -> SigningKey:
    created_at, active_from = turn
    number = 1 + sum(not key.sealed for key in keys)
    return SigningKey(
        kid=f"new-{number}",
        purpose=purpose,
        algorithm=rules.algorithm,
        public_jwk="",
        sealed=b"",
        created_at=created_at,
        active_from=active_from,
    )


def _moments(keys: Iterable[SigningKey], rules: RotationRules) -> Iterable[int]:
    """The times at which a plan can first have something to do."""
    for key in keys:
        yield key.active_from
        yield key.active_from + rules.interval - rules.publish_ahead
        if key.retired_at is not None:
            yield key.retired_at
            yield key.retired_at + rules.longest_lifetime + SKEW


def _turns(key: SigningKey, purpose: Purpose) -> Iterable[Occurrence]:
    for at, turn in (
        (key.created_at, Turn.PUBLISHED),
        (key.active_from, Turn.SIGNS),
        (key.retired_at, Turn.RETIRES),
        (key.gone_at, Turn.GONE),
    ):
        if at is not None:
            yield Occurrence(at, key.kid, purpose, turn)


def _order(occurrence: Occurrence) -> tuple[int, bool, str]:
    return occurrence.at, occurrence.turn is Turn.SIGNS, occurrence.kid
