"""Our own opaque secrets: a prefix that scanners recognise, 256 random bits, a checksum.

Only their SHA-256 is stored: a random secret of this length needs no slow hash.
"""

import hashlib
import hmac
import re
import zlib
from base64 import urlsafe_b64encode
from enum import StrEnum
from typing import Final

SECRET_BYTES: Final = 32
_SHAPE: Final = re.compile(r"(cf[a-z]{1,3})_([A-Za-z0-9_-]{16,400})-([0-9a-f]{8})")


class Kind(StrEnum):
    """What a secret is for. A secret of one kind is never accepted as another (S75)."""

    CLIENT_SECRET = "cfcs"
    AUTHORIZATION_CODE = "cfac"
    DEVICE_CODE = "cfdc"
    REFRESH_TOKEN = "cfrt"
    ACCESS_TOKEN = "cfat"
    PERSONAL_TOKEN = "cfpt"
    SESSION = "cfse"
    BROWSER = "cfbr"
    ACTION_TOKEN = "cfal"
    REMEMBERED = "cfrb"


class Secret:
    """A secret in clear that does not show itself: its ``repr`` and ``str`` are redacted."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text, for the one answer that hands it over."""
        return self._text

    def fingerprint(self) -> bytes:
        """Give the SHA-256 under which the secret is stored."""
        return fingerprint(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self._text.encode(), other._text.encode()
        )

    def __hash__(self) -> int:
        return hash(self.fingerprint())


CHECKSUM: Final = {
    "algorithm": "CRC-32 (ISO-HDLC, as in zlib)",
    "over": "all before the last hyphen, in ASCII",
    "written": "8 lower-case hexadecimal digits after the last hyphen",
}
"""How a checksum is made, for whoever looks for leaked secrets: it tells chance from ours."""


def pattern_of(kind: Kind) -> str:
    """Give the regular expression that finds secrets of a kind in any text."""
    return f"{kind.value}_[A-Za-z0-9_-]{{16,400}}-[0-9a-f]{{8}}"


def spell(kind: Kind, content: bytes) -> Secret:
    """Spell ``content`` (random bytes of the caller) as a secret of ``kind``."""
    body = f"{kind}_{urlsafe_b64encode(content).rstrip(b'=').decode('ascii')}"
    return Secret(f"{body}-{_checksum(body)}")


def is_spelled(kind: Kind, unverified: str) -> bool:
    """Whether a text has the prefix of ``kind`` and a right checksum. It proves nothing more."""
    match = _SHAPE.fullmatch(unverified)
    return (
        match is not None
        and match[1] == kind
        and match[3] == _checksum(unverified[: match.start(3) - 1])
    )


def content_of(kind: Kind, unverified: str) -> str | None:
    """Give the base64url content of a well spelled secret, else ``None``."""
    return unverified[len(kind) + 1 : -9] if is_spelled(kind, unverified) else None


def fingerprint(text: str) -> bytes:
    """Give the SHA-256 under which a secret is stored."""
    return hashlib.sha256(text.encode("utf-8")).digest()


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode('ascii')):08x}"
