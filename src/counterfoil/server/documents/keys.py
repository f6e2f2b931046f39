"""Signing keys as JSON. Private halves never leave the store."""

from msgspec import Struct

from counterfoil.server.records.signing_key import Purpose, SigningKey
from counterfoil.server.records.store import Transaction


class KeyDocument(Struct, frozen=True, kw_only=True):
    """A signing key; ``state`` is next, active, retired, withdrawn or gone. Times in seconds."""

    kid: str
    purpose: str
    algorithm: str
    state: str
    created_at: int
    active_from: int
    retired_at: int | None
    gone_at: int | None
    withdrawn_at: int | None


class KeyList(Struct, frozen=True, kw_only=True):
    """All keys, oldest first within their purpose."""

    keys: tuple[KeyDocument, ...]


async def documents(tx: Transaction) -> list[KeyDocument]:
    """Read all keys."""
    return [
        _document(key, tx.now)
        for purpose in Purpose
        for key in await tx.signing_keys.every(purpose)
    ]


def _document(key: SigningKey, now: int) -> KeyDocument:
    return KeyDocument(
        kid=key.kid,
        purpose=key.purpose.value,
        algorithm=key.algorithm,
        state=_state(key, now),
        created_at=key.created_at,
        active_from=key.active_from,
        retired_at=key.retired_at,
        gone_at=key.gone_at,
        withdrawn_at=key.withdrawn_at,
    )


def _state(key: SigningKey, now: int) -> str:
    if key.withdrawn_at is not None:
        return "withdrawn"
    if not key.is_published(now):
        return "gone"
    if key.may_sign(now):
        return "active"
    return "next" if key.is_next(now) else "retired"
