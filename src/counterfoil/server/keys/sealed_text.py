"""Values sealed as text: they travel in cookies, forms and addresses, and cost no row."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TypeVar

import msgspec

from counterfoil.server.keys.sealing import OVERHEAD, NotSealed, Seals

T = TypeVar("T", bound=msgspec.Struct)


def sealed_text(sealing: Seals, value: msgspec.Struct, context: str) -> str:
    """Seal a value; it opens only with the same ``context``, which is not kept secret."""
    sealed = sealing.seal(msgspec.json.encode(value), context)
    return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def sealed_length(value: msgspec.Struct) -> int:
    """Say how many characters ``sealed_text`` would give."""
    return -(-4 * (OVERHEAD + len(msgspec.json.encode(value))) // 3)


def opened_text(sealing: Seals, unverified: str, context: str, kind: type[T]) -> T:
    """Open what ``sealed_text`` made of a value of this kind.

    Raises:
        NotSealed: it was not sealed here, or not for this, or is no such value.
    """
    try:
        sealed = urlsafe_b64decode(unverified.encode("ascii") + b"==")
        return msgspec.json.decode(sealing.open(sealed, context), type=kind)
    except ValueError:  # no ASCII, no base64, no such JSON
        raise NotSealed from None
