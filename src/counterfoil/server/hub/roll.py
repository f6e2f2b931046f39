"""The roll of a process's guards: who is there, who is missing, what is told of them. No I/O."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec.structs import replace

from counterfoil.oauth.feed import Position
from counterfoil.server.hub.followers import Follower, Followers, Guard
from counterfoil.server.records.guards import Following, GuardLine, LostGuard

NAMED_AT_MOST: Final = 100
"""How many guards that are behind one process names; it counts the others."""


CLOCKS_APART: Final = 10
"""Seconds by which a guard's clock may be behind: so much later it does what it said."""


class Roll:
    """Reads off the followers who is there; whoever has gone without a goodbye is lost."""

    def __init__(self, followers: Followers) -> None:
        self._followers = followers

    @property
    def is_empty(self) -> bool:
        """Whether no guard follows, and none has left of which no note was taken yet."""
        return not self._followers.guards and not self._followers.gone

    def known(self, line: str) -> Follower | None:
        """Give the guard of a line, though it may have just gone."""
        return self._followers.guards.get(line) or self._followers.gone.get(line)

    def missing(self, gone: AbstractSet[Follower], now: float) -> list[LostGuard]:
        """Give those of ``gone`` that must be missed. ``now`` in seconds since the epoch."""
        here = _names(each for each in self._present() if each not in gone)
        return [lost for lost in _lost(gone, now) if lost.name not in here]

    def returned(self, lost: Sequence[LostGuard]) -> list[str]:
        """Give the names of those that follow here."""
        here = _names(self._present()) if lost else frozenset()
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
        """Of a guard that has come back before its broken line was noticed, only the newer line."""
        newest = dict[tuple[str, str], Follower]()
        for each in self._followers.guards.values():
            if each.guard is not None:
                newest[each.guard.client_id, each.guard.introduction.name] = each
        return newest.values()


def _names(guards: Iterable[Follower]) -> frozenset[str]:
    return frozenset(each.guard.introduction.name for each in guards if each.guard)


def _lost(gone: Iterable[Follower], now: float) -> list[LostGuard]:
    """One that was told no head here is as fresh as it was before: that cannot be after now."""
    found = []
    for each in gone:
        if each.guard is None or each.says_goodbye:
            continue
        line, introduction = _line_of(each, each.guard, ""), each.guard.introduction
        if line.bites_at is None:
            line = replace(line, bites_at=_bites_at(now, each.guard))
        found.append(LostGuard(introduction.name, line))
    return found


def _line_of(follower: Follower, guard: Guard, epoch: str) -> GuardLine:
    fresh_at, said = follower.fresh_at, follower.acknowledged
    return GuardLine(
        client_id=guard.client_id,
        address=follower.source,
        acknowledged=said.number if said is not None and said.epoch == epoch else -1,
        then=guard.introduction.then,
        bites_at=None if fresh_at is None else _bites_at(fresh_at, guard),
    )


def _bites_at(fresh_at: float, guard: Guard) -> float:
    return fresh_at + guard.introduction.tolerance + CLOCKS_APART
