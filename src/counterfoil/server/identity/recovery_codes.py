"""Recovery codes: ten, shown once, each good once, for when the other factor is lost.

Each is 120 random bits, so that nobody finds one from a digest, and guessing needs no lock: who
locks others out by wrong codes leaves them this way in. Kept is a MAC under a key of the server.
"""

import hmac
from collections.abc import Iterable
from typing import Final

from counterfoil.server.records.store import Transaction

HOW_MANY: Final = 10
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without I, L, O and U: nothing is mistaken for a digit, or spells a word."""
_BYTES: Final = 15
_GROUP: Final = 6
_LENGTH: Final = _BYTES * 8 // 5
_TAKEN_FOR: Final = str.maketrans({"I": "1", "L": "1", "O": "0"})


def drawn(tx: Transaction) -> tuple[str, ...]:
    """Draw ten new codes, as people see them."""
    return tuple(_spell(tx.random(_BYTES)) for _ in range(HOW_MANY))


def _spell(octets: bytes) -> str:
    number = int.from_bytes(octets, "big")
    letters = "".join(_LETTERS[(number >> 5 * place) & 31] for place in range(_LENGTH))
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def read(typed: str) -> str | None:
    """Give the letters of a code that was typed; ``None`` where it cannot be one."""
    if not typed.isascii():
        return None
    letters = "".join(typed.upper().replace("-", "").split()).translate(_TAKEN_FOR)
    is_one = len(letters) == _LENGTH and all(letter in _LETTERS for letter in letters)
    return letters if is_one else None


def digest_of(key: bytes, user_id: str, letters: str) -> bytes:
    """Give what is kept of a code: another person's like it has another."""
    return hmac.digest(key, f"{user_id} {letters}".encode(), "sha256")


def digests_of(key: bytes, user_id: str, codes: Iterable[str]) -> list[bytes]:
    """Give what is kept of new codes."""
    return [digest_of(key, user_id, code.replace("-", "")) for code in codes]
