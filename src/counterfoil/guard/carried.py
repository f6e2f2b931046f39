"""What a carrier brings: lines count once a head of the issuer has proved them. No I/O, no clock.

On the issuer's own feed what is only heard counts at once. But a carrier is anybody's who may
write there: he must not end for a moment what he likes.
"""

from typing import Final

from counterfoil.guard.feed_reader import FeedReader
from counterfoil.guard.notices import Notices, Verdict
from counterfoil.guard.snapshot_reader import Untrusted
from counterfoil.net.event_stream import Event, EventParser, TooLong
from counterfoil.oauth.feed import Head, next_digest, position_from

MOST_HELD: Final = 50_000
"""How many lines are held that no head has proved."""
MOST_HEADS: Final = 10
"""How many heads one piece may hold: to verify them takes time."""
HEADS_A_SECOND: Final = 200.0
"""How many are verified in the long run. The issuer signs some 50 in a second at most."""
HEADS_AT_ONCE: Final = 2000
"""And how many at once: a replay brings those of many seconds."""
MOST_BYTES_HELD: Final = 16 * 1024 * 1024


class CarriedReader:
    """Reads what a carrier brings of one issuer's feed, in whatever order, and however often.

    ``RESUME`` means that it does not bring what the issuer has signed, or not all of it: whoever
    hears that goes to the issuer. Nothing that it brings demands a snapshot.
    """

    def __init__(self, notices: Notices, reader: FeedReader) -> None:
        self._notices = notices
        self._reader = reader
        self._held: dict[int, Event] = {}
        self._size = 0
        self._waited_for = -1
        self._heads_left = float(HEADS_AT_ONCE)
        self._counted_at = 0.0

    def begin(self) -> None:
        """Forget what no head has proved."""
        self._held, self._size, self._waited_for = {}, 0, -1

    def take(self, data: bytes, now: float) -> Verdict:
        """Take a piece of the feed. ``now`` in seconds since the epoch."""
        events = _events_in(data)
        heads = sum(event.name == "head" for event in events)
        if heads > MOST_HEADS or not self._may_verify(heads, now):
            return Verdict.RESUME
        for event in events:
            if self._take(event, now) is not Verdict.GO_ON:
                return Verdict.RESUME
        return Verdict.GO_ON

    def is_up_to_date(self, data: bytes, now: float, lag: float) -> bool:
        """Whether a piece has a head that is ``lag`` seconds older at most than what is known.

        Raises:
            Untrusted: the issuer has not signed it, or not so many of them.
        """
        heads = [event.data for event in _events_in(data) if event.name == "head"]
        if not heads:
            return False
        if not self._may_verify(1, now):
            raise Untrusted("it brings more heads than the issuer signs")
        head = self._reader.genuine_head(heads[-1], now)
        if head is None:
            raise Untrusted("it brings heads that the issuer has not signed")
        return head.time >= self._notices.fresh_at - lag

    def _may_verify(self, heads: int, now: float) -> bool:
        """Whether so many more may be: what is replayed was signed too, and costs as much time."""
        more = max(0.0, now - self._counted_at) * HEADS_A_SECOND
        self._counted_at = now
        self._heads_left = min(self._heads_left + more, HEADS_AT_ONCE)
        if self._heads_left < heads:
            return False
        self._heads_left -= heads
        return True

    def _take(self, event: Event, now: float) -> Verdict:
        match event.name:
            case "notice":
                return self._hold(event)
            case "head":
                head = self._reader.genuine_head(event.data, now)
                return Verdict.RESUME if head is None else self._prove(head, event.data, now)
        return Verdict.GO_ON

    def _hold(self, event: Event) -> Verdict:
        at, position = self._notices.position, position_from(event.last_id)
        if at is None or position is None or position.epoch != at.epoch:
            return Verdict.GO_ON  # if it is not an old epoch but a new one, a head will say so
        if position.number <= at.number or position.number in self._held:
            return Verdict.GO_ON
        self._held[position.number] = event
        self._size += len(event.data)
        is_much = len(self._held) > MOST_HELD or self._size > MOST_BYTES_HELD
        return Verdict.RESUME if is_much else Verdict.GO_ON

    def _prove(self, head: Head, signed: str, now: float) -> Verdict:
        at = self._notices.position
        if not self._notices.is_news(head, now):
            return Verdict.GO_ON
        if at is None or head.epoch != at.epoch:
            return Verdict.RESUME
        missing = max(0, head.number - at.number)
        proved = self._held_from(at.number + 1, missing) if missing <= len(self._held) else []
        if len(proved) < missing:
            return self._wait_for_missing(at.number)
        if proved and self._chained(proved) != head.digest:
            return Verdict.RESUME
        for number, line in enumerate(proved, at.number + 1):
            del self._held[number]
            self._size -= len(line.data)
            self._reader.take(line, now)
        return self._reader.prove(head, signed, now)

    def _held_from(self, number: int, most: int) -> list[Event]:
        lines = list[Event]()
        while len(lines) < most and (line := self._held.get(number + len(lines))) is not None:
            lines.append(line)
        return lines

    def _wait_for_missing(self, held: int) -> Verdict:
        """Lines may be on their way behind their head; where the next finds none, they are lost."""
        if self._waited_for == held:
            return Verdict.RESUME
        self._waited_for = held
        return Verdict.GO_ON

    def _chained(self, lines: list[Event]) -> str:
        digest = self._notices.digest
        for line in lines:
            digest = next_digest(digest, line.data.encode())
        return digest


def _events_in(data: bytes) -> list[Event]:
    """Read the events of a piece; one that is too long to be true has none."""
    try:
        return EventParser().feed(data)
    except TooLong:
        return []
