"""Spending what is counted of tokens: their uses (S54), and what they do (S15)."""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec.structs import replace

from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.token import Rejected, Token
from counterfoil.oauth.allowances import WantedAct
from counterfoil.oauth.limits import Act
from counterfoil.oauth.reasons import Reason

if TYPE_CHECKING:
    from counterfoil.guard.follower import Follower


class Spender:
    """Counts for one guard. ``clock`` gives seconds since the epoch."""

    def __init__(
        self, states: Mapping[str, IssuerState], follower: "Follower", clock: Callable[[], float]
    ) -> None:
        self._states = states
        self._follower = follower
        self._clock = clock

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

    async def act(self, token: Token, act: Act, key: str = "") -> None:
        """Demand that the token may do this, and count it: last of all, before it is done.

        A token without limits may do it; where nothing is counted, nobody is asked.

        Args:
            token: with which it is done.
            act: what is about to be done.
            key: the app's own name for this transaction, of any length. Asked for again under it,
                the same is granted again and counted once: so an app that tries again carries it
                out once. Empty: one is drawn, and every call counts.

        Raises:
            Rejected: ``beyond_limit``: also where the key stands for another amount;
                ``uncounted`` where the issuer cannot be asked: it must not be done.
        """
        wanted = self._wanted(token, act, key)
        if wanted is not None and not await self._follower.act(token.issuer, wanted):
            raise _uncounted(token)

    def act_blocking(self, token: Token, act: Act, key: str = "") -> None:
        """Do as :meth:`act`, and wait for the issuer; not for an event loop."""
        wanted = self._wanted(token, act, key)
        if wanted is not None and not self._follower.act_blocking(token.issuer, wanted):
            raise _uncounted(token)

    def _wanted(self, token: Token, act: Act, key: str) -> WantedAct | None:
        limit = token.limit_for(act, self._clock())
        if limit is None or not limit.is_counted or not isinstance(act.amount, int):
            return None
        named = _name_of(key) if key else ""
        return WantedAct(token.fingerprint, act.action, act.unit, named, act.amount)

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
        raise _uncounted(token)
    return replace(token, use=key)


def _uncounted(token: Token) -> Rejected:
    detail = "the guard is not started, or the issuer did not answer in time"
    return Rejected(Reason.UNCOUNTED, detail=detail, fingerprint=token.fingerprint)


def _name_of(key: str) -> str:
    """Give a key the form that the issuer takes, and tell it nothing of what it says."""
    return urlsafe_b64encode(sha256(key.encode()).digest()).rstrip(b"=").decode()
