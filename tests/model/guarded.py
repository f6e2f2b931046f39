"""A guard whose line goes straight into a server process; it takes of it as much as it is let.

The guard's own code follows, keeps, restores and decides. Here is only what its background thread
does around that, one event at a time.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from counterfoil.guard import Guard, Options, Rejected, Staleness
from counterfoil.guard.line import FORGET_EVERY, Line
from counterfoil.guard.notices import Verdict
from counterfoil.jose import jwt
from counterfoil.net.event_stream import Event, EventParser
from counterfoil.oauth.feed import position_from
from counterfoil.server.endpoints.notices import RESET
from tests.installation import Clock
from tests.model.house import Process


class Wire:
    """One connection to the notices: what the server has sent on it, and has not arrived."""

    def __init__(self, process: Process, cursor: str) -> None:
        self.events: deque[Event] = deque()
        self.is_over = False
        self._hub = process.hub
        self._parser = EventParser()
        settings = process.authority.settings
        self._follower = self._hub.followers.admit("guard", settings)
        self._follower.position = position_from(cursor)

    async def fill(self) -> None:
        """Have the server send all that it has to say."""
        await self._hub.catch_up()
        while not self.is_over:
            told = self._told()
            if told is None:
                return
            self.is_over = not told
            self.events.extend(self._parser.feed(told or RESET))

    def hang_up(self) -> None:
        """Leave."""
        self._hub.followers.leave(self._follower)

    def _told(self) -> bytes | None:
        """What the server says now; ``None`` where it waits for news."""
        telling = self._hub.next_for(self._follower)
        try:
            while telling.send(None) is None:
                pass
        except StopIteration as told:
            data: bytes = told.value
            return data
        telling.close()
        return None


@dataclass(frozen=True)
class Owner:
    """What the owner of an API decided, and how far behind the guard's clock is, in seconds."""

    audience: str
    budget: float = 30.0
    further: float = 0.0
    behind: float = 0.0

    @property
    def staleness(self) -> Staleness:
        """The same, as the guard is told."""
        if self.further:
            return Staleness.accept_for(self.further, self.budget)
        return Staleness.reject(self.budget)


class Guarded:
    """The guard of one API, its line, and what it keeps on disk.

    Counted from what came over the line: ``heard``, the number up to which it was told, and
    ``word``, the time of the newest word of the issuer that it could believe.
    """

    def __init__(self, issuer: str, owner: Owner, folder: Path, clock: Clock) -> None:
        self.owner = owner
        self.is_cut_off = False
        self._issuer = issuer
        self._folder = folder
        self._clock = clock
        self._kept: tuple[int, float] | None = None
        self._start()

    def _start(self) -> None:
        options = Options(state_dir=self._folder, clock=self.now)
        owner = self.owner
        self.guard = Guard(
            self._issuer, audience=owner.audience, staleness=owner.staleness, options=options
        )
        (line,) = self.guard._follower._lines
        assert isinstance(line, Line)
        self._line = line
        self._state = self.guard._states[self._issuer]
        self._wire: Wire | None = None
        self._forgot_at = self.now()
        line._restore()
        self.heard, kept = self._kept or (-1, float("-inf"))
        self.word, self._proven = self._state.notices.fresh_at, self.heard
        assert kept - 1 <= self.word <= kept
        self._demand_it_holds_what_it_heard()

    def now(self) -> float:
        """The guard's own time."""
        return self._clock.now - self.owner.behind

    @property
    def kids(self) -> set[str]:
        """The names of the keys that it was given."""
        return kids_in(self._line._jwks)

    @property
    def is_stale(self) -> bool:
        """Whether its issuer was not heard for longer than its owner allows."""
        return self._clock.now > self.stale_at

    @property
    def stale_at(self) -> float:
        """Until when, of the history's time, it may go without another word."""
        owner = self.owner
        return self.word + owner.budget + owner.further + owner.behind

    def refusal(self, token: str) -> str | None:
        """Ask the guard; ``None`` where it accepts."""
        try:
            self.guard.check(token)
        except Rejected as rejected:
            return rejected.reason.value
        return None

    async def look_after_keys(self, process: Process) -> None:
        """Fetch keys if they are due, as the line does beside all else."""
        if min(self._state.keys.due, self._state.feed_keys.due) <= self.now():
            await self._line._fetch_keys(process.http)
            self.save()

    async def connect(self, process: Process) -> None:
        """Connect from where it stands, with a snapshot first where one is needed."""
        self.cut()
        self.is_cut_off = False
        await self.look_after_keys(process)
        if self._line._needs_snapshot or self._state.notices.position is None:
            await self._take_snapshot(process)
        self._wire = Wire(process, self._line._introduction()[0]["Last-Event-ID"])

    async def _take_snapshot(self, process: Process) -> None:
        number, at = await process.number(), self._clock.now
        await self._line._take_snapshot(process.http, "http://localhost/notices/snapshot")
        self.heard = self._proven = number
        self.word = self._state.notices.fresh_at
        assert at - 1 < self.word <= at, "a snapshot is signed anew each second"
        self._kept = number, self.word
        self._demand_it_holds_what_it_heard()

    async def listen(self, process: Process, most: int) -> None:
        """Take so many events of what has been sent by now."""
        await self.look_after_keys(process)
        if self.now() - self._forgot_at >= FORGET_EVERY:
            self._forgot_at = self.now()
            self._state.notices.forget(self.now())
        if self._wire is not None:
            await self._wire.fill()
        for _ in range(most):
            if self._wire is None or not self._wire.events:
                return
            self._take(self._wire.events.popleft())

    async def catch_up(self, process: Process) -> None:
        """Have all come through, twice if it must begin anew."""
        for _ in range(2):
            if self._wire is None:
                await self.connect(process)
            await self.listen(process, 10**6)
        await self.look_after_keys(process)

    def cut(self) -> None:
        """Lose the connection, with all that has not arrived."""
        if self._wire is not None:
            self._wire.hang_up()
            self._wire = None

    def save(self) -> None:
        """Keep on disk what is proved, as happens every few seconds."""
        self._line._save()
        if self._line._metadata is not None and self._proven >= 0:
            self._kept = self._proven, self.word

    def restart(self) -> None:
        """Die, and begin from what is on disk."""
        self.cut()
        self._start()

    def _take(self, event: Event) -> None:
        verdict = self._line._reader.take(event, self.now())
        self._line._after_taking()
        match event.name:
            case "notice":
                position = position_from(event.last_id)
                assert position is not None
                self.heard = position.number
            case "head" if jwt.unverified_header(event.data)["kid"] in self._feed_kids:
                head = jwt.unverified_claims(event.data)
                if float(str(head["time"])) >= self.word:
                    self._proven, self.word = int(str(head["number"])), float(str(head["time"]))
        if verdict is not Verdict.GO_ON:
            assert event.name == "reset", f"an honest line led to {verdict} by {event.name}"
            self._line._needs_snapshot = True
            self.cut()
        self._demand_it_holds_what_it_heard()

    @property
    def _feed_kids(self) -> set[str]:
        return kids_in(self._line._feed_jwks)

    def _demand_it_holds_what_it_heard(self) -> None:
        held = self._state.notices
        assert (held.position.number if held.position else -1) == self.heard
        assert held.fresh_at == self.word


def kids_in(jwks: Mapping[str, object]) -> set[str]:
    """Give the names of the keys in a JWK Set."""
    keys = jwks.get("keys", [])
    assert isinstance(keys, list)
    return {str(key["kid"]) for key in keys}
