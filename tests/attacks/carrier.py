"""An issuer, a guard, and a carrier between them that does what it likes; in virtual time.

The guard's own code decides (`Guard`, `FeedReader`, `Notices`, `RevocationSet`); issuer, server
and line are modelled as they are built.
"""

from collections import deque

from counterfoil.guard import Guard, Issuer, Options, Rejected, Staleness
from counterfoil.guard.feed_reader import FeedReader, KeptFeed
from counterfoil.guard.notices import Verdict
from counterfoil.guard.snapshot_reader import Untrusted
from counterfoil.jose import jwt
from counterfoil.jose.keys import KeySet, PrivateKey
from counterfoil.net.event_stream import Event
from counterfoil.oauth.feed import HEAD_TYPE, Position
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Notice
from tests.guard.desk import ISSUER, NOW, Clock
from tests.guard.issuer import AUDIENCE, Book

FAR = int(NOW) + 10**7


class Server:
    """The issuer: what it has ended and when, and all heads and snapshots that it ever signed."""

    def __init__(self, feed_key: PrivateKey, token_key: PrivateKey) -> None:
        self.now = NOW
        self.token_key = token_key
        self.book = Book(ISSUER, "e1", feed_key)
        self.ended: dict[str, float] = {}
        self.heads: list[tuple[float, str]] = []
        self.snapshots: list[tuple[float, bytes]] = []
        self.sign()

    def end(self) -> None:
        family = f"ended-{len(self.ended)}"
        self.book.add(Notice(Ended.FAMILY, family, FAR))
        self.ended[family] = self.now

    def sign(self) -> None:
        self.heads.append((self.now, self.book.signed_head(self.now)))
        self.snapshots.append((self.now, self.book.signed_snapshot(self.now)))

    def begin_anew(self) -> None:
        """Restore a backup: a new epoch, in which the same has been ended."""
        before = self.book
        self.book = Book(ISSUER, f"e{int(before.epoch[1:]) + 1}", before.key)
        for family in self.ended:
            self.book.add(Notice(Ended.FAMILY, family, FAR))

    def token(self, family: str) -> str:
        claims = {"iss": ISSUER, "sub": "u", "aud": AUDIENCE, "exp": FAR, "iat": int(NOW) - 60,
                  "client_id": "c", "jti": family, "fam": family, "gen": (0, 0)}  # fmt: skip
        return jwt.sign(claims, self.token_key, "at+jwt")


class Wire:
    """What the server has sent on one connection, and has not arrived."""

    def __init__(self, server: Server, cursor: Position | None) -> None:
        self._server = server
        self._book = server.book
        self._heads = len(server.heads)
        self.events: deque[Event] = deque()
        number = cursor.number if cursor and cursor.epoch == self._book.epoch else None
        if number is None or number > len(self._book.texts):
            self.events.append(Event("reset", "{}"))
            number = None
        self._number = number

    @property
    def is_over(self) -> bool:
        """Whether the server has ended it."""
        return self._number is None

    def fill(self) -> None:
        """Have the server send what it has sent by now. A reset is the last that it sends."""
        if self._number is not None and self._book is not self._server.book:
            self._number = None
            self.events.append(Event("reset", "{}"))
        if self._number is None:
            return
        while self._number < len(self._book.texts):
            self._number += 1
            self.events.append(self._book.line(self._number))
        for _, head in self._server.heads[self._heads :]:
            self.events.append(Event("head", head))
        self._heads = len(self._server.heads)


class Guarded:
    """The guard, the line that it holds, and what it keeps on disk."""

    def __init__(self, server: Server, staleness: Staleness, ahead: float) -> None:
        self.server = server
        self.staleness = staleness
        self.ahead = ahead
        self.newest_word = float("-inf")
        self.wire: Wire | None = None
        self._needs_snapshot = True
        self._disk: tuple[list[bytes], list[tuple[int, str]], str] = ([], [], "")
        self._start()

    def _start(self) -> None:
        self.clock = Clock(self.server.now + self.ahead)
        options = Options(clock=self.clock)
        trusted = [Issuer(ISSUER)]
        self.guard = Guard(
            issuers=trusted, audience=AUDIENCE, staleness=self.staleness, options=options
        )
        self.state = self.guard._states[ISSUER]
        self.state.keys.take(KeySet([self.server.token_key.public]).as_jwks())
        self.state.feed_keys.take(KeySet([self.server.book.key.public]).as_jwks())
        self.reader = FeedReader(self.state, keeps=True)

    def turn(self) -> float:
        self.clock.now = self.server.now + self.ahead
        return self.clock.now

    def restart(self, lines_lost: int) -> None:
        """Begin from what is kept, perhaps without the last lines that were to be kept."""
        pieces, lines, head = self._disk
        self._start()
        self.wire, self._needs_snapshot = None, True
        kept = lines[: len(lines) - lines_lost] if lines_lost else lines
        try:
            self.reader.restore(KeptFeed(pieces, kept, head), self.turn())
            self._needs_snapshot = False
        except Untrusted:
            assert not pieces

    def save(self) -> None:
        pieces, lines, _ = self._disk
        self._disk = pieces, lines + self.reader.take_lines(), self.reader.head

    def connect(self) -> None:
        if not self._needs_snapshot:
            self.wire = Wire(self.server, self.state.notices.position)

    def take_snapshot(self, at: float, wire: bytes) -> None:
        """As the line does: where one is needed, and not while it follows."""
        if not self._needs_snapshot:
            return
        reading = self.reader.snapshot(self.turn())
        reading.feed(wire)
        self.newest_word = max(self.newest_word, at)
        self._needs_snapshot = False
        if self.reader.begin(reading, self.turn()):
            self._disk = [wire], [], self._disk[2]

    def notice_the_end(self) -> None:
        """See that the server has ended the stream, if it has and all has come."""
        if self.wire is not None and self.wire.is_over and not self.wire.events:
            self.wire = None

    def take(self, event: Event, at: float = float("-inf")) -> None:
        """Take an event off the wire. ``at``: when it was signed, if it is a genuine head."""
        if self.wire is None:
            return
        self.newest_word = max(self.newest_word, at)
        verdict = self.reader.take(event, self.turn())
        if verdict is not Verdict.GO_ON:
            self.wire = None
            self._needs_snapshot = verdict is Verdict.TAKE_SNAPSHOT

    def accepts(self, token: str) -> bool:
        self.turn()
        try:
            self.guard.check(token)
        except Rejected as rejected:
            if rejected.reason in (Reason.REVOKED, Reason.STALE):
                return False
            raise
        return True

    @property
    def is_fresh(self) -> bool:
        return self.turn() <= self.state.notices.fresh_at + self.state.tolerance


def signed_at(server: Server, event: Event) -> float:
    times = {head: at for at, head in server.heads}
    return times.get(event.data, float("-inf"))


def strangers_head(server: Server, stranger: PrivateKey) -> Event:
    return Event("head", jwt.sign(server.book.head(server.now), stranger, HEAD_TYPE))
