"""Spending the uses of limited tokens: from what is held, or else by asking the issuer (S54)."""

from collections.abc import Mapping

from msgspec.structs import replace

from counterfoil.guard.follower import Follower
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.token import Rejected, Token
from counterfoil.oauth.reasons import Reason


class Spender:
    """Counts for one guard."""

    def __init__(self, states: Mapping[str, IssuerState], follower: Follower) -> None:
        self._states = states
        self._follower = follower

    def spend_held(self, token: Token) -> Token | None:
        """Spend a use that is held here; ``None``: the issuer must be asked. No I/O."""
        uses = self._states[token.issuer].uses
        key = "" if uses is None else uses.spend(token.fingerprint)
        return replace(token, use=key) if key else None

    async def spend(self, token: Token) -> Token:
        """Spend a use of a limited token, last of all, when the request is let pass otherwise.

        Gives the token with its ``use``; one that is not limited as it is.

        Raises:
            Rejected: ``used_up``; ``uncounted`` where the issuer cannot be asked.
        """
        if token.max_uses is None:
            return token
        return self.spend_held(token) or _with(token, await self._follower.take_use(token))

    def spend_blocking(self, token: Token) -> Token:
        """Do as :meth:`spend`, and wait for the issuer; not for an event loop."""
        if token.max_uses is None:
            return token
        return self.spend_held(token) or _with(token, self._follower.take_use_blocking(token))

    def give_back(self, token: Token) -> None:
        """Give back the use of a request that was refused after all."""
        uses = self._states[token.issuer].uses
        if token.use and uses is not None:
            uses.hold(token.fingerprint, token.expires_at, token.use, 1)


def demand_counted(token: Token, counts: bool) -> Token:
    """Refuse a limited token where whoever checks it spends no use of it.

    Raises:
        Rejected: ``uncounted``.
    """
    if token.max_uses is not None and not counts:
        detail = "whoever checks a limited token must spend a use of it: counts=True"
        raise Rejected(Reason.UNCOUNTED, detail=detail, fingerprint=token.fingerprint)
    return token


def _with(token: Token, key: str | None) -> Token:
    if key is None:
        detail = "the guard is not started, or the issuer did not answer in time"
        raise Rejected(Reason.UNCOUNTED, detail=detail, fingerprint=token.fingerprint)
    return replace(token, use=key)
