"""Deleting an account: everything ends, and what names the person is removed (decision 0047).

At once and for good. The id is random and given to nobody again; the e-mail may be registered anew,
and inherits nothing.
"""

from counterfoil.oauth.errors import OAuthError, invalid_request
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.consequences import Cause
from counterfoil.server.protocol.erasure import erase_from_log
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.event import SERVER, EventKind
from counterfoil.server.records.store import Transaction


async def demand_deletable(tx: Transaction, user_id: str) -> None:
    """Demand that somebody can still administer the server afterwards.

    Raises:
        OAuthError: ``invalid_request``: this is the last administrator, or there is no such person.
    """
    user = await tx.users.find(user_id)
    if user is None:
        raise invalid_request("There is no such user.")
    if user.is_admin and not await tx.users.is_another_administrator_than(user_id):
        raise _last()


def _last() -> OAuthError:
    return invalid_request(
        "This is the last administrator. Make another person one first, or nobody could "
        "administer this server."
    )


async def delete_account(tx: Transaction, user_id: str, by: Actor) -> Ending:
    """End everything of a person, erase them from the log, and remove what is kept of them.

    The events of it are written, and name nobody: who deletes themselves is not named by that. What
    hangs by a token alone leaves when that has expired, as always. Gives the receipt.

    Raises:
        OAuthError: ``invalid_request``: see ``demand_deletable``.
    """
    await demand_deletable(tx, user_id)
    for grant in await tx.grants.of_user(user_id):
        await tx.grants.end(grant.id, tx.now)
    await events.record(tx, EventKind.USER_DELETED, by, user_id)
    ending = await revocation.follow(tx, Cause.USER_DELETED, user_id, by)
    await erase_from_log(tx, user_id, SERVER if by.name == f"user:{user_id}" else by)
    await tx.users.remove(user_id)
    return ending
