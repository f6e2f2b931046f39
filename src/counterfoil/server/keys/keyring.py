"""The keyring: the signing keys of this process, parsed once, chosen by the time (RFC 7517 §5)."""

import sys
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.jose.jwt import Signer
from counterfoil.jose.keys import KeySet, PrivateKey, PublicKey
from counterfoil.server.keys.master_key import open_kept
from counterfoil.server.keys.sealing import Seals
from counterfoil.server.records.signing_key import Purpose, SigningKey
from counterfoil.server.records.store import Transaction

_NEVER: Final = sys.maxsize


class NoSigningKey(Exception):
    """No key may sign now. The keyring was not loaded, or its process was cut off; answer 503."""


class _Turn(Struct, frozen=True, eq=False):
    """A key whose turn is now or later, with a signer for each type of token it has signed."""

    key: SigningKey
    private: PrivateKey
    signers: dict[str, Signer]

    def signer(self, typ: str) -> Signer:
        signer = self.signers.get(typ)
        if signer is None:
            signer = self.signers[typ] = Signer(self.private, typ)
        return signer


class _Ring(Struct, frozen=True, eq=False):
    """The keys of one purpose; what is published stands until ``stale_at``.

    With the keys of tokens those of ``POST_QUANTUM`` are published; they sign in their own ring.
    """

    keys: tuple[SigningKey, ...]
    turns: tuple[_Turn, ...]
    published: KeySet
    jwks: bytes
    stale_at: int


class Keyring:
    """Answers from memory only. ``load`` brings it up to date, and may be run as often as wanted.

    The hours at which keys take turns are known ahead, so that nothing need be loaded for that.
    """

    def __init__(self, sealing: Seals) -> None:
        self._sealing = sealing
        self._rings: Mapping[Purpose, _Ring] = {}

    async def load(self, tx: Transaction) -> None:
        """Take the keys from the store; private halves that may sign are opened and parsed.

        Raises:
            MasterKeyError: they were sealed under another master key.
        """
        rings = {}
        for purpose in Purpose:
            keys = await tx.signing_keys.every(purpose)
            turns = tuple(self._turn(key) for key in keys if key.has_turn_left(tx.now))
            if purpose is Purpose.TOKENS:
                keys += await tx.signing_keys.every(Purpose.POST_QUANTUM)
            rings[purpose] = _ring(keys, turns, tx.now)
        self._rings = rings

    def _turn(self, key: SigningKey) -> _Turn:
        known = self._rings.get(key.purpose)
        for turn in known.turns if known else ():
            if turn.key.kid == key.kid:
                return _Turn(key, turn.private, turn.signers)
        return _Turn(key, unsealed(key, self._sealing), {})

    def signer(self, purpose: Purpose, typ: str, now: int) -> Signer:
        """Give the signer whose turn it is, for tokens of one type.

        Raises:
            NoSigningKey: there is none.
        """
        ring = self._rings.get(purpose)
        for turn in ring.turns if ring else ():
            if turn.key.may_sign(now):
                return turn.signer(typ)
        first = min(ring.turns, key=_beginning, default=None) if ring else None
        if first is not None and now < first.key.active_from:
            # The clock was set back: the first key signs, for it was about to already.
            return first.signer(typ)
        raise NoSigningKey(f"no key for {purpose.value} may sign now")

    def published(self, purpose: Purpose, now: int) -> KeySet:
        """Give the keys whose signatures stand: next, active and retired.

        It is the same object for as long as nothing changes.
        """
        return self._fresh(purpose, now).published

    def jwks(self, purpose: Purpose, now: int) -> bytes:
        """Give the JWK Set of the published keys, as JSON."""
        return self._fresh(purpose, now).jwks

    def _fresh(self, purpose: Purpose, now: int) -> _Ring:
        ring = self._rings.get(purpose)
        if ring is None:
            raise NoSigningKey("the keyring was not loaded")
        if now >= ring.stale_at:
            ring = _ring(ring.keys, ring.turns, now)
            self._rings = {**self._rings, purpose: ring}
        return ring


def _beginning(turn: _Turn) -> int:
    return turn.key.active_from


def _ring(keys: Iterable[SigningKey], turns: tuple[_Turn, ...], now: int) -> _Ring:
    keys = tuple(keys)
    published = KeySet(_public(key) for key in keys if key.is_published(now))
    ends = [key.gone_at for key in keys if key.gone_at is not None and now < key.gone_at]
    jwks = msgspec.json.encode(published.as_jwks())
    return _Ring(keys, turns, published, jwks, min(ends, default=_NEVER))


def _public(key: SigningKey) -> PublicKey:
    return PublicKey.from_jwk(msgspec.json.decode(key.public_jwk), key.algorithm)


def sealed_key(
    private: PrivateKey, purpose: Purpose, sealing: Seals, turn: tuple[int, int]
) -> SigningKey:
    """Give the record of a new key; ``turn`` is when it was made and when it begins to sign."""
    public = private.public
    created_at, active_from = turn
    return SigningKey(
        kid=public.kid,
        purpose=purpose,
        algorithm=public.algorithm.name,
        public_jwk=msgspec.json.encode(public.as_jwk()).decode("ascii"),
        sealed=sealing.seal(private.to_der(), context_of(purpose, public.kid)),
        created_at=created_at,
        active_from=active_from,
    )


def unsealed(key: SigningKey, sealing: Seals) -> PrivateKey:
    """Open and parse the private half of a key.

    Raises:
        MasterKeyError: it does not open.
    """
    der = open_kept(sealing, key.sealed, context_of(key.purpose, key.kid))
    return PrivateKey.from_der(der, key.algorithm, key.kid)


def context_of(purpose: Purpose, kid: str) -> str:
    """Say what a sealed private half is, so that it opens nowhere else."""
    return f"signing key for {purpose.value} {kid}"
