"""Signing keys and their turn: next, active, retired, gone. The plans are pure (S80, S81)."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.server.records.audit import FeedKey
from counterfoil.server.records.family import SKEW

LONGEST_LIFETIME: Final = "longest_lifetime"
"""The high-water mark of token lifetimes among the store's sealed values. In seconds."""
MOST_LIFETIME: Final = 30 * 86400
"""No setting, API or policy lets a token live longer. In seconds."""


class Purpose(StrEnum):
    """What a key signs: tokens, or heads of the notices feed. Never both.

    Keys of ``POST_QUANTUM`` sign the tokens of APIs that ask for ML-DSA-65 (RFC 9964). There are
    such for as long as an API does, and they are published with the others that sign tokens.
    """

    TOKENS = "tokens"
    FEED = "feed"
    POST_QUANTUM = "tokens_post_quantum"


class SigningKey(Struct, frozen=True, kw_only=True):
    """A key pair; ``sealed`` is the private half under the master key. Times in seconds.

    It is published from ``created_at``, signs from ``active_from`` until ``retired_at``, and stays
    published until ``gone_at``. ``withdrawn_at`` marks an emergency: nothing it signed stands.
    """

    kid: str
    purpose: Purpose
    algorithm: str
    public_jwk: str
    sealed: bytes
    created_at: int
    active_from: int
    retired_at: int | None = None
    gone_at: int | None = None
    withdrawn_at: int | None = None

    def is_published(self, now: int) -> bool:
        """Whether verifiers may still meet a token signed by it."""
        return self.withdrawn_at is None and (self.gone_at is None or now < self.gone_at)

    def may_sign(self, now: int) -> bool:
        """Whether its turn has come and not gone."""
        return self.active_from <= now and self.has_turn_left(now)

    def is_next(self, now: int) -> bool:
        """Whether its turn is still to come."""
        return now < self.active_from and self.has_turn_left(now)

    def has_turn_left(self, now: int) -> bool:
        """Whether its turn has not gone."""
        return self.withdrawn_at is None and (self.retired_at is None or now < self.retired_at)


class RotationRules(Struct, frozen=True, kw_only=True):
    """What a plan goes by. Times in seconds.

    ``longest_lifetime`` is the longest that any token lives which a key here has ever signed.
    ``wanted``: whether anything is still to be signed.
    """

    algorithm: str
    interval: int
    publish_ahead: int
    longest_lifetime: int
    wanted: bool = True


class MakeNext(Struct, frozen=True):
    """Make a key, publish it at once, and let it sign from ``active_from``."""

    active_from: int


class Activate(Struct, frozen=True):
    """Let a published key sign from ``active_from``, sooner than was planned."""

    kid: str
    active_from: int


class Retire(Struct, frozen=True):
    """Let a key sign until ``retired_at``; it stays published."""

    kid: str
    retired_at: int


class Forget(Struct, frozen=True):
    """Publish a key no longer: the last token that it signed has expired."""

    kid: str
    gone_at: int


Step: TypeAlias = MakeNext | Activate | Retire | Forget


def signing_key(keys: Iterable[SigningKey], now: int) -> SigningKey | None:
    """Give the key whose turn it is."""
    return next((key for key in keys if key.may_sign(now)), None)


def plan_rotation(keys: Sequence[SigningKey], now: int, rules: RotationRules) -> tuple[Step, ...]:
    """Plan what is due for the keys of one purpose.

    A key is succeeded when it has signed for the interval, or when its algorithm is no longer
    the chosen one. The hour at which the successor takes over is written down when it is made,
    so that every process turns at the same second without being told. The very first key, and
    one after an emergency, signs at once. Where nothing is to be signed any more, all retire.
    """
    plan = _plan_succession(keys, now, rules) if rules.wanted else _plan_end(keys, now)
    return (*plan, *_plan_forgetting(keys, now, rules))


def plan_early_turn(keys: Sequence[SigningKey], now: int, rules: RotationRules) -> tuple[Step, ...]:
    """Plan that the signing key retires as soon as its successor has been published for long."""
    current, following = signing_key(keys, now), _following(keys, now)
    if current is None or following is None:
        return _succeed(current, now, now, rules)
    ready_at = max(now, following.created_at + rules.publish_ahead)
    at = min(ready_at, following.active_from)
    return Activate(following.kid, at), Retire(current.kid, at)


def _plan_end(keys: Sequence[SigningKey], now: int) -> tuple[Step, ...]:
    return tuple(Retire(key.kid, now) for key in keys if key.has_turn_left(now))


def _plan_succession(
    keys: Sequence[SigningKey], now: int, rules: RotationRules
) -> tuple[Step, ...]:
    current, following = signing_key(keys, now), _following(keys, now)
    if following is not None:
        return () if current else (Activate(following.kid, now),)
    if current is None:
        return _succeed(current, now, now, rules)
    is_due_now = current.algorithm != rules.algorithm or current.retired_at is not None
    due_at = now if is_due_now else current.active_from + rules.interval
    return _succeed(current, due_at, now, rules) if now >= due_at - rules.publish_ahead else ()


def _succeed(
    current: SigningKey | None, due_at: int, now: int, rules: RotationRules
) -> tuple[Step, ...]:
    if current is None:
        return (MakeNext(now),)
    at = max(due_at, now + rules.publish_ahead)
    return MakeNext(at), Retire(current.kid, at)


def _following(keys: Iterable[SigningKey], now: int) -> SigningKey | None:
    waiting = [key for key in keys if key.is_next(now)]
    return min(waiting, key=lambda key: key.active_from, default=None)


def _plan_forgetting(
    keys: Iterable[SigningKey], now: int, rules: RotationRules
) -> tuple[Step, ...]:
    return tuple(
        Forget(key.kid, now)
        for key in keys
        if key.gone_at is None
        and key.retired_at is not None
        and now >= key.retired_at + rules.longest_lifetime + SKEW
    )


def changed(key: SigningKey, step: Activate | Retire | Forget) -> SigningKey:
    """Give a key as a step leaves it."""
    match step:
        case Activate(active_from=at):
            return replace(key, active_from=at)
        case Retire(retired_at=at):
            return replace(key, retired_at=at)
        case Forget(gone_at=at):
            return replace(key, gone_at=at)


def withdrawn(key: SigningKey, now: int) -> SigningKey:
    """Give a key as an emergency leaves it: neither signing nor published (S84)."""
    retired_at = now if key.retired_at is None else min(now, key.retired_at)
    return replace(key, withdrawn_at=now, retired_at=retired_at, gone_at=now)


class SigningKeys(Protocol):
    """Signing keys with their sealed private halves."""

    async def add(self, key: SigningKey) -> None:
        """Add."""

    async def replace(self, key: SigningKey) -> None:
        """Store changed times of a key, and its private half as it is sealed now."""

    async def every(self, purpose: Purpose) -> list[SigningKey]:
        """Oldest first, gone ones included until they are swept."""

    async def feed_keys(self) -> list[FeedKey]:
        """Public halves of all keys that have ever signed heads, swept ones included."""
