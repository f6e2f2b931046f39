"""Requests that come again: how they are known, without keeping what they say.

Services send the same header and the same form over and over. What was decided of one stands for
the next, for as long as nothing has changed that it rests on (`Decisions` of a transaction).
"""

from enum import Enum
from hashlib import blake2b

from msgspec import Struct


class At(Enum):
    """Where it is asked: what was decided at one endpoint says nothing at another."""

    TOKEN = b"token"
    INTROSPECTION = b"introspection"


class Repeats(Struct, frozen=True):
    """Names requests by a hash that only this process can compute. ``key`` is random bytes.

    A form holds secrets and tokens, so it is not kept; and nobody outside can try, by how long an
    answer takes, whether a guess begins like what was asked by somebody else.
    """

    key: bytes

    def name(self, at: At, authorization: str | None, form: bytes) -> bytes:
        """Name a request by all that it says for itself: who asks, and for what."""
        if authorization is None:
            said = b"-%b" % form
        else:
            header = authorization.encode("latin-1")
            said = b"%d:%b%b" % (len(header), header, form)
        return blake2b(said, key=self.key, person=at.value).digest()

    def __repr__(self) -> str:
        return "Repeats(…)"
