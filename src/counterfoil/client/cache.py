"""Where tokens are kept: for whom and for what, by which name, and what every cache promises."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from threading import Lock
from typing import Protocol
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from counterfoil.client.errors import CacheUnusable
from counterfoil.client.tokens import Tokens


class Entry(Struct, frozen=True, kw_only=True):
    """Whose tokens, and what for. ``subject`` is any word that tells two people apart."""

    issuer: str
    client_id: str
    resource: str = ""
    scope: str = ""
    subject: str = ""

    @property
    def name(self) -> str:
        """The name under which a cache keeps it: it says nothing of what is in it."""
        scopes = sorted(self.scope.split())
        parts = (self.issuer, self.client_id, self.resource, self.subject, scopes)
        return sha256(msgspec.json.encode(parts)).hexdigest()


class Kept(Struct, frozen=True, kw_only=True):
    """What is kept under an entry.

    ``others`` are access tokens for other APIs than the entry's own, by their ``resource``. There
    is one refresh token for all. ``key`` is the thumbprint of the key that they are bound to.
    """

    tokens: Tokens
    others: Mapping[str, Tokens] = {}
    key: str = ""

    def __repr__(self) -> str:
        return f"Kept({self.tokens!r}, …)"


class Cache(Protocol):
    """A cache of tokens. Each entry is written whole, and is locked by one holder at a time.

    Every method raises `CacheUnusable` where it cannot be done.
    """

    def read(self, entry: Entry) -> bytes | None:
        """Give what is kept; ``None`` where there is nothing."""

    def write(self, entry: Entry, content: bytes) -> None:
        """Keep it; when this returns, a crash does not lose it."""

    def remove(self, entry: Entry) -> None:
        """Forget it, if it is there."""

    def try_lock(self, entry: Entry) -> Callable[[], None] | None:
        """Lock an entry and give what unlocks it; ``None`` where somebody else has it."""


class MemoryCache:
    """Keeps tokens as long as it lives. Threads and loops may share it."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        # A lock lives as long as somebody holds it: else every person who was ever here left one.
        self._locks: WeakValueDictionary[str, Lock] = WeakValueDictionary()
        self._guard = Lock()

    def read(self, entry: Entry) -> bytes | None:
        """Give what is kept; ``None`` where there is nothing."""
        return self._contents.get(entry.name)

    def write(self, entry: Entry, content: bytes) -> None:
        """Keep it."""
        self._contents[entry.name] = content

    def remove(self, entry: Entry) -> None:
        """Forget it, if it is there."""
        self._contents.pop(entry.name, None)

    def try_lock(self, entry: Entry) -> Callable[[], None] | None:
        """Lock an entry and give what unlocks it; ``None`` where somebody else has it."""
        with self._guard:
            lock = self._locks.setdefault(entry.name, Lock())
        return lock.release if lock.acquire(blocking=False) else None

    def __repr__(self) -> str:
        return f"MemoryCache({len(self._contents)} entries)"


def read_kept(cache: Cache, entry: Entry) -> Kept | None:
    """Read an entry.

    Raises:
        CacheUnusable: it cannot be read, or holds something else.
    """
    content = cache.read(entry)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Kept)
    except msgspec.DecodeError:
        raise CacheUnusable(
            f"{cache!r} holds something else than tokens: remove it and sign in again"
        ) from None


def write_kept(cache: Cache, entry: Entry, kept: Kept) -> None:
    """Write an entry. Raises as :meth:`Cache.write`."""
    cache.write(entry, msgspec.json.encode(kept))
