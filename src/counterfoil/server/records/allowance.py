"""What a token may do so often, or up to such a sum, whoever uses it where (S54, S55).

A guard **takes** of an allowance under a key of its own choice: whoever asks again under that key
gets the same answer, and nothing is spent twice. What it took and did not use it may **give back**.
"""

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from counterfoil.oauth.revocations import Marks
from counterfoil.server.records.listing import Part


class Allowance(Struct, frozen=True, kw_only=True):
    """One allowance of one token. Times in seconds since the epoch.

    ``marks`` are those by which the token can be ended; ``subject`` is whose it is, a person or the
    client itself. ``taken`` counts what guards hold, too, be it used or not. The row matters no
    more at ``kept_until``. ``draws_on``: the ``jti`` of the token that its own was exchanged for,
    of whose allowance of this name as much is taken; empty where there is none.
    """

    name: str
    total: int
    marks: Marks
    subject: str
    expires_at: int
    kept_until: int
    taken: int = 0
    draws_on: str = ""

    @property
    def left(self) -> int:
        """What nobody has taken yet."""
        return self.total - self.taken


class Owner(Struct, frozen=True):
    """Whose tokens: of a subject, of a client, or of a subject that this client has."""

    subject: str = ""
    client_id: str = ""


class Take(Struct, frozen=True):
    """What a guard asks for: ``amount``, or what there is, if that is ``least`` or more.

    ``taker`` is the client as which the guard has proved itself, ``key`` the guard's own name for
    this take. ``purpose``: what it is for, where the amount does not say it.
    """

    jti: str
    name: str
    key: str
    taker: str
    amount: int
    least: int
    purpose: str = ""


class Outcome(StrEnum):
    """What became of a take."""

    GRANTED = "granted"
    USED_UP = "used_up"
    KEY_REUSED = "key_reused"
    """The key stands for another take: of another guard, amount or purpose."""


class Taken(Struct, frozen=True):
    """The answer: how much was granted, and how much is left for all others."""

    outcome: Outcome
    granted: int = 0
    left: int = 0


class Return(Struct, frozen=True):
    """What a guard gives back of a take: once, and no more than it was granted."""

    jti: str
    name: str
    key: str
    taker: str
    amount: int


class Allowances(Protocol):
    """The promises of the store: exact however many take at once, until the token has expired."""

    async def add(self, allowance: Allowance) -> None:
        """Add; raises ``Conflict`` where the token has one of that name."""

    async def find(self, jti: str, name: str) -> Allowance | None:
        """Look up by the token's name and its own."""

    async def take(self, take: Take) -> Taken:
        """Take. To check and to spend is one statement; the same take again gives what it gave.

        Of an allowance that is not there, or whose token has expired, nothing is left. What was
        refused is not remembered: it has spent nothing, and is decided anew.
        """

    async def give_back(self, back: Return) -> int:
        """Take back what a guard did not use; says how much: 0, where it was given back before."""

    async def live_of(self, owner: Owner, name: str, part: Part) -> list[Allowance]:
        """Those of a name that unexpired tokens of somebody have, newest first."""
