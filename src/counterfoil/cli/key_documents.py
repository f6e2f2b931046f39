"""Signing keys as JSON, and their turns. Private halves never leave the store."""

from msgspec import Struct

from counterfoil.cli.output import Failure
from counterfoil.server.keys.rotation import Rotation
from counterfoil.server.protocol import endings
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.endings import Ends, Target
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.signing_key import Purpose, SigningKey, signing_key
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


class TurnDocument(Struct, frozen=True, kw_only=True):
    """``kid`` signs until ``retired_at`` (seconds since the epoch), then ``successor`` does."""

    kid: str
    retired_at: int
    successor: str
    notice: str


class WithdrawalDocument(Struct, frozen=True, kw_only=True):
    """The keys whose signatures no longer stand, and the one that signs now."""

    withdrawn: tuple[str, ...]
    successor: str
    notice: str


async def documents(tx: Transaction) -> list[KeyDocument]:
    """Read all keys."""
    return [
        _document(key, tx.now)
        for purpose in Purpose
        for key in await tx.signing_keys.every(purpose)
    ]


async def find(tx: Transaction, kid: str) -> KeyDocument:
    """Read one key.

    Raises:
        Failure: there is none.
    """
    for document in await documents(tx):
        if document.kid == kid:
            return document
    raise Failure(f"there is no key {kid}")


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


async def signing_kid(tx: Transaction, purpose: str) -> str:
    """Name the key that signs now.

    Raises:
        Failure: there is none.
    """
    current = signing_key(await tx.signing_keys.every(Purpose(purpose)), tx.now)
    if current is None:
        raise Failure(f"no key signs for {purpose} now")
    return current.kid


async def turned(rotation: Rotation, tx: Transaction, kid: str) -> TurnDocument:
    """Let the signing key retire as soon as its successor has been published for long enough."""
    purpose = (await find(tx, kid)).purpose
    retired_at = await rotation.retire(tx, kid, CLI.name)
    keys = await tx.signing_keys.every(Purpose(purpose))
    successor = signing_key(keys, retired_at)
    if successor is None:
        raise Failure(f"no key can take over from {kid}")
    notice, _ = await tx.notices.head()
    return TurnDocument(kid=kid, retired_at=retired_at, successor=successor.kid, notice=str(notice))


async def withdrawn(authority: Authority, tx: Transaction, kid: str) -> WithdrawalDocument:
    """Withdraw a key in an emergency: nothing that it signed stands (S84)."""
    purpose = Purpose((await find(tx, kid)).purpose)
    before = await _withdrawn_kids(tx, purpose)
    ending = await endings.carry_out(authority, tx, Target(Ends.KEY, kid), CLI)
    kids = [each for each in await _withdrawn_kids(tx, purpose) if each not in before]
    successor = await signing_kid(tx, purpose)
    return WithdrawalDocument(
        withdrawn=tuple(kids), successor=successor, notice=str(ending.position)
    )


async def _withdrawn_kids(tx: Transaction, purpose: Purpose) -> list[str]:
    keys = await tx.signing_keys.every(purpose)
    return [key.kid for key in keys if key.withdrawn_at is not None]
