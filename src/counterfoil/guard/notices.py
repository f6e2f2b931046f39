"""What one guard knows of one issuer's notices, and how fresh that is. Pure.

What a signed head or snapshot has proved is kept until it expires. What was only heard counts at
once, is proved by the next head, and lapses where a later one does not know it: so whoever stands
on the line can neither suppress a notice unnoticed nor invent one that lasts.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.oauth.feed import Head, Position, next_digest
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import ABOUT_KEYS, Marks, Notice, RevocationSet, notice_from
from counterfoil.oauth.snapshot import Snapshot, SnapshotPages

SKEW: Final = 10.0
"""Seconds by which the issuer's clock may be ahead of ours, or ours of the issuer's."""
DIGESTS_KEPT: Final = 1000
"""How many numbers back a head may lag and still count."""

MAX_UNPROVEN: Final = 100_000
"""How many lines without a signed head are listened to."""


class Verdict(Enum):
    """What the follower must do now."""

    GO_ON = auto()
    RESUME = auto()
    """Lines are missing or not true: connect again from the number that is held."""
    TAKE_SNAPSHOT = auto()
    """The line cannot be trusted, or goes on elsewhere: begin anew from a snapshot."""


class _Heard(Struct, frozen=True):
    number: int | None
    heard_at: float
    notice: Notice


class Notices:
    """Notices of one issuer as they come in. Only the follower writes; checks only read.

    ``listeners`` are called with each notice that is heard, and with ``None`` after a snapshot, for
    then more may have ended than is said one by one.

    ``fresh_at`` is the time (the issuer's, signed) up to which everything that was ended is held.
    """

    def __init__(self, iss: str) -> None:
        self.fresh_at = float("-inf")
        self.keys_changed = False
        self.listeners: list[Callable[[Notice | None], None]] = []
        self._iss = iss
        self._proven = RevocationSet()
        self._proven_number = -1
        self._proven_digest = ""
        self._unproven: list[_Heard] = []
        self._heard: RevocationSet | None = None
        self._at: Position | None = None
        self._digests: dict[int, str] = {}
        self._ahead = False
        self._went_back = False

    @property
    def position(self) -> Position | None:
        """Up to where notices are held; ``None`` before the first snapshot."""
        return self._at

    @property
    def proven_number(self) -> int:
        """Up to where a head or a snapshot has proved them; -1 before the first snapshot."""
        return self._proven_number

    @property
    def proven(self) -> Position | None:
        """The position up to which notices are proved; ``None`` before the first snapshot."""
        return None if self._at is None else Position(self._at.epoch, self._proven_number)

    @property
    def digest(self) -> str:
        """The digest of the chain up to ``position``; empty before the first snapshot."""
        return "" if self._at is None else self._digests[self._at.number]

    def is_news(self, head: Head, now: float) -> bool:
        """Whether a signed head is the issuer's, no older than what is known, and not of later."""
        return head.iss == self._iss and self.fresh_at <= head.time <= now + SKEW

    def has_proved(self, receipt: Position) -> bool:
        """Whether all notices up to a receipt are held, and proved: what was heard may be false."""
        at = self._at
        return at is not None and at.epoch == receipt.epoch and receipt.number <= self.proven_number

    def __len__(self) -> int:
        return len(self._proven) + len(self._unproven)

    def rejects(self, marks: Marks, now: float) -> Reason | None:
        """Say why a token with these marks is dead, or ``None`` where nothing has ended it."""
        reason = self._proven.rejects(marks, now)
        if reason is None and self._heard is not None:
            return self._heard.rejects(marks, now)
        return reason

    def hear(self, position: Position | None, text: str, now: float) -> Verdict:
        """Take a line of the feed. It counts at once, but proves nothing yet."""
        at = self._at
        if at is None or position is None or position.epoch != at.epoch:
            return Verdict.TAKE_SNAPSHOT
        if position.number <= at.number:
            return self._repeated(position.number, text)
        if position.number > at.number + 1:
            return Verdict.RESUME
        if len(self._unproven) >= MAX_UNPROVEN:
            return Verdict.TAKE_SNAPSHOT
        try:
            notice = notice_from(text)
        except (msgspec.MsgspecError, RecursionError):
            return Verdict.TAKE_SNAPSHOT
        # The number is written last: a fork in between hears the notice twice, never not at all.
        self._count(_Heard(position.number, now, notice))
        self._digests[position.number] = next_digest(self._digests[at.number], text.encode())
        self._digests.pop(position.number - DIGESTS_KEPT, None)
        self._at = position
        return Verdict.GO_ON

    def prove(self, head: Head, now: float) -> Verdict:
        """Take a signed head: it proves what was heard up to its number, as of its time."""
        at = self._at
        if not self.is_news(head, now):
            return Verdict.GO_ON
        if at is None or head.epoch != at.epoch:
            return Verdict.TAKE_SNAPSHOT
        if head.number > at.number:
            waited, self._ahead = self._ahead, True
            return Verdict.RESUME if waited else Verdict.GO_ON
        digest = self._digests.get(head.number)
        if digest is None:
            return Verdict.GO_ON
        if digest != head.digest:
            return self._go_back()
        self._settle(head.number, head.time)
        return self._go_back() if self._holds_more_than(head) else Verdict.GO_ON

    def begin(self, pages: SnapshotPages, now: float) -> bool:
        """Take a signed snapshot; ``False`` where the feed cannot be resumed from it.

        Its notices are true whatever its age, and are added to those held. But its position is
        taken only where that does not lie behind what is proved already.

        Raises:
            Unsound: where its pages are not what was signed.
        """
        snapshot, dead = pages.statement, pages.proven()
        if snapshot.iss != self._iss or snapshot.time > now + SKEW:
            return False
        self._proven.update(dead)
        self._tell(None)
        self.keys_changed = self.keys_changed or pages.tells_of_keys
        if self._is_behind(snapshot):
            return False
        self._stand_at(Position(snapshot.epoch, snapshot.number), snapshot.digest)
        self._proven_number, self._proven_digest = snapshot.number, snapshot.digest
        self._settle(snapshot.number, snapshot.time)
        return True

    def forget(self, now: float) -> None:
        """Drop what no living token can carry any more (S41)."""
        self._proven.forget(int(now))

    def _count(self, heard: _Heard) -> None:
        self._unproven.append(heard)
        if self._heard is None:
            self._heard = RevocationSet()
        self._heard.apply(heard.notice)
        self._tell(heard.notice)
        self._note_keys(heard.notice)

    def _tell(self, notice: Notice | None) -> None:
        for listener in self.listeners:
            listener(notice)

    def _note_keys(self, notice: Notice) -> None:
        if notice.kind in ABOUT_KEYS:
            self.keys_changed = True

    def _repeated(self, number: int, text: str) -> Verdict:
        before = self._digests.get(number - 1)
        if before is None or next_digest(before, text.encode()) == self._digests[number]:
            return Verdict.GO_ON
        return self._go_back()

    def _holds_more_than(self, head: Head) -> bool:
        """Whether a line was heard which, long after that, the issuer knows nothing of."""
        return any(
            heard.number is not None and heard.heard_at + SKEW < head.time
            for heard in self._unproven
        )

    def _go_back(self) -> Verdict:
        """Something heard is not true: hear it again from what is proved.

        Where that did not help, a snapshot must: the issuer's own history is another.
        """
        at = self._at
        if at is None or self._went_back or at.number == self._proven_number:
            return Verdict.TAKE_SNAPSHOT
        self._went_back = True
        self._stand_at(Position(at.epoch, self._proven_number), self._proven_digest)
        return Verdict.RESUME

    def _stand_at(self, position: Position, digest: str) -> None:
        # What was heard beyond it comes again; until then it goes on counting.
        self._unproven = [_Heard(None, each.heard_at, each.notice) for each in self._unproven]
        self._digests = {position.number: digest}
        self._at = position

    def _is_behind(self, snapshot: Snapshot) -> bool:
        at = self._at
        if at is None:
            return False
        if at.epoch != snapshot.epoch:
            return snapshot.time < self.fresh_at
        known = self._digests.get(snapshot.number, snapshot.digest)
        if snapshot.number == self._proven_number and known != snapshot.digest:
            return snapshot.time <= self.fresh_at
        return snapshot.number < self._proven_number

    def _settle(self, number: int, time: float) -> None:
        """Move what is proved now to what is kept, then forget what a later proof does not know.

        In this order, so that no check in between misses a notice.
        """
        waiting: list[_Heard] = []
        for heard in self._unproven:
            if heard.number is not None and heard.number <= number:
                self._proven.apply(heard.notice)
            elif heard.number is not None or heard.heard_at + SKEW >= time:
                waiting.append(heard)
        if len(waiting) < len(self._unproven):
            left = RevocationSet()
            for heard in waiting:
                left.apply(heard.notice)
            self._unproven, self._heard = waiting, left if waiting else None
        if number > self._proven_number:
            self._proven_number, self._proven_digest = number, self._digests[number]
        self.fresh_at = max(self.fresh_at, time)
        self._ahead = self._went_back = False
