"""The turns of signing keys as JSON."""

from msgspec import Struct

from counterfoil.cli.output import Failure
from counterfoil.cli.receipts import guards_at
from counterfoil.oauth.feed import Position
from counterfoil.server.documents.keys import KeyDocument, documents
from counterfoil.server.documents.receipts import GuardsDocument
from counterfoil.server.keys.rotation import Rotation
from counterfoil.server.protocol import endings
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.endings import Ends, Target
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.signing_key import Purpose, signing_key
from counterfoil.server.records.store import Transaction


class TurnDocument(Struct, frozen=True, kw_only=True):
    """``kid`` signs until ``retired_at`` (seconds since the epoch), then ``successor`` does."""

    kid: str
    retired_at: int
    successor: str
    notice: str


class WithdrawalDocument(Struct, frozen=True, kw_only=True):
    """The keys whose signatures no longer stand, and the one that signs now.

    ``guards`` says how it stands with them, where somebody waited for it; else it is null.
    """

    withdrawn: tuple[str, ...]
    successor: str
    notice: str
    guards: GuardsDocument | None = None


async def find(tx: Transaction, kid: str) -> KeyDocument:
    """Read one key.

    Raises:
        Failure: there is none.
    """
    for document in await documents(tx):
        if document.kid == kid:
            return document
    raise Failure(f"there is no key {kid}")


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
    retired_at = await rotation.retire(tx, kid, CLI)
    keys = await tx.signing_keys.every(Purpose(purpose))
    successor = signing_key(keys, retired_at)
    if successor is None:
        raise Failure(f"no key can take over from {kid}")
    notice, _ = await tx.notices.head()
    return TurnDocument(kid=kid, retired_at=retired_at, successor=successor.kid, notice=str(notice))


async def withdrawn(authority: Authority, kid: str, wait: int | None) -> WithdrawalDocument:
    """Withdraw a key in an emergency: nothing that it signed stands (S84).

    ``wait`` is for how many seconds to wait for the guards; ``None``: not at all.
    """

    async def work(tx: Transaction) -> tuple[list[str], str, Position]:
        purpose = Purpose((await find(tx, kid)).purpose)
        before = await _withdrawn_kids(tx, purpose)
        ending = await endings.carry_out(authority, tx, Target(Ends.KEY, kid), CLI)
        kids = [each for each in await _withdrawn_kids(tx, purpose) if each not in before]
        current = signing_key(await tx.signing_keys.every(purpose), tx.now)
        return kids, current.kid if current else "", ending.position

    kids, successor, position = await authority.store.transact(work)
    return WithdrawalDocument(
        withdrawn=tuple(kids),
        successor=successor,
        notice=str(position),
        guards=await guards_at(authority, position, wait),
    )


async def _withdrawn_kids(tx: Transaction, purpose: Purpose) -> list[str]:
    keys = await tx.signing_keys.every(purpose)
    return [key.kid for key in keys if key.withdrawn_at is not None]
