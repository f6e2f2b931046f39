"""The roll of a process's guards: who is there, who is missing, what is told of them. No I/O."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from counterfoil.oauth.feed import Position
from counterfoil.server.hub.followers import Follower, Followers, Guard
from counterfoil.server.records.guards import Following, GuardLine, LostGuard

NAMED_AT_MOST: Final = 100
"""How many guards that are behind one process names; it counts the others."""


class Roll:
    """Looks at the followers now and then; whoever has gone without a goodbye is lost."""

    def __init__(self, followers: Followers) -> None:
        self._followers = followers
        self._seen: dict[str, Follower] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no guard follows, and none has left that was not looked for yet."""
        return not self._followers.guards and not self._seen

    def seen(self, line: str) -> Follower | None:
        """Give a guard that was here the last time, though it may have gone since."""
        return self._seen.get(line)

    def missing(self, now: float) -> list[LostGuard]:
        """Give those that have gone since the last time. ``now`` in seconds since the epoch."""
        present = self._followers.guards
        gone = [each for line, each in self._seen.items() if line not in present]
        self._seen = dict(present)
        return [lost for lost in _lost(gone, now) if lost.name not in self._names()]

    def all_missing(self, now: float) -> list[LostGuard]:
        """Give everyone who was here: the process ends, and lets go of them."""
        gone, self._seen = self._seen | dict(self._followers.guards), {}
        return _lost(gone.values(), now)

    def returned(self, lost: Sequence[LostGuard]) -> list[str]:
        """Give the names of those that follow here."""
        here = self._names() if lost else frozenset()
        return [each.name for each in lost if each.name in here]

    def following(self, process: str, asked: Position) -> Following:
        """Tell how it stands with the guards, who have been asked to acknowledge a position."""
        lines = [_line_of(each, each.guard, asked.epoch) for each in self._present() if each.guard]
        known = sum(1 for line in lines if line.client_id)
        behind = [line for line in lines if line.acknowledged < asked.number]
        return Following(
            process=process,
            asked=asked,
            reached=min((line.acknowledged for line in lines), default=asked.number),
            known=known,
            anonymous=len(lines) - known,
            others=len(self._followers) - len(lines),
            behind=tuple(behind[:NAMED_AT_MOST]),
            behind_in_all=len(behind),
        )

    def _present(self) -> Iterable[Follower]:
        return self._followers.guards.values()

    def _names(self) -> frozenset[str]:
        return frozenset(each.guard.introduction.name for each in self._present() if each.guard)


def _lost(gone: Iterable[Follower], now: float) -> list[LostGuard]:
    """One that was told no head here is as fresh as it was before: that cannot be after now."""
    found = []
    for each in gone:
        if each.guard is None or each.says_goodbye:
            continue
        line, introduction = _line_of(each, each.guard, ""), each.guard.introduction
        if line.bites_at is None:
            line = replace(line, bites_at=now + introduction.tolerance)
        found.append(LostGuard(introduction.name, line))
    return found


def _line_of(follower: Follower, guard: Guard, epoch: str) -> GuardLine:
    fresh_at, said = follower.fresh_at, follower.acknowledged
    return GuardLine(
        client_id=guard.client_id,
        address=follower.source,
        acknowledged=said.number if said is not None and said.epoch == epoch else -1,
        then=guard.introduction.then,
        bites_at=None if fresh_at is None else fresh_at + guard.introduction.tolerance,
    )
