"""Random names: handles of tokens and families, ids of users, sessions and grants."""

from base64 import urlsafe_b64encode
from typing import Final

from counterfoil.server.records.store import Transaction

HANDLE_BYTES: Final = 16


def new_handle(tx: Transaction) -> str:
    """Make an opaque random name of 128 bits, safe in URLs."""
    return named(tx.random(HANDLE_BYTES))


def named(content: bytes) -> str:
    """Spell random bytes as a name."""
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
