"""From the events of the feed to what they prove: signatures are checked here. No I/O, no clock."""

import logging
from typing import Final, TypeVar

import msgspec

from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.kept import Feed
from counterfoil.guard.notices import Verdict
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jws import normalised_typ
from counterfoil.net.event_stream import Event
from counterfoil.oauth.feed import (
    HEAD_TYPE,
    SNAPSHOT_TYPE,
    Head,
    Position,
    Snapshot,
    position_from,
)

TAIL_KEPT: Final = 10_000
"""Lines after a snapshot beyond which a new one is taken."""

logger = logging.getLogger(__name__)
Statement = TypeVar("Statement", Head, Snapshot)


class Untrusted(Exception):
    """A head or snapshot is not signed by the issuer, or cannot be read."""


class FeedReader:
    """Reads the feed of one issuer, and remembers the signed words it rests on for a restart."""

    def __init__(self, state: IssuerState) -> None:
        self._state = state
        self._snapshot = ""
        self._tail: list[tuple[int, str]] = []
        self._head = ""

    @property
    def feed(self) -> Feed | None:
        """What to keep for a restart; ``None`` before the first snapshot."""
        return Feed(self._snapshot, tuple(self._tail), self._head) if self._snapshot else None

    def take(self, event: Event, now: float) -> Verdict:
        """Take one event of the stream. What the issuer did not sign is not believed."""
        match event.name:
            case "notice":
                return self._hear(position_from(event.last_id), event.data, now)
            case "head":
                return self._prove(event.data, now)
            case "reset":
                return Verdict.TAKE_SNAPSHOT
        return Verdict.GO_ON

    def take_snapshot(self, signed: str, now: float) -> bool:
        """Begin anew from a snapshot; ``False`` where it lies behind what is proved already.

        Raises:
            Untrusted: where it is not signed by the issuer, or cannot be read.
        """
        snapshot = self._genuine(signed, SNAPSHOT_TYPE, Snapshot, now)
        try:
            begun = self._state.notices.begin(snapshot, now)
        except msgspec.MsgspecError as error:
            raise Untrusted(f"a notice in the snapshot cannot be read: {error}") from None
        if begun:
            self._snapshot, self._tail = signed, []
        return begun

    def restore(self, feed: Feed, now: float) -> None:
        """Take what was kept before a restart; all of it is verified as if it came now.

        Raises:
            Untrusted: where the snapshot is not signed by the issuer.
        """
        self.take_snapshot(feed.snapshot, now)
        begun = self._state.notices.position
        if begun is None:
            return
        for number, text in feed.tail:
            self._hear(Position(begun.epoch, number), text, now)
        if feed.head:
            self._prove(feed.head, now)

    def _hear(self, position: Position | None, text: str, now: float) -> Verdict:
        before = self._state.notices.position
        verdict = self._state.notices.hear(position, text, now)
        if position is not None and self._state.notices.position != before:
            self._tail.append((position.number, text))
            if len(self._tail) > TAIL_KEPT:
                return Verdict.TAKE_SNAPSHOT
        return verdict

    def _prove(self, signed: str, now: float) -> Verdict:
        try:
            head = self._genuine(signed, HEAD_TYPE, Head, now)
        except Untrusted as error:
            logger.warning("%s: a head is not believed: %s", self._state.issuer.url, error)
            return Verdict.GO_ON
        fresh_at = self._state.notices.fresh_at
        verdict = self._state.notices.prove(head, now)
        if self._state.notices.fresh_at > fresh_at:
            self._head = signed
        return verdict

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
