"""Names of guards' lines: nobody can acknowledge for a line who was not given its name."""

import hmac
from base64 import urlsafe_b64encode
from typing import Final

PROCESS_BYTES: Final = 9
LINE_BYTES: Final = 9
_MAC_BYTES: Final = 18


class LineNames:
    """Makes names, and knows them again: those of every process that has the same ``key``.

    A name is ``process.line.MAC``. The process is told by it that must hear what is said.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, process: str, drawn: bytes) -> str:
        """Name a line of a process; ``drawn`` at random."""
        named = f"{process}.{spelled(drawn)}"
        return f"{named}.{self._mac(named)}"

    def process_in(self, line: str) -> str | None:
        """Say which process holds a line; ``None`` where no process has named it."""
        named, _, mac = line.rpartition(".")
        right = line.isascii() and hmac.compare_digest(mac, self._mac(named))
        return named.partition(".")[0] if right else None

    def _mac(self, named: str) -> str:
        return spelled(hmac.digest(self._key, named.encode(), "sha256")[:_MAC_BYTES])


def spelled(data: bytes) -> str:
    """Spell random bytes so that they may stand in a name."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
