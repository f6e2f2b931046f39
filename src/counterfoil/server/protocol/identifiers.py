"""Random names: handles of tokens and families, ids of users, sessions and grants."""

import re
from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Final

from counterfoil.server.records.store import Transaction

HANDLE_BYTES: Final = 16
_LETTERS: Final = 22
_BEGINNING_BYTES: Final = 3
"""Four letters: with which the names of all families of one second begin."""
WITHIN_FAMILY_BYTES: Final = 12
"""Chance in the handle of a token that also names its family: no two are the same in one family."""
_FINGERPRINT: Final = re.compile(r"(?:([A-Za-z0-9_-]{22})\.[A-Za-z0-9_-]{16}|[A-Za-z0-9_-]{22})")


def new_handle(tx: Transaction) -> str:
    """Make an opaque random name of 128 bits, safe in URLs."""
    return named(tx.random(HANDLE_BYTES))


def new_family_id(key: bytes, tx: Transaction) -> str:
    """Make the name of a family: 104 bits of chance, behind what all of one second begin with.

    So they lie side by side in every index, which grows in one place and not in as many as there
    are families. That is a keyed hash: no time is read in it without the ``key``, or without having
    begun a family in the same second.
    """
    second = tx.now.to_bytes(8, "big", signed=True)  # a clock may stand before 1970
    beginning = blake2b(second, key=key, digest_size=_BEGINNING_BYTES).digest()
    return named(beginning + tx.random(HANDLE_BYTES - _BEGINNING_BYTES))


def named(content: bytes) -> str:
    """Spell random bytes as a name."""
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def new_token_handle(tx: Transaction, family_id: str = "") -> str:
    """Make the ``jti`` of an access token: it begins with its family, where there is one.

    So a fingerprint found in a log leads to all that stands behind the token, with no row for it.
    """
    if not family_id:
        return new_handle(tx)
    return f"{family_id}.{named(tx.random(WITHIN_FAMILY_BYTES))}"


def new_handles(tx: Transaction, count: int) -> list[str]:
    """Make so many opaque random names at once, of 128 bits each."""
    chance = tx.random(HANDLE_BYTES * count)
    each = [chance[at : at + HANDLE_BYTES] for at in range(0, len(chance), HANDLE_BYTES)]
    # Three bytes are four letters: with two of zeros each begins where letters begin.
    text = named(b"".join(one + b"\0\0" for one in each))
    return [text[at : at + _LETTERS] for at in range(0, len(text), _LETTERS + 2)]


def is_fingerprint(text: str) -> bool:
    """Whether a text is spelled as the fingerprint of a token."""
    return _FINGERPRINT.fullmatch(text) is not None


def family_in(fingerprint: str) -> str:
    """Give the family that a fingerprint names; empty where it names none."""
    match = _FINGERPRINT.fullmatch(fingerprint)
    return (match[1] or "") if match else ""
