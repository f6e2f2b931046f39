"""Filling a PostgreSQL database from a file that nobody uses, as when a backup is restored."""

from counterfoil.server.records.fence import Fence, FenceState
from counterfoil.server.storage.moving.copying import Ends, fill, prove
from counterfoil.server.storage.moving.ends import MoveRefused
from counterfoil.server.storage.moving.sums import Tell
from counterfoil.server.storage.moving.tables import shipped_tables


async def load(ends: Ends, fence: Fence, then: Fence, tell: Tell) -> None:
    """Fill the target, shut by ``fence`` until it is whole; ``then`` stands in its place.

    Half a load of the same name goes. What is loaded is drawn anew each time, so that half of
    it cannot be gone on with.

    Raises:
        MoveRefused: something else stands in the target.
        StoreUnavailable: one of them failed; the target stays shut.
    """
    target = ends.target
    await target.make_schema(fence.since)
    tables = shipped_tables()
    if not await target.is_empty(tables):
        stands = await target.fence()
        if stands is None or (stands.state, stands.move) != (FenceState.ARRIVING, fence.move):
            raise MoveRefused(f"{target.name} is not empty: make an empty database, and name that")
        await target.wipe(tables)
    await target.put_fence(fence)
    await fill(ends, tables, tell)
    await prove(ends, tables, tell)
    await target.put_fence(then)
