"""What a person says of themselves, changed by themselves; guards learn of it (S67)."""

import re
from typing import Final

from msgspec import Struct

from counterfoil.oauth.errors import invalid_request
from counterfoil.server.protocol import changed_data, events, revocation
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.language import LANGUAGES
from counterfoil.server.records.sentence import say
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
        raise invalid_request(say("A name has at most {longest} characters.", longest=LONGEST_NAME))
    if not _JOINERS.sub("", name).isprintable():
        raise invalid_request("A name holds only characters that can be seen.")
    return name if _JOINERS.sub("", name) else None


class Profile(Struct, frozen=True):
    """What apps may be told under the scope ``profile``; "": no language is chosen."""

    name: str | None
    language: str


def known_language(unverified: str) -> str:
    """Give one of our languages, or "" for none.

    Raises:
        OAuthError: ``invalid_request``: there is no such language here.
    """
    if unverified and unverified not in LANGUAGES:
        raise invalid_request("This server does not speak that language.")
    return unverified


async def change(tx: Transaction, user_id: str, profile: Profile, by: Actor) -> Ending:
    """Change what apps may be told, and let guards drop what they were told before.

    The same again changes nothing, and nobody is told. Gives the receipt.
    """
    renamed = await tx.users.rename(user_id, profile.name)
    if not (await tx.users.set_language(user_id, profile.language) or renamed):
        return await revocation.nothing_ended(tx)
    return await changed_data.tell(tx, user_id, by)


async def vouch_for_email(tx: Transaction, user: User, by: Actor) -> Ending:
    """Note that the address is the person's, as an administrator says, or a code shows; guards
    learn of it.
    """
    await tx.users.verify_email(user.id, user.email, tx.now)
    await events.record(tx, EventKind.EMAIL_VERIFIED, by, user.id)
    return await changed_data.tell(tx, user.id, by)
