"""The turning of keys: what ``plan_rotation`` says is done here, with its events and notices."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from counterfoil.jose.akp import ML_DSA_65
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.keys.keyring import sealed_key
from counterfoil.server.keys.sealing import Seals
from counterfoil.server.records.event import JANITOR, Actor, Event, EventKind
from counterfoil.server.records.family import SKEW
from counterfoil.server.records.rehearsal import Occurrence, rehearse
from counterfoil.server.records.signing_key import (
    LONGEST_LIFETIME,
    MakeNext,
    Purpose,
    Retire,
    RotationRules,
    SigningKey,
    Step,
    changed,
    plan_early_turn,
    plan_rotation,
    signing_key,
    withdrawn,
)
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings


class KeyRefused(Exception):
    """What was asked for cannot be done with this key. The text says why."""


class Rotation(Struct, frozen=True):
    """Turns the keys of one installation. Each of its coroutines is a work of the store."""

    settings: Settings
    sealing: Seals

    def new_key(self, purpose: Purpose = Purpose.TOKENS) -> PrivateKey:
        """Make a key pair, to be sealed under the master key that stands now.

        For RSA this takes a good part of a second: not in an event loop.
        """
        self.sealing.refresh()
        return PrivateKey.generate(self._algorithm_of(purpose))

    def _algorithm_of(self, purpose: Purpose) -> str:
        return ML_DSA_65 if purpose is Purpose.POST_QUANTUM else self.settings.signing_algorithm

    async def wanted(self, tx: Transaction) -> frozenset[Purpose] | None:
        """Say for which purposes ``rotate`` would make a key; ``None``: it has nothing to do."""
        plans = {purpose: await self._plan(tx, purpose) for purpose in Purpose}
        if not any(plans.values()):
            return None
        return frozenset(purpose for purpose, plan in plans.items() if _makes(plan))

    async def rotate(
        self, tx: Transaction, made: Mapping[Purpose, PrivateKey] | None = None
    ) -> bool:
        """Do what is due; on the first start, make the first keys, which sign at once (S80).

        ``made`` are keys from ``new_key`` that were made ahead. Says whether anything was done.
        """
        plans = {purpose: await self._plan(tx, purpose) for purpose in Purpose}
        for purpose, plan in plans.items():
            if plan:
                await self._carry_out(tx, purpose, plan, JANITOR, (made or {}).get(purpose))
        return any(plans.values())

    async def follow_apis(self, tx: Transaction) -> None:
        """Make, at once, the key that an API has begun to ask for; or retire it with the last."""
        plan = await self._plan(tx, Purpose.POST_QUANTUM)
        if plan:
            await self._carry_out(tx, Purpose.POST_QUANTUM, plan, JANITOR)

    async def rehearse(self, tx: Transaction, until: int) -> tuple[Occurrence, ...]:
        """Tell what ``rotate`` will bring until then (seconds since the epoch), in order."""
        told: list[Occurrence] = []
        for purpose in Purpose:
            keys = await tx.signing_keys.every(purpose)
            told += rehearse(keys, purpose, await self._rules(tx, purpose), (tx.now, until))
        return tuple(sorted(told, key=lambda each: each.at))

    async def retire(self, tx: Transaction, kid: str, by: Actor) -> int:
        """Let the signing key retire before its time; what it signed stands (S81).

        Gives the second at which its successor takes over: at once where that has been published
        for long enough, else as soon as it has.

        Raises:
            KeyRefused: the key is not known, or is not the one that signs.
        """
        key, keys = await _find(tx, kid)
        if key != signing_key(keys, tx.now):
            raise KeyRefused(f"The key {kid} is not the one that signs.")
        plan = plan_early_turn(keys, tx.now, await self._rules(tx, key.purpose))
        await self._carry_out(tx, key.purpose, plan, by)
        return next(step.retired_at for step in plan if isinstance(step, Retire))

    async def withdraw(self, tx: Transaction, kid: str, by: Actor) -> tuple[str, ...]:
        """Withdraw a key in an emergency: nothing that it signed stands (S84).

        Where it is the one that signs, the next goes with it, for it lay beside it and has signed
        nothing yet; a new key signs at once. Gives the ``kid`` of every key withdrawn.

        Raises:
            KeyRefused: the key is not known, or is no longer published.
        """
        key, keys = await _find(tx, kid)
        if not key.is_published(tx.now):
            raise KeyRefused(
                f"The key {kid} is no longer published; nothing that it signed stands."
            )
        taken = [key]
        if key == signing_key(keys, tx.now):
            taken += [other for other in keys if other.is_next(tx.now)]
        for each in taken:
            await tx.signing_keys.replace(withdrawn(each, tx.now))
            await _record(tx, EventKind.KEY_WITHDRAWN, each, by)
        until = tx.now + (await self._rules(tx, key.purpose)).longest_lifetime + SKEW
        await tx.notices.append([Notice(Ended.KEY, each.kid, until) for each in taken])
        await self._carry_out(tx, key.purpose, await self._plan(tx, key.purpose), by)
        return tuple(each.kid for each in taken)

    async def withdraw_every(self, tx: Transaction, by: Actor, until: int) -> tuple[str, ...]:
        """Withdraw every key that is published, whatever it signs; new ones sign at once.

        ``until`` is when the last token has expired that any of them can have signed. Gives the
        ``kid`` of every key withdrawn.
        """
        taken = [
            key
            for purpose in Purpose
            for key in await tx.signing_keys.every(purpose)
            if key.is_published(tx.now)
        ]
        for key in taken:
            await tx.signing_keys.replace(withdrawn(key, tx.now))
            await _record(tx, EventKind.KEY_WITHDRAWN, key, by)
        await tx.notices.append([Notice(Ended.KEY, key.kid, until) for key in taken])
        await self.rotate(tx)
        return tuple(key.kid for key in taken)

    async def _plan(self, tx: Transaction, purpose: Purpose) -> tuple[Step, ...]:
        keys = await tx.signing_keys.every(purpose)
        return plan_rotation(keys, tx.now, await self._rules(tx, purpose))

    async def _rules(self, tx: Transaction, purpose: Purpose) -> RotationRules:
        settings = self.settings
        return RotationRules(
            algorithm=self._algorithm_of(purpose),
            interval=settings.key_rotation_interval,
            publish_ahead=settings.key_publish_ahead,
            longest_lifetime=await tx.sealed.raise_to(LONGEST_LIFETIME, settings.longest_lifetime),
            wanted=purpose is not Purpose.POST_QUANTUM or await _is_asked_for(tx),
        )

    async def _carry_out(
        self,
        tx: Transaction,
        purpose: Purpose,
        plan: Sequence[Step],
        by: Actor,
        made: PrivateKey | None = None,
    ) -> None:
        keys = {key.kid: key for key in await tx.signing_keys.every(purpose)}
        for step in plan:
            if isinstance(step, MakeNext):
                private = made or self.new_key(purpose)
                turn = tx.now, step.active_from
                key = sealed_key(private, purpose, self.sealing, turn)
                await tx.signing_keys.add(key)
                await _record(tx, EventKind.KEY_MADE, key, by)
            else:
                keys[step.kid] = changed(keys[step.kid], step)
                await tx.signing_keys.replace(keys[step.kid])
                if isinstance(step, Retire):
                    await _record(tx, EventKind.KEY_RETIRED, keys[step.kid], by)
        until = tx.now + self.settings.jwks_max_age + SKEW
        await tx.notices.append([Notice(Ended.KEYS_CHANGED, purpose.value, until)])


async def _is_asked_for(tx: Transaction) -> bool:
    return any(api.policy.signing_algorithm == ML_DSA_65 for api in await tx.apis.every())


def _makes(plan: Sequence[Step]) -> bool:
    return any(isinstance(step, MakeNext) for step in plan)


async def find_key(tx: Transaction, kid: str) -> SigningKey:
    """Find a key by its ``kid``.

    Raises:
        KeyRefused: there is none.
    """
    return (await _find(tx, kid))[0]


async def _find(tx: Transaction, kid: str) -> tuple[SigningKey, list[SigningKey]]:
    for purpose in Purpose:
        keys = await tx.signing_keys.every(purpose)
        for key in keys:
            if key.kid == kid:
                return key, keys
    raise KeyRefused(f"There is no key {kid}.")


async def _record(tx: Transaction, kind: EventKind, key: SigningKey, by: Actor) -> None:
    await tx.events.append(
        Event(
            kind=kind,
            at=tx.now,
            actor=by.name,
            subject=key.kid,
            proof=by.proof,
            address=by.origin.address,
            user_agent=by.origin.user_agent,
            detail={"purpose": key.purpose.value},
        )
    )
