"""Telling guards that what they know of a person is out of date (S67).

The notices name the handles of the person's families, as those of endings do: so they reach every
guard, and tell nobody who it is.
"""

from typing import Final

from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.protocol import events
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction

TOLD_FOR: Final = 3600
"""Seconds for which the notices are kept. A guard that was away for longer takes a snapshot, and
then it drops everything that it had loaded."""


async def tell(tx: Transaction, user_id: str, by: Actor) -> Ending:
    """Let every guard drop what it has loaded of a person. Nothing ends; gives the receipt."""
    until = tx.now + TOLD_FOR
    families = await tx.families.live_of_user(user_id)
    await events.record(tx, EventKind.USER_DATA_CHANGED, by, user_id)
    position = await tx.notices.append(
        [Notice(Ended.DATA_CHANGED, family.id, until) for family in families]
    )
    return Ending(0, 0, position, ended=False)
