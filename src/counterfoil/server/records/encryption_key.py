"""Keys that the tokens of one API are encrypted to, and their turn: next, active, retired (S68)."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.server.records.family import SKEW

MOST_KEYS: Final = 8
"""So many has one API at most, retired ones included."""
Algorithm: TypeAlias = Literal["ECDH-ES", "dir"]
State: TypeAlias = Literal["next", "active", "retired"]


class EncryptionKey(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A public key of an API (``ECDH-ES``), or a secret that is shared with its guards (``dir``).

    ``public_jwk`` is of the first kind; ``sealed`` of the second, under the master key. Times in
    seconds. Nobody but its owner can hand a key to the guards of an API, so nothing is encrypted
    to one before the owner says that they have it: ``active_from``. Until the last token of a
    retired one has expired, this server opens its own tokens by it.
    """

    kid: str
    alg: Algorithm
    created_at: int
    public_jwk: str = ""
    sealed: bytes = b""
    active_from: int | None = None
    retired_at: int | None = None

    @property
    def state(self) -> State:
        """What it is: one turn follows the other."""
        if self.retired_at is not None:
            return "retired"
        return "next" if self.active_from is None else "active"

    def __repr__(self) -> str:
        return f"EncryptionKey({self.kid!r}, {self.alg}, {self.state}, …)"


Keys: TypeAlias = tuple[EncryptionKey, ...]


def active_key(keys: Iterable[EncryptionKey]) -> EncryptionKey | None:
    """Give the key that tokens are encrypted to now."""
    return next((key for key in keys if key.state == "active"), None)


def key_named(keys: Iterable[EncryptionKey], kid: str) -> EncryptionKey | None:
    """Give the key of this name."""
    return next((key for key in keys if key.kid == kid), None)


def activated(keys: Iterable[EncryptionKey], kid: str, now: int) -> Keys:
    """Let a key take over: the one before it retires."""
    return tuple(
        replace(key, active_from=now, retired_at=None) if key.kid == kid else retired(key, now)
        for key in keys
    )


def retired(key: EncryptionKey, now: int) -> EncryptionKey:
    """Give a key that is encrypted to no more; one whose turn has not come stays as it is."""
    return replace(key, retired_at=now) if key.state == "active" else key


def without_gone(keys: Sequence[EncryptionKey], now: int, longest_lifetime: int) -> Keys:
    """Leave out the keys of which no token can be out any more."""
    kept = longest_lifetime + SKEW
    return tuple(key for key in keys if key.retired_at is None or now < key.retired_at + kept)
