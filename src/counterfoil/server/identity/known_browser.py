"""A browser that signed in to an account before passes its pause (ASVS V6.1.1, V6.3.1).

So nobody keeps the owner out by guessing. It says so by a sealed cookie and costs no row; how often
it passes is counted, so that a stolen cookie is no way around the pause.
"""

import hashlib
import hmac
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.server.keys.sealed_text import opened_text, sealed_text
from counterfoil.server.keys.sealing import NotSealed, Sealing
from counterfoil.server.records.session import Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.settings import Settings

LIFETIME: Final = 90 * 24 * 60 * 60
"""Seconds after a sign-in for which its browser is known."""
_MOST: Final = 5
"""So many accounts a browser is known to; the longest ago is forgotten first."""
_HOUR: Final = 60 * 60
_CONTEXT: Final = "known browser"


class Acquaintance(Struct, frozen=True):
    """An account that was signed in to, when, and under which password: with another it is over.

    Who has no password is known until they say that somebody was not them. ``id`` is random: under
    it the tries are counted.
    """

    id: str
    user_id: str
    generation: str
    at: int


def generation_of(user: User) -> str:
    """Name what a person is known under, and tell nothing of it: their password, by its salted
    hash, and how often they have said, having none to change, that somebody was not them.
    """
    # A password that was ended has a name too, which stays: so the count stands beside it.
    named = [user.password_hash or "", *([str(user.intrusions)] if user.intrusions else [])]
    return hashlib.sha256(" ".join(named).encode()).hexdigest()


class KnownBrowser(Struct, frozen=True):
    """What the cookie says: the accounts to which its browser is known, the latest first."""

    accounts: tuple[Acquaintance, ...] = ()

    def with_account(self, new: Acquaintance) -> "KnownBrowser":
        """Give it as it is after a sign-in; older copies of the cookie share its tries."""
        before = next((each for each in self.accounts if each.user_id == new.user_id), new)
        new = replace(new, id=before.id)
        others = (each for each in self.accounts if each.user_id != new.user_id)
        return KnownBrowser((new, *others)[:_MOST])

    def at(self, user: User, now: int) -> Acquaintance | None:
        """Give what makes the browser known to a person, as they are now."""
        generation = generation_of(user)
        for each in self.accounts:
            if each.user_id == user.id and hmac.compare_digest(each.generation, generation):
                return each if each.at <= now < each.at + LIFETIME else None
        return None


NOWHERE: Final = KnownBrowser()


def seal(sealing: Sealing, browser: KnownBrowser) -> str:
    """Seal for the cookie."""
    return sealed_text(sealing, browser, _CONTEXT)


def unseal(sealing: Sealing, unverified: str | None) -> KnownBrowser:
    """Open what ``seal`` made; what is not ours makes no browser known."""
    try:
        return opened_text(sealing, unverified or "", _CONTEXT, KnownBrowser)
    except NotSealed:
        return NOWHERE


async def may_try(tx: Transaction, settings: Settings, browser: KnownBrowser, user: User) -> bool:
    """Whether a password is looked at: there is no pause, or the browser passes it once more.

    It spends one of ``known_browser_tries`` of this hour where there is a pause. To be called in a
    transaction that commits.
    """
    if user.locked_until <= tx.now:
        return True
    known = browser.at(user, tx.now)
    if known is None:
        return False
    return await take_try(tx, settings.known_browser_tries, f"{_CONTEXT} {known.id}", _HOUR)


async def take_try(tx: Transaction, most: int, whose: str, span: int) -> bool:
    """Spend one of so many in a span of time (seconds); ``False``: none is left."""
    turn = tx.now // span
    for number in range(most):
        name = hashlib.sha256(f"{whose} {turn} {number}".encode()).digest()
        if await tx.proofs.take(name, (turn + 1) * span):
            return True
    return False


def is_known(browser: KnownBrowser, current: Session | None, user: User, now: int) -> bool:
    """Whether somebody has signed in to this account in that browser before, or is still."""
    is_theirs = current is not None and current.user_id == user.id
    return is_theirs or browser.at(user, now) is not None
