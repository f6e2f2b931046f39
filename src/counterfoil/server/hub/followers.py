"""Who follows the notices at this process: bounded, each at its own pace, none in another's way."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec import Struct

from counterfoil.oauth.feed import Position
from counterfoil.oauth.receipts import Introduction
from counterfoil.server.settings import Settings

GROUPS: Final = 20
"""Each has its own turn for heads."""
AT_ONCE: Final = 1000
"""So many followers, and what is left of their group, are told news in a turn of the loop: some 12
ms, for which everybody else waits. Between two turns others may be answered for as long."""
WRITE_SECONDS: Final = 20.0
"""How long a follower may take to receive what was written for it."""
GONE_MOST: Final = 10_000
"""How many guards that have gone are held until somebody has taken note of them."""
_LOOK_SECONDS: Final = 1.0


class SignedHead(Struct, frozen=True):
    """A head as the event that is sent. ``serial`` rises with each; ``time`` is what it says."""

    data: bytes
    position: Position
    serial: int
    time: float


class Guard(Struct, frozen=True):
    """A follower that has said that it is a guard.

    ``line`` names its line; ``client_id`` is what its credentials proved, empty if nothing.
    """

    line: str
    introduction: Introduction
    client_id: str = ""


class TooMany(Exception):
    """Nobody more may follow: in all, or from this source (``of_source``)."""

    def __init__(self, *, of_source: bool) -> None:
        super().__init__("too many followers")
        self.of_source = of_source


class Group:
    """Followers that are told together, and the head whose turn it is for them."""

    def __init__(self) -> None:
        self.head: SignedHead | None = None
        self.members: set[Follower] = set()

    def tell(self, hand: Callable[["Follower"], bool]) -> None:
        """Hand each what there is, at once where ``hand`` can; wake the tasks of the others."""
        for follower in list(self.members):
            if not (follower.is_waiting and hand(follower)):
                follower.news.set()


class Follower:
    """One that follows: where it comes from, and up to where it has been told.

    It lives in one task, which sleeps until there is ``news``. While it ``is_waiting`` it has been
    sent all that it was told; then ``push`` may send it a chunk without waking the task: it says
    whether it did, and is not there where the server underneath cannot do it.

    ``writing_since`` (the loop's time) is set while a write for it lasts.
    ``fresh_at`` is the time of the newest head that it was told. ``question`` is an event that it
    is told once; ``acknowledged`` is up to where a guard has said that it holds the notices, and
    ``says_goodbye`` whether it has said that it stops.
    """

    def __init__(self, source: str, group: Group) -> None:
        self.source = source
        self.group = group
        self.guard: Guard | None = None
        self.push: Callable[[bytes], bool] | None = None
        self.news = asyncio.Event()
        self.is_waiting = False
        self.position: Position | None = None
        self.head_serial = 0
        self.fresh_at: float | None = None
        self.question = b""
        self.acknowledged: Position | None = None
        self.says_goodbye = False
        self.writing_since: float | None = None
        self.is_dropped = False
        self._task = asyncio.current_task()

    async def wait(self) -> None:
        """Sleep until there is news."""
        self.is_waiting = True
        try:
            await self.news.wait()
        finally:
            self.is_waiting = False

    def lives_here(self) -> None:
        """Note that the task that runs now is the follower's."""
        self._task = asyncio.current_task()

    def leaves(self) -> None:
        """Note that it needs no dropping any more."""
        self._task = None

    def drop(self) -> None:
        """End it: it has gone, or does not read."""
        self.is_dropped = True
        if self._task is not None:
            self._task.cancel()


class Followers:
    """All followers. Those of one source cannot take the places of others."""

    def __init__(self) -> None:
        self._followers: set[Follower] = set()
        self._guards: dict[str, Follower] = {}
        self._gone: dict[str, Follower] = {}
        self._of_source: dict[str, int] = {}
        self._looked_at = float("-inf")
        self.groups = tuple(Group() for _ in range(GROUPS))

    def __len__(self) -> int:
        return len(self._followers)

    def admit(self, source: str, settings: Settings) -> Follower:
        """Take one more in. Whoever is taken in must ``leave``.

        Raises:
            TooMany: there are as many as may be.
        """
        if len(self._followers) >= settings.followers_most:
            raise TooMany(of_source=False)
        if self._of_source.get(source, 0) >= settings.followers_per_address:
            raise TooMany(of_source=True)
        follower = Follower(source, min(self.groups, key=lambda group: len(group.members)))
        follower.group.members.add(follower)
        self._followers.add(follower)
        self._of_source[source] = self._of_source.get(source, 0) + 1
        return follower

    def join(self) -> Follower:
        """Take in one of this process itself: it takes nobody's place, and nobody counts it.

        Whoever is taken in must ``part``.
        """
        follower = Follower("", self.groups[0])
        follower.leaves()  # its task is not ours to end
        follower.group.members.add(follower)
        return follower

    def part(self, follower: Follower) -> None:
        """Let one go that has joined."""
        follower.group.members.discard(follower)

    def introduce(self, follower: Follower, guard: Guard) -> None:
        """Note that one who was taken in is a guard."""
        follower.guard = guard
        self._guards[guard.line] = follower

    @property
    def guards(self) -> Mapping[str, Follower]:
        """Those that are guards, by the names of their lines."""
        return self._guards

    @property
    def gone(self) -> Mapping[str, Follower]:
        """Guards that have left, until that is noted, by the names of their lines."""
        return self._gone

    def note_gone(self, guards: Iterable[Follower]) -> None:
        """Let go of guards that have left: it is noted elsewhere."""
        for each in guards:
            if each.guard is not None:
                self._gone.pop(each.guard.line, None)

    def leave(self, follower: Follower) -> None:
        """Let one go; again: nothing happens."""
        if follower not in self._followers:
            return
        self._followers.remove(follower)
        if follower.guard is not None:
            self._guards.pop(follower.guard.line, None)
            if len(self._gone) < GONE_MOST:
                self._gone[follower.guard.line] = follower
        follower.leaves()
        follower.group.members.remove(follower)
        left = self._of_source.pop(follower.source) - 1
        if left:
            self._of_source[follower.source] = left

    def tell_all(self, hand: Callable[[Follower], bool]) -> None:
        """Tell every follower, some groups in each turn of the loop."""
        self._tell_from(0, hand)

    def wake_all(self) -> None:
        """Wake every follower's task."""
        for group in self.groups:
            for follower in group.members:
                follower.news.set()

    def _tell_from(self, number: int, hand: Callable[[Follower], bool]) -> None:
        told = 0
        while number < len(self.groups) and told < AT_ONCE:
            told += len(self.groups[number].members)
            self.groups[number].tell(hand)
            number += 1
        if number < len(self.groups):
            asyncio.get_running_loop().call_soon(self._tell_from, number, hand)

    def drop_stuck(self, now: float) -> None:
        """Drop those that do not read. ``now`` is the loop's time. It looks once a second."""
        if now < self._looked_at + _LOOK_SECONDS:
            return
        self._looked_at = now
        for follower in list(self._followers):
            since = follower.writing_since
            if since is not None and now - since > WRITE_SECONDS:
                follower.drop()
