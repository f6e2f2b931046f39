"""The audit log's lines: chained over salted commitments, so that what is personal can be erased.

``digest n = SHA-256(digest n-1 ‖ line n)``. What names or locates a person stands beside the line
with its salt; the line holds only its commitment, ``SHA-256(salt ‖ fields)`` (S111).
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from counterfoil.oauth.feed import next_digest
from counterfoil.server.records.erased import ErasedLines
from counterfoil.server.records.event import SUBJECTS, Event, EventKind, EventQuery

USER: Final = "user"
ERASED: Final = "erased"
"""What is shown in the place of an id that was erased. No id is so short."""
CHAINED_DETAILS: Final = frozenset(
    {
        "at", "changed", "client_id", "done", "families", "family_id", "from", "generation", "id",
        "lines_about", "lines_by", "of", "parts", "purpose", "scope", "score", "sessions", "to",
        "until", "values", "why",
    }
)  # fmt: skip
"""Names of details that name and locate nobody. All others stand beside the chain, committed to."""
SALT_BYTES: Final = 16
_LONGEST: Final = 256

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DETAIL: Final = msgspec.json.Decoder(dict[str, str])


class Line(Struct, frozen=True, kw_only=True):
    """What is chained. ``actor`` and ``subject`` are only ``user`` where they are a person.

    ``by`` and ``about`` commit to what stands beside the line; empty: nothing does.
    """

    number: int
    at: int
    kind: str
    actor: str
    subject: str
    proof: str
    detail: str
    by: str
    about: str

    def after(self, digest: str) -> str:
        """Give the digest of the chain with this line."""
        return next_digest(digest, msgspec.json.encode(self))


class Doer(Struct, frozen=True):
    """Who acted, where that is a person, and from where."""

    salt: bytes
    person: str
    address: str
    user_agent: str


class Concerned(Struct, frozen=True):
    """The person whom it concerns, and what else of the detail is personal, as JSON."""

    salt: bytes
    person: str
    detail: str


class Entry(Struct, frozen=True):
    """A line with its digest, and what stands beside it unless it was erased."""

    line: Line
    digest: str
    by: Doer | None = None
    about: Concerned | None = None

    @property
    def erased(self) -> ErasedLines:
        """Which of the two parts that stood beside the line are gone."""
        number = frozenset({self.line.number})
        nothing = frozenset[int]()
        return ErasedLines(
            number if self.line.by and self.by is None else nothing,
            number if self.line.about and self.about is None else nothing,
        )

    @property
    def belies_its_commitments(self) -> bool:
        """Whether what stands beside the line is not what was committed to."""
        return any(
            beside is not None and commitment(beside) != committed
            for committed, beside in ((self.line.by, self.by), (self.line.about, self.about))
        )

    def without(self, user_id: str) -> "Entry":
        """Give the entry with all erased that names or locates a person; the line stands.

        What a client did from an address that may be a person's is theirs, whom it concerned.
        """
        concerned = self.about.person if self.about else ""
        whose = (self.by.person or concerned) if self.by else ""
        return Entry(
            self.line,
            self.digest,
            None if whose == user_id else self.by,
            None if concerned == user_id else self.about,
        )


class Point(Struct, frozen=True):
    """A place on the chain: so many lines, and the digest after them."""

    number: int
    digest: str


class Segment(Struct, frozen=True, kw_only=True):
    """A closed stretch of the log. ``last_at`` is the time of its last line, in seconds.

    After ``dropped_at`` its lines may leave the database; ``digest_before`` and ``last_digest``
    stay, so that the chain goes on over the gap.
    """

    first_number: int
    last_number: int
    digest_before: str
    last_digest: str
    last_at: int
    exported_at: int | None = None
    dropped_at: int | None = None

    @property
    def length(self) -> int:
        """How many lines it has."""
        return self.last_number - self.first_number + 1

    @property
    def before(self) -> Point:
        """Where the chain stood before the first line."""
        return Point(self.first_number - 1, self.digest_before)

    @property
    def end(self) -> Point:
        """Where it stands after the last."""
        return Point(self.last_number, self.last_digest)


class FeedKey(Struct, frozen=True):
    """The public half of a key that signs or has signed heads; gone ones too."""

    kid: str
    algorithm: str
    public_jwk: str
    is_withdrawn: bool


def _spelled(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


BEGINNING: Final = Point(0, _spelled(hashlib.sha256(b"counterfoil audit").digest()))
"""Where every chain begins."""


def commitment(beside: Doer | Concerned) -> str:
    """Commit to fields that may be erased: nobody can guess them from this without the salt."""
    salt, *fields = astuple(beside)
    return _spelled(hashlib.sha256(salt + msgspec.json.encode(fields)).digest())


def entry_of(event: Event, last: Point, random: Callable[[int], bytes]) -> Entry:
    """Make the next line of the log after ``last``; ``random`` gives the salts.

    Raises:
        ValueError: the proof names a person, who could never be erased from the chain.
    """
    demand_erasable(event)
    is_about_user = _is_about_user(event.kind)
    person = event.subject if is_about_user else event.detail.get("user_id", "")
    by, about = _doer_of(event, random), _concerned_of(event, person, random)
    opened = {name: text for name, text in event.detail.items() if name in CHAINED_DETAILS}
    line = Line(
        number=last.number + 1,
        at=event.at,
        kind=str(event.kind),
        actor=USER if _person_in(event.actor) else event.actor,
        subject=USER if is_about_user else event.subject,
        proof=event.proof,
        detail=_ENCODER.encode(opened).decode(),
        by=commitment(by) if by else "",
        about=commitment(about) if about else "",
    )
    return Entry(line, line.after(last.digest), by, about)


def demand_erasable(event: Event) -> None:
    """Demand an event that can become a line.

    Raises:
        ValueError: the proof names a person, who could never be erased from the chain.
    """
    if _person_in(event.proof):
        raise ValueError(f"the proof of {event.kind} names a person: say by what they were known")


def event_of(entry: Entry) -> Event:
    """Read an event back; ``erased`` stands for a person who was."""
    line, by, about = entry.line, entry.by, entry.about
    kind = EventKind(line.kind)
    person = about.person if about else ERASED
    detail = _DETAIL.decode(line.detail)
    if about is not None:
        detail |= _DETAIL.decode(about.detail)
    elif line.about and not _is_about_user(kind):
        detail["user_id"] = ERASED
    return Event(
        number=line.number,
        kind=kind,
        at=line.at,
        actor=f"user:{by.person if by else ERASED}" if line.actor == USER else line.actor,
        subject=person if _is_about_user(kind) else line.subject,
        proof=line.proof,
        address=by.address if by else "",
        user_agent=by.user_agent if by else "",
        detail=detail,
    )


def _doer_of(event: Event, random: Callable[[int], bytes]) -> Doer | None:
    person, address, agent = _person_in(event.actor), event.address, event.user_agent
    if not (person or address or agent):
        return None
    return Doer(random(SALT_BYTES), person, address[:_LONGEST], agent[:_LONGEST])


def _concerned_of(event: Event, person: str, random: Callable[[int], bytes]) -> Concerned | None:
    private = {name: text for name, text in event.detail.items() if name not in CHAINED_DETAILS}
    if not (person or private):
        return None
    whose = person or _person_in(event.actor)
    return Concerned(random(SALT_BYTES), whose, _ENCODER.encode(private).decode())


def _is_about_user(kind: EventKind) -> bool:
    """Whether the subject is a person. A kind that is not in the table yet may be about one."""
    return SUBJECTS.get(kind, USER) == USER


def _person_in(actor: str) -> str:
    return actor.removeprefix("user:") if actor.startswith("user:") else ""


class Events(Protocol):
    """The audit log: numbered without a gap, chained, never changed."""

    async def append(self, event: Event) -> None:
        """Append the next line; its number and digest are given in this transaction."""

    async def last(self) -> Point:
        """How far the log reaches."""

    async def latest(self, count: int) -> list[Event]:
        """The newest events, newest first."""

    async def find(self, query: EventQuery) -> list[Event]:
        """The events that are asked for, newest first."""

    async def entries(self, after: int, limit: int) -> list[Entry]:
        """Lines with a greater number, in order, as they stand."""

    async def erase(self, user_id: str) -> ErasedLines:
        """Erase all that names or locates a person; the chain stands. Says of which lines."""


class Segments(Protocol):
    """Closed stretches of the audit log. Their rows stay when their lines have been dropped."""

    async def add(self, segment: Segment) -> None:
        """Close a stretch."""

    async def every(self) -> list[Segment]:
        """All, in the order of the log."""

    async def note_export(self, segment: Segment) -> None:
        """Note that the segment stands in a file."""

    async def drop(self, segment: Segment, limit: int) -> int:
        """Remove at most ``limit`` lines up to the end of a segment; says how many."""
