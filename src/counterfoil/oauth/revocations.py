"""What is dead: notices, and the set that guards and the server hold them in. Pure.

Handles and generations decide, never a clock: a token minted from a stale read is dead already.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.oauth.dead_handles import DeadHandles
from counterfoil.oauth.reasons import Reason


class Ended(StrEnum):
    """What a notice is about."""

    TOKEN = "token"
    FAMILY = "family"
    CLIENT = "client"
    API = "api"
    KEY = "key"
    KEYS_CHANGED = "keys_changed"
    DATA_CHANGED = "data_changed"
    """Nothing has ended: what is known of the person behind a family is out of date."""


ABOUT_KEYS: Final = frozenset({Ended.KEY, Ended.KEYS_CHANGED})
"""Whoever holds keys asks for them anew."""


class Notice(Struct, frozen=True, omit_defaults=True):
    """One thing that guards must know.

    ``name`` is a ``jti``, a family's handle, a ``client_id``, an API's resource identifier or a
    ``kid``. Generations of a client or API below ``generation`` are dead or, where ``max_age`` is
    given, live no longer than so many seconds from their ``iat`` (S26). The notice may be
    forgotten at ``until`` (seconds since the epoch), when the last token it concerns has expired.
    """

    kind: Ended
    name: str
    until: int
    generation: int = 0
    max_age: int = 0

    def text(self) -> bytes:
        """Spell the notice. These exact bytes are stored, sent and chained."""
        return msgspec.json.encode(self)


def notice_from(text: bytes | str) -> Notice:
    """Read a notice back.

    Raises:
        msgspec.DecodeError: where the text is no notice.
    """
    return msgspec.json.decode(text, type=Notice)


class Marks(Struct, frozen=True):
    """The marks on a token by which it can be ended. ``family`` is empty without a user.

    ``parents``: those of the tokens that it was exchanged for (RFC 8693); it ends with any of them.
    """

    jti: str
    family: str
    client_id: str
    client_generation: int
    audience: str
    api_generation: int
    kid: str
    issued_at: int = 0
    parents: tuple["Marks", ...] = ()


class _Limit(Struct, frozen=True):
    """Generations below this one are dead, or live ``max_age`` seconds where that is not 0."""

    generation: int
    max_age: int
    until: int

    def says_all_of(self, other: "_Limit") -> bool:
        return (
            self.generation >= other.generation
            and self.max_age <= other.max_age
            and self.until >= other.until
        )

    def rejects(self, generation: int, issued_at: int, now: float) -> Reason | None:
        if generation >= self.generation:
            return None
        if not self.max_age:
            return Reason.REVOKED
        return Reason.EXPIRED if now >= issued_at + self.max_age else None

    def expiry(self, generation: int, issued_at: int, exp: int) -> int:
        if generation >= self.generation or not self.max_age:
            return exp
        return min(exp, issued_at + self.max_age)


class RevocationSet:
    """All that is dead and whose tokens may still be about. It grows with live notices only.

    A handle once dead stays dead until its notice may be forgotten; generations only rise.
    Applying notices twice, or in another order, gives the same set.
    """

    def __init__(self) -> None:
        self._tokens = DeadHandles()
        self._families = DeadHandles()
        self._keys: dict[str, int] = {}
        self._clients: dict[str, tuple[_Limit, ...]] = {}
        self._apis: dict[str, tuple[_Limit, ...]] = {}

    def __len__(self) -> int:
        handles = len(self._tokens) + len(self._families) + len(self._keys)
        limits = [*self._clients.values(), *self._apis.values()]
        return handles + sum(len(each) for each in limits)

    def apply(self, notice: Notice) -> None:
        """Take in a notice."""
        match notice.kind:
            case Ended.TOKEN:
                self._tokens.add(notice.name, notice.until)
            case Ended.FAMILY:
                self._families.add(notice.name, notice.until)
            case Ended.KEY:
                _keep(self._keys, notice)
            case Ended.CLIENT:
                _limit(self._clients, notice.name, _limit_in(notice))
            case Ended.API:
                _limit(self._apis, notice.name, _limit_in(notice))
            case Ended.KEYS_CHANGED | Ended.DATA_CHANGED:
                pass

    def end_tokens(self, names: Iterable[tuple[str, int]]) -> None:
        """Take in tokens, each with its ``until``, as so many notices."""
        for name, until in names:
            self._tokens.add(name, until)

    def end_families(self, names: Iterable[tuple[str, int]]) -> None:
        """Take in families, each with its ``until``, as so many notices."""
        for name, until in names:
            self._families.add(name, until)

    def update(self, others: "RevocationSet") -> None:
        """Take in all that others hold."""
        self._tokens.update(others._tokens)
        self._families.update(others._families)
        for name, until in others._keys.items():
            self._keys[name] = max(until, self._keys.get(name, 0))
        for ours, theirs in ((self._clients, others._clients), (self._apis, others._apis)):
            for name, limits in theirs.items():
                for limit in limits:
                    _limit(ours, name, limit)

    def rejects(self, marks: Marks, now: float) -> Reason | None:
        """Say why a token with these marks is dead, or ``None`` where nothing has ended it.

        ``now`` (seconds since the epoch) is asked only where a lifetime was shortened.
        """
        if self._tokens.holds(marks.jti) or self._families.holds(marks.family):
            return Reason.REVOKED
        if marks.kid in self._keys:
            return Reason.KEY_RETIRED
        if self._clients or self._apis:
            reason = self._rejects_generations(marks, now)
            if reason is not None:
                return reason
        for parent in marks.parents:
            reason = self.rejects(parent, now)
            if reason is not None:
                return reason
        return None

    def _rejects_generations(self, marks: Marks, now: float) -> Reason | None:
        for limit in self._clients.get(marks.client_id, ()):
            reason = limit.rejects(marks.client_generation, marks.issued_at, now)
            if reason is not None:
                return reason
        for limit in self._apis.get(marks.audience, ()):
            reason = limit.rejects(marks.api_generation, marks.issued_at, now)
            if reason is not None:
                return reason
        return None

    def expiry_of(self, marks: Marks, exp: int) -> int:
        """Say when a token with these marks expires that says of itself ``exp`` (S26)."""
        for limit in self._clients.get(marks.client_id, ()):
            exp = limit.expiry(marks.client_generation, marks.issued_at, exp)
        for limit in self._apis.get(marks.audience, ()):
            exp = limit.expiry(marks.api_generation, marks.issued_at, exp)
        for parent in marks.parents:
            exp = self.expiry_of(parent, exp)
        return exp

    def forget(self, now: int) -> None:
        """Drop what no living token can carry any more (S41)."""
        self._tokens.forget(now)
        self._families.forget(now)
        for kid in [kid for kid, until in self._keys.items() if until <= now]:
            del self._keys[kid]
        for limits in (self._clients, self._apis):
            for name, every in list(limits.items()):
                left = tuple(limit for limit in every if limit.until > now)
                if left:
                    limits[name] = left
                else:
                    del limits[name]


def _keep(handles: dict[str, int], notice: Notice) -> None:
    handles[notice.name] = max(notice.until, handles.get(notice.name, 0))


def _limit_in(notice: Notice) -> _Limit:
    return _Limit(notice.generation, notice.max_age, notice.until)


def _limit(limits: dict[str, tuple[_Limit, ...]], name: str, new: _Limit) -> None:
    held = limits.get(name, ())
    if any(limit.says_all_of(new) for limit in held):
        return
    kept = [limit for limit in held if not new.says_all_of(limit)]
    # In order, so that the answer does not depend on how the notices came: the hardest first.
    limits[name] = tuple(sorted((*kept, new), key=_hardness))


def _hardness(limit: _Limit) -> tuple[int, int]:
    return limit.max_age, limit.generation
