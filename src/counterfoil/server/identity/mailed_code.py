"""A code by mail: digits that are good once, for minutes, in the place where they were asked for.

It is no second factor (ASVS V6.3.6), for the mailbox resets the password too. What is kept is a MAC
under a key of the server, over the person and the half sign-in, or session, that asked (V6.6.2).
"""

import hmac
from enum import Enum, auto
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.server.identity.known_browser import take_try
from counterfoil.server.identity.second_factor import Guess, is_guessed
from counterfoil.server.identity.security_letters import language_for
from counterfoil.server.mail.posting import post
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.records.action_token import Action, ActionToken
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.letter import Letter, LetterKind
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

LIFETIME: Final = 10 * 60
"""Seconds for which a code is good at the most."""
DIGITS: Final = 8
_BYTES: Final = 16
_HOUR: Final = 60 * 60
_MINUTE: Final = 60


class Asked(Struct, frozen=True):
    """Somebody asks for a code: the half sign-in or session where it is good, and until when.

    ``language``: what their browser reads. ``browser_known``: they signed in there before.
    """

    holder: str
    until: int
    language: str = ""
    browser_known: bool = False


class Sent(Enum):
    """What came of asking for a code."""

    SENT = auto()
    OFTEN = auto()
    """So many were sent in this hour that no more are."""
    BUSY = auto()
    """Too many letters of all people wait."""
    OVER = auto()
    """Nobody is there who could have one sent."""


async def send(
    authority: Authority, tx: Transaction, user: User, asked: tuple[Asked, Actor]
) -> Sent:
    """Send a person a new code; the one before ends with that, wherever it was asked for."""
    (asking, by), settings = asked, authority.settings
    if await tx.outbox.is_full(settings.mail_most):
        return Sent.BUSY
    # Whoever has learned the password does not use up what the owner's own browsers may ask for.
    whose = f"mailed codes of {user.id}{' known' if asking.browser_known else ''}"
    if not await take_try(tx, settings.mailed_codes_per_hour, whose, _HOUR):
        return Sent.OFTEN
    code, until = drawn(tx), min(asking.until, tx.now + LIFETIME)
    await tx.action_tokens.put(
        ActionToken(
            user_id=user.id,
            action=Action.MAILED_CODE,
            digest=_digest_of(authority, user, asking.holder, code),
            email=user.email,
            expires_at=until,
        )
    )
    await events.record(tx, EventKind.MAILED_CODE_SENT, by, user.id)
    language = language_for(settings, user, asking.language)
    await _post(authority, tx, user, (code, until, language))
    return Sent.SENT


async def _post(
    authority: Authority, tx: Transaction, user: User, what: tuple[str, int, str]
) -> None:
    code, until, language = what
    letter = Letter(
        id=new_handle(tx),
        kind=LetterKind.MAILED_CODE,
        to=user.email,
        language=language,
        written_at=tx.now,
        values={
            "code": f"{code[: DIGITS // 2]} {code[DIGITS // 2 :]}",
            "minutes": str(max(1, (until - tx.now) // _MINUTE)),
            "link": f"{authority.issuer}/account/password",
        },
    )
    await post(tx, authority.letters, letter, until - tx.now)


async def spend(
    authority: Authority, tx: Transaction, guess: Guess, holder: str, by: Actor
) -> bool:
    """Use a code up; ``False``, which is told: it is wrong, over, of another place, or too many
    were tried.

    One of an address that the person has no more is over. A right one forgives no wrong code of an
    app: else whoever reads the mail could guess at that for ever.
    """
    user = guess.user
    has_app = await tx.second_factors.authenticator(user.id) is not None

    async def take(typed: str) -> bool:
        if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
            return False
        digest = _digest_of(authority, user, holder, typed)
        kept = await tx.action_tokens.take(digest, Action.MAILED_CODE, tx.now)
        return kept is not None and (kept.user_id, kept.email) == (user.id, user.email)

    right = await is_guessed(authority, tx, replace(guess, clears=not has_app), take)
    if not right:
        detail = {"at": events.MAILED_CODE}
        await events.record(tx, EventKind.SECOND_FACTOR_FAILED, by, user.id, detail)
    return right


def drawn(tx: Transaction) -> str:
    """Draw a code."""
    number = int.from_bytes(tx.random(_BYTES), "big") % 10**DIGITS
    return str(number).zfill(DIGITS)


def _digest_of(authority: Authority, user: User, holder: str, code: str) -> bytes:
    """Give what is kept of a code: at another place, or of another person, it is another."""
    text = f"{user.id} {holder} {code}"
    return hmac.digest(authority.keys.mailed_codes, text.encode(), "sha256")
