"""How it stands with the guards after somebody has waited for a receipt, as JSON. Stable."""

import math

from msgspec import Struct

from counterfoil.oauth.feed import Position
from counterfoil.server.protocol.waiting import Acknowledged
from counterfoil.server.records.guards import GuardLine


class GuardBehind(Struct, frozen=True, kw_only=True):
    """A guard that has not acknowledged. Times in seconds since the epoch.

    ``client_id`` is what its credentials proved; null for an anonymous one. ``acknowledged`` is
    the receipt that it acknowledged last. If it hears nothing more, then from
    ``policy_bites_at`` on, at the latest, it does what ``then`` says: ``reject`` every token,
    ``introspect`` each, or ``reject`` them after having been told to ``accept`` for a while.
    """

    client_id: str | None
    address: str
    acknowledged: str | None
    then: str
    policy_bites_at: int | None


class GuardsDocument(Struct, frozen=True, kw_only=True):
    """``reached``: every guard has acknowledged, and none is missing.

    ``known`` have proved who they are, ``anonymous`` have not; ``others`` follow without saying
    that they are guards, and nobody waits for them. ``behind`` are connected; ``lost`` are guards
    whose lines broke and that have not come back: they decide on what they knew until their policy
    bites. ``not_named`` are behind too, but are not listed: they are too many, or their server
    process has not answered. ``carried``: NATS carries the notices, or did within a day; guards
    that follow there are among none of these, and nobody can wait for them.
    """

    reached: bool
    known: int
    anonymous: int
    others: int
    behind: tuple[GuardBehind, ...]
    lost: tuple[GuardBehind, ...]
    not_named: int
    carried: bool


def document_of(standing: Acknowledged, position: Position) -> GuardsDocument:
    """Give the document of a wait for ``position``."""
    return GuardsDocument(
        reached=standing.reached,
        known=standing.known,
        anonymous=standing.anonymous,
        others=standing.others,
        behind=tuple(_behind(line, position.epoch) for line in standing.behind),
        lost=tuple(_behind(line, position.epoch) for line in standing.lost),
        not_named=standing.uncounted,
        carried=standing.carried,
    )


def _behind(line: GuardLine, epoch: str) -> GuardBehind:
    return GuardBehind(
        client_id=line.client_id or None,
        address=line.address,
        acknowledged=str(Position(epoch, line.acknowledged)) if line.acknowledged >= 0 else None,
        then=line.then,
        policy_bites_at=None if line.bites_at is None else math.ceil(line.bites_at),
    )
