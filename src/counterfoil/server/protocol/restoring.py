"""Beginning anew from records that do not know what has happened since: nothing comes back.

What was ended, spent or withdrawn since then is not known, so everything ends that may have been.
"""

from typing import Final

from msgspec import Struct

from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.keys.rotation import Rotation
from counterfoil.server.protocol import events
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.records.beginnings import Begun
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.family import SKEW
from counterfoil.server.records.signing_key import MOST_LIFETIME
from counterfoil.server.records.store import Transaction

_CHANCE_BITS: Final = 20
_CHANCE_BYTES: Final = 3


class Cause(Struct, frozen=True):
    """Why it begins anew: the event, the word in what ends, and what the event tells besides."""

    kind: EventKind
    word: str
    detail: dict[str, str]


class Beginning(Struct, frozen=True):
    """What ended, which keys were withdrawn, and the epoch that begins."""

    begun: Begun
    keys: int
    epoch: str


async def begin_anew(tx: Transaction, rotation: Rotation, issuer: str, cause: Cause) -> Beginning:
    """End all that may have ended since these records stood, in one transaction.

    Sessions, grants, families and codes end; every signing key is withdrawn; every client and API
    has another generation than it can have drawn meanwhile; and the feed begins a new epoch, in
    which all of that stands.
    """
    epoch = new_handle(tx)
    await tx.beginnings.begin_epoch(epoch)
    begun = await tx.beginnings.end_everything(tx.now, cause.word)
    await tx.beginnings.raise_generations(generation_after(tx.now, tx.random(_CHANCE_BYTES)))
    # What was issued since may live as long as any setting lets a token live.
    until = tx.now + MOST_LIFETIME + SKEW
    await tx.notices.append(await _generations(tx, issuer, until))
    keys = await rotation.withdraw_every(tx, CLI, until)
    counts = {name: str(getattr(begun, name)) for name in begun.__struct_fields__}
    await events.record(tx, cause.kind, CLI, epoch, {**cause.detail, **counts})
    return Beginning(begun, len(keys), epoch)


def generation_after(now: int, chance: bytes) -> int:
    """Give a generation that nothing drew before ``now``, in seconds: one was drawn at a time.

    It grows with the time, so that a later beginning stands above every earlier one, by far more
    than are drawn one by one in between; and stays below 2**53, which JSON carries everywhere.
    """
    return (now << _CHANCE_BITS) + (int.from_bytes(chance) & ((1 << _CHANCE_BITS) - 1))


async def _generations(tx: Transaction, issuer: str, until: int) -> list[Notice]:
    """Tell of every generation, so that a token dies too whose key these records do not know."""
    notices = [
        Notice(Ended.CLIENT, client.client_id, until, client.generation)
        for client in await tx.clients.every()
    ]
    notices += [Notice(Ended.API, api.uri, until, api.generation) for api in await tx.apis.every()]
    userinfo = await tx.default_lifetimes.find()
    if userinfo is not None:
        notices.append(Notice(Ended.API, issuer, until, userinfo.generation))
    return notices
