"""End dates of grants: a permission that was given until a day ends on that day (S13)."""

from typing import Final

from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.events import Actor
from counterfoil.server.records.event import JANITOR, EventKind
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.store import Transaction

_AT_ONCE: Final = 100


async def end_due(tx: Transaction) -> int:
    """End some grants whose end date has come, with all under them; says how many."""
    due = await tx.grants.due(_AT_ONCE)
    for grant in due:
        await revocation.end_grant(tx, grant.id, JANITOR)
    return len(due)


async def limit_grant(tx: Transaction, grant: Grant, ends_at: int | None, by: Actor) -> int:
    """Give a grant another end date, or none; says how many families ended because of it.

    What was issued under it and lives longer than that ends at once.
    """
    if not await tx.grants.limit(grant.id, ends_at, tx.now):
        return 0
    until = "never" if ends_at is None else str(ends_at)
    detail = {"until": until, "client_id": grant.client_id, "user_id": grant.user_id}
    await events.record(tx, EventKind.GRANT_LIMITED, by, grant.id, detail)
    return await end_beyond(tx, grant.id, ends_at, by)


async def end_beyond(tx: Transaction, grant_id: str, ends_at: int | None, by: Actor) -> int:
    """End the families of a grant of which an access token outlives its end date."""
    ended = 0
    for family in await tx.families.live_of_grant(grant_id):
        if ends_at is not None and family.access_expires_at > ends_at:
            ended += (await revocation.end_family(tx, family.id, "beyond_end_date", by)).families
    return ended
