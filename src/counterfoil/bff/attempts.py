"""Sign-ins on their way: each sealed in a cookie of the browser that began it, so none costs a row.

The code that comes back is worth nothing in another browser, and the browser cannot read the
verifier (OAuth 2.1 §7.5; login CSRF, RFC 9700 §4.7).
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.jose.sealing import NotSealed, Sealing

LIFE: Final = 600
"""Seconds in which a person has to be back."""
MOST: Final = 4
"""Attempts of one browser; its oldest goes, for browsers send all cookies or none."""
_CONTEXT: Final = "counterfoil bff: "


class Begun(Struct, frozen=True, array_like=True):
    """What is kept of a sign-in. ``before`` is the key of the session that it replaces."""

    state: str
    nonce: str
    code_verifier: str
    began_at: int
    return_to: str
    silent: bool = False
    before: str = ""

    def __repr__(self) -> str:
        return f"Begun(return_to={self.return_to!r}, …)"


class Attempts:
    """Seals and opens. Processes that share the key finish each other's sign-ins."""

    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing

    def seal(self, begun: Begun, name: str) -> str:
        """Write the cookie of this name."""
        sealed = self._sealing.seal(msgspec.msgpack.encode(begun), _CONTEXT + name)
        return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def open(self, unverified: str, name: str, now: float) -> Begun | None:
        """Read it; ``None`` where it is not ours, altered, or too old."""
        try:
            sealed = urlsafe_b64decode(unverified + "=" * (-len(unverified) % 4))
            plain = self._sealing.open(sealed, _CONTEXT + name)
            begun = msgspec.msgpack.decode(plain, type=Begun)
        except (NotSealed, Error, ValueError):
            return None
        return begun if begun.began_at <= now < begun.began_at + LIFE else None

    def superfluous(self, cookies: dict[str, str], prefix: str, now: float) -> list[str]:
        """Name the attempts that go when one more begins: the dead, and then the oldest."""
        began: dict[str, int] = {}
        for name, value in cookies.items():
            if name.startswith(prefix):
                begun = self.open(value, name, now)
                began[name] = begun.began_at if begun else 0
        newest = sorted(began, key=lambda name: began[name], reverse=True)
        return [name for place, name in enumerate(newest) if place >= MOST - 1 or not began[name]]
