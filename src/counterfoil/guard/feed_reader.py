"""From the events of the feed to what they prove: signatures are checked here. No I/O, no clock."""

from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.notices import SKEW, Verdict
from counterfoil.guard.snapshot_reader import SnapshotReader, Untrusted
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jws import normalised_typ
from counterfoil.net.event_stream import Event
from counterfoil.oauth.feed import HEAD_TYPE, Head, Position, position_from
from counterfoil.oauth.snapshot import SNAPSHOT_TYPE, Snapshot

LINES_KEPT: Final = 10_000
"""Lines after a snapshot beyond which a new one is taken, so that a restart reads little."""
MOST_LINES_KEPT: Final = 50_000
"""The same where the snapshot is long, for it is dear to fetch."""

NOT_BELIEVED: Final = "a head is not believed"
WRONG_CLOCK: Final = "the clocks differ"
Statement = TypeVar("Statement", Head, Snapshot)


class KeptFeed(Struct, frozen=True):
    """What was kept before a restart: the snapshot in pieces, lines after it, the last head."""

    pieces: Iterable[bytes]
    lines: Iterable[tuple[int, str]]
    head: str


class FeedReader:
    """Reads the feed of one issuer.

    With ``keeps`` it remembers the lines that were proved, until they are taken to be kept, and
    ``head``, the last that proved any.
    """

    def __init__(self, state: IssuerState, *, keeps: bool = False) -> None:
        self.head = ""
        self._state = state
        self._keeps = keeps
        self._heard: list[tuple[int, str]] = []
        self._proved: list[tuple[int, str]] = []
        self._lines = 0
        self._most_lines = LINES_KEPT

    def take(self, event: Event, now: float) -> Verdict:
        """Take one event of the stream. What the issuer did not sign is not believed."""
        match event.name:
            case "notice":
                return self._hear(position_from(event.last_id), event.data, now)
            case "head":
                head = self.genuine_head(event.data, now)
                return Verdict.GO_ON if head is None else self.prove(head, event.data, now)
            case "reset":
                return Verdict.TAKE_SNAPSHOT
        return Verdict.GO_ON

    def genuine_head(self, signed: str, now: float) -> Head | None:
        """Read a head; ``None`` where the issuer did not sign it."""
        troubles = self._state.troubles
        try:
            head = self._genuine(signed, HEAD_TYPE, Head, now)
        except Untrusted as error:
            troubles.begin(NOT_BELIEVED, str(error), now)
            return None
        troubles.end(NOT_BELIEVED)
        return head

    def prove(self, head: Head, signed: str, now: float) -> Verdict:
        """Take a genuine head; ``signed`` is how it came."""
        notices = self._state.notices
        fresh_at, before = notices.fresh_at, notices.position
        verdict = notices.prove(head, now)
        if notices.position != before:
            self._heard = []
        self._note_skew(head.time, now)
        if notices.fresh_at > fresh_at:
            self.head = signed
            return self._proved_up_to(notices.proven_number)
        return verdict

    def snapshot(self, now: float) -> SnapshotReader:
        """Begin to read a snapshot."""

        def genuine(signed: str) -> Snapshot:
            return self._genuine(signed, SNAPSHOT_TYPE, Snapshot, now)

        return SnapshotReader(genuine, now)

    def begin(self, snapshot: SnapshotReader, now: float) -> bool:
        """Begin anew from a snapshot; ``False`` where it lies behind what is proved already.

        Raises:
            Untrusted: where it is not what the issuer signed.
        """
        pages = snapshot.pages()
        begun = self._state.notices.begin(pages, now)
        if begun:
            self._heard, self._proved, self._lines = [], [], 0
            self._most_lines = max(LINES_KEPT, min(pages.statement.count, MOST_LINES_KEPT))
        return begun

    def restore(self, kept: KeptFeed, now: float) -> None:
        """Take what was kept before a restart; all of it is verified as if it came now.

        Raises:
            Untrusted: where the snapshot is not what the issuer signed.
        """
        snapshot = self.snapshot(now)
        for piece in kept.pieces:
            snapshot.feed(piece)
        if not self.begin(snapshot, now):
            return
        epoch = snapshot.pages().statement.epoch
        for number, text in kept.lines:
            self._hear(Position(epoch, number), text, now)
        if kept.head:
            self.take(Event("head", kept.head), now)
        self._proved = []  # they are kept already

    def take_lines(self) -> list[tuple[int, str]]:
        """Give the lines that were proved since the last time, with their numbers."""
        proved, self._proved = self._proved, []
        return proved

    def _hear(self, position: Position | None, text: str, now: float) -> Verdict:
        before = self._state.notices.position
        verdict = self._state.notices.hear(position, text, now)
        after = self._state.notices.position
        if after == before or not self._keeps:
            return verdict
        if position is not None and after == position and verdict is Verdict.GO_ON:
            self._heard.append((position.number, text))
        else:
            self._heard = []
        return verdict

    def _note_skew(self, time: float, now: float) -> None:
        """Measure the issuer's clock by what it has just signed: one ahead of ours is believed by
        nobody, and must not be looked for in the network."""
        state = self._state
        state.skew = time - now
        if state.skew > SKEW:
            why = f"its clock is {state.skew:.0f} s ahead of this one: what it signs is not yet"
            state.troubles.begin(WRONG_CLOCK, why, now)
        else:
            state.troubles.end(WRONG_CLOCK)

    def _proved_up_to(self, number: int) -> Verdict:
        proved = [line for line in self._heard if line[0] <= number]
        self._heard = self._heard[len(proved) :]
        self._proved += proved
        self._lines += len(proved)
        return Verdict.TAKE_SNAPSHOT if self._lines > self._most_lines else Verdict.GO_ON

    def _genuine(self, signed: str, typ: str, kind: type[Statement], now: float) -> Statement:
        verifier = self._state.feed_keys.verifier
        if verifier is None:
            raise Untrusted("the keys of the feed are not here yet")
        try:
            genuine = verifier.verify(signed)
        except JoseError as error:
            if error.reason == "unknown_key":
                self._state.feed_keys.missed(now)
            raise Untrusted(str(error)) from None
        if genuine.typ != normalised_typ(typ):
            raise Untrusted(f"it is not of type {typ}")
        try:
            return msgspec.convert(genuine.claims, kind)
        except msgspec.ValidationError as error:
            raise Untrusted(f"it is not well formed: {error}") from None
