"""What a person says of themselves, changed by themselves; guards learn of it (S67)."""

import re
from typing import Final

from counterfoil.oauth.errors import invalid_request
from counterfoil.server.protocol import changed_data, events, revocation
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

LONGEST_NAME: Final = 100
_JOINERS: Final = re.compile("[\u200c\u200d]")
"""Persian, Indic scripts and emoji are spelt with them."""


def tidy_name(unverified: str) -> str | None:
    """Give a name on one line with single spaces; ``None`` where nothing is left.

    Raises:
        OAuthError: ``invalid_request``: it is too long, or holds what cannot be seen or turns the
            text around.
    """
    name = " ".join(unverified.split())
    if len(name) > LONGEST_NAME:
        raise invalid_request(f"A name has at most {LONGEST_NAME} characters.")
    if not _JOINERS.sub("", name).isprintable():
        raise invalid_request("A name holds only characters that can be seen.")
    return name if _JOINERS.sub("", name) else None


async def change_name(tx: Transaction, user_id: str, name: str | None, by: Actor) -> Ending:
    """Change the name that apps may be told, and let guards drop the one before.

    The same name changes nothing, and nobody is told. Gives the receipt.
    """
    if not await tx.users.rename(user_id, name):
        return await revocation.nothing_ended(tx)
    return await changed_data.tell(tx, user_id, by)


async def vouch_for_email(tx: Transaction, user: User, by: Actor) -> Ending:
    """Take an administrator's word that the address is the person's; guards learn of it."""
    await tx.users.verify_email(user.id, user.email, tx.now)
    await events.record(tx, EventKind.EMAIL_VERIFIED, by, user.id)
    return await changed_data.tell(tx, user.id, by)
