"""Personal tokens at an API: asked about once in a while, and ended by notices in between (S11)."""

from collections.abc import Callable, Mapping
from hashlib import sha256

from msgspec import Struct

from counterfoil.guard.judgement import Where, demand_place, refuse_dead
from counterfoil.guard.token import Token, Undecided
from counterfoil.guard.token_cache import Verified
from counterfoil.guard.verification import Verification
from counterfoil.oauth.binding import Proved
from counterfoil.oauth.feed import Position
from counterfoil.oauth.personal_token import KEPT_SECONDS


class Beside(Struct, frozen=True):
    """What came beside a token: what was proved, a receipt, and which request it was."""

    proved: Proved
    at_least: Position | None
    where: Where | None


class _Kept(Struct, frozen=True, gc=False):
    """What an issuer has said of a token, and until when that counts."""

    verified: Verified
    until: float


class PersonalTokens:
    """Keeps what issuers have said of personal tokens; no I/O. Threads may share it.

    ``most``: how many are kept; when there are more, those that were kept first are asked about
    anew. ``clock`` gives seconds since the epoch.
    """

    def __init__(self, verification: Verification, clock: Callable[[], float], most: int) -> None:
        self._verification = verification
        self._clock = clock
        self._half = max(1, most // 2)
        self._young: dict[bytes, _Kept] = {}
        self._old: dict[bytes, _Kept] = {}

    def check(self, digest: bytes, unverified: str, beside: Beside) -> Token:
        """Decide about a token by what is kept of it.

        Raises:
            Rejected: with the reason.
            Undecided: where nothing is kept, or what is kept cannot be gone by now.
        """
        kept, now = self._young.get(digest) or self._old.get(digest), self._clock()
        if kept is not None and now < kept.until:
            verified = kept.verified
            demand_place(verified, beside.where)
            refuse_dead(verified, beside.proved, now)
            if _is_heard(verified, beside.at_least, now):
                return verified.token
        where = beside.where
        address = "" if where is None else where().address
        raise self._verification.referred(unverified, address)

    def told(
        self, unverified: str, undecided: Undecided, answer: Mapping[str, object], beside: Beside
    ) -> Token:
        """Decide by what the issuer has just said, and keep that.

        Raises:
            Rejected: with the reason.
        """
        verified, now = self._verification.told_personal(undecided.issuer, answer), self._clock()
        young = self._young
        young[sha256(unverified.encode()).digest()] = _Kept(verified, now + KEPT_SECONDS)
        if len(young) > self._half:
            self._old, self._young = young, {}
        demand_place(verified, beside.where)
        refuse_dead(verified, beside.proved, now)
        return verified.token


def _is_heard(verified: Verified, at_least: Position | None, now: float) -> bool:
    """Whether all endings are known up to now, or up to the receipt of one."""
    notices = verified.state.notices
    if at_least is not None and not notices.has_proved(at_least):
        return False
    return now <= notices.fresh_at + verified.state.tolerance
