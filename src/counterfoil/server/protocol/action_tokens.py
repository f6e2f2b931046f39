"""Action tokens: a link that lets whoever was sent it do one thing, once (S72).

Only a form that is sent spends one. Who looks at the page, be it a scanner of links, spends none.
"""

from typing import Final

from msgspec import Struct

from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.server.records.action_token import Action, ActionToken
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User

HANDED_OVER: Final = "handed over"
"""What a link carries that a command printed. It went through no mailbox, and proves no address."""


class Opened(Struct, frozen=True):
    """A token that is good, and whose it is."""

    token: ActionToken
    user: User

    @property
    def by_mail(self) -> bool:
        """Whether it was sent to the address of the account: whoever has it reads the mail."""
        return self.token.carries != HANDED_OVER


async def make(
    tx: Transaction, user: User, action: Action, lifetime: int, carries: str = ""
) -> Secret:
    """Make a token for ``lifetime`` seconds; the last one for the same action ends with that."""
    secret = spell(Kind.ACTION_TOKEN, tx.random(SECRET_BYTES))
    await tx.action_tokens.put(
        ActionToken(
            user_id=user.id,
            action=action,
            digest=secret.fingerprint(),
            email=user.email,
            expires_at=tx.now + lifetime,
            carries=carries,
        )
    )
    return secret


async def look(tx: Transaction, secret: Secret, action: Action) -> Opened | None:
    """Say what a token would do, and spend nothing; ``None`` where it is not good."""
    token = await tx.action_tokens.find(secret.fingerprint(), action, tx.now)
    return await _opened(tx, token)


async def spend(tx: Transaction, secret: Secret, action: Action) -> Opened | None:
    """Spend a token; ``None`` where it is not good, or is not any more."""
    token = await tx.action_tokens.take(secret.fingerprint(), action, tx.now)
    return await _opened(tx, token)


async def _opened(tx: Transaction, token: ActionToken | None) -> Opened | None:
    """Demand that the account still is what the token speaks of."""
    user = await tx.users.find(token.user_id) if token is not None else None
    if token is None or user is None or not user.is_enabled or user.email != token.email:
        return None
    return Opened(token, user)
