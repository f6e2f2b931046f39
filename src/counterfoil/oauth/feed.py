"""The words of the notices feed: positions, the chain of digests, signed heads.

A guard is as fresh as the newest signed head whose notices it holds; a cut or altered line shows.
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from typing import Final

from msgspec import Struct

HEAD_TYPE: Final = "notices-head+jwt"
_POSITION: Final = re.compile(r"([A-Za-z0-9_-]{1,64}):(0|[1-9][0-9]{0,15})")


class Position(Struct, frozen=True):
    """A place in the feed, written ``epoch:number``. Numbers have no gap within an epoch."""

    epoch: str
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.number}"


def position_from(text: str) -> Position | None:
    """Read a ``Last-Event-ID``; ``None`` where it is no position."""
    match = _POSITION.fullmatch(text)
    return Position(match[1], int(match[2])) if match else None


class Head(Struct, frozen=True):
    """How far the notices reach, as of ``time`` (seconds since the epoch).

    It also says how far the audit log reached, and the digest of its chain: whoever keeps a head
    is a witness of what the log held. Guards keep it and make nothing of it.
    """

    iss: str
    epoch: str
    number: int
    digest: str
    time: float
    audit_number: int = 0
    audit_digest: str = ""


class Carried(Struct, frozen=True):
    """Under which names a carrier keeps the feed of an issuer."""

    stream: str
    subject: str


def carried(iss: str) -> Carried:
    """Name the feed of an issuer for a carrier, so that many issuers may share one."""
    name = hashlib.sha256(b"counterfoil carrier " + iss.encode()).hexdigest()[:32]
    return Carried(f"counterfoil-{name}", f"counterfoil.{name}.notices")


def first_digest(epoch: str) -> str:
    """Begin the chain of an epoch."""
    return _spelled(hashlib.sha256(b"counterfoil notices " + epoch.encode("ascii")).digest())


def next_digest(digest: str, text: bytes) -> str:
    """Chain one more notice by its exact bytes."""
    return _spelled(hashlib.sha256(digest.encode("ascii") + b"\n" + text).digest())


def _spelled(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
