"""Passwords: Argon2id (RFC 9106) in a few threads of its own, with a bounded queue (S104)."""

import asyncio
import threading
from base64 import b64encode
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from counterfoil.server.identity.breached import Breached
from counterfoil.server.identity.strength import weakness
from counterfoil.server.records.sentence import say

SHORTEST: Final = 8
LONGEST: Final = 256
WAITING_PER_THREAD: Final = 32
"""At some 50 ms for a password, nobody waits for more than two seconds."""

_PREFIX: Final = "$argon2"
_SIZES: Final = (16, 32)
"""Of a salt and of a hash, in bytes, as the library makes them."""
_CROWDED: Final = "Too many people are signing in at this moment. Try again in a moment."
STOLEN: Final = say(
    "This password is in a list of passwords that were stolen elsewhere. Take another one."
)
_ENDING: Final = "The server is about to end. Try again in a moment."

T = TypeVar("T")


class PasswordRefused(Exception):
    """A new password is too short, too long, or easily guessed. The text is for the person."""

    def __init__(self, sentence: str) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


class TooBusy(Exception):
    """A password would wait too long to be checked, or is not checked any more; answer 503."""


def demand_allowed(password: str) -> None:
    """Demand a length that a new password may have.

    Raises:
        PasswordRefused: it is not between 8 and 256 characters long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordRefused(
            say(
                "A password must have at least {shortest} and at most {longest} characters.",
                shortest=SHORTEST,
                longest=LONGEST,
            )
        )


class Passwords:
    """Hashes and verifies, with the parameters that OWASP names: 19 MiB, 2 passes, 1 lane.

    Passwords are taken exactly as they were received (ASVS 5.0 §6.2.8): nothing is trimmed, cut or
    normalised. Whoever has waited for a thread for more than ``patience`` seconds is sent away.
    ``breached`` knows what was stolen elsewhere. ``close`` lets go of the threads.
    """

    def __init__(
        self, threads: int, patience: float = 10.0, breached: Breached | None = None
    ) -> None:
        self._patience = patience
        self._breached = breached or Breached()
        # zxcvbn keeps what is known of a person where another thread would read it.
        self._one_at_a_time = threading.Lock()
        self._closed = False
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._places = threading.BoundedSemaphore(threads * (1 + WAITING_PER_THREAD))
        self._nobodys = _nobodys_hash(self._hasher)

    async def hash(self, password: str) -> str:
        """Hash a new password, with a salt of its own.

        Raises:
            PasswordRefused: it is not between 8 and 256 characters long.
            TooBusy: too many wait, or this one has waited for too long.
        """
        demand_allowed(password)
        return await self._run(lambda: self._hasher.hash(_octets(password)))

    async def choose(self, password: str, about: Iterable[str] = ()) -> str:
        """Hash a password that a person chose for themselves. ``about``: what is known of them.

        Raises:
            PasswordRefused: it is too short, too long, easily guessed, or was stolen elsewhere.
            TooBusy: too many wait, or this one has waited for too long.
        """
        demand_allowed(password)
        weak = await self._run(lambda: self._weakness(password, about))
        if weak is not None:
            raise PasswordRefused(weak)
        return await self.hash(password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Verify a password against a stored hash.

        ``None`` stands for an account that does not exist or has no password: the answer is no,
        and takes as long as any other, so that time tells nobody which accounts exist.

        Raises:
            TooBusy: too many wait, or this one has waited for too long.
        """
        return await self._run(lambda: self._is_right(password, stored))

    def _weakness(self, password: str, about: Iterable[str]) -> str | None:
        with self._one_at_a_time:
            weak = weakness(password, about)
        return STOLEN if weak is None and self._breached.holds(password) else weak

    def close(self) -> None:
        """Begin nothing more, refuse whoever waits, and let the threads end."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _is_right(self, password: str, stored: str | None) -> bool:
        # What is no hash at all would be refused in no time: that tells of an ended password.
        is_hash = stored is not None and stored.startswith(_PREFIX)
        is_possible = is_hash and len(password) <= LONGEST
        against = stored if stored is not None and is_possible else self._nobodys
        try:
            self._hasher.verify(against, _octets(password[: LONGEST + 1]))
        except (VerificationError, InvalidHashError):
            return False
        return is_possible

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise TooBusy(_CROWDED)
        try:
            future = self._pool.submit(work)
        except RuntimeError:
            self._places.release()
            raise TooBusy(_ENDING) from None
        future.add_done_callback(self._leave)
        # It stops only what has not begun.
        giving_up = asyncio.get_running_loop().call_later(self._patience, future.cancel)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            raise TooBusy(_ENDING if self._closed else _CROWDED) from None
        finally:
            giving_up.cancel()

    def _leave(self, _: Future[T]) -> None:
        self._places.release()


def _nobodys_hash(hasher: PasswordHasher) -> str:
    """Spell a hash that no password has; to verify against it takes as long as against any.

    Making one would take as long, at every start.
    """
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = (b64encode(bytes(size)).decode("ascii").rstrip("=") for size in _SIZES)
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


def _is_cancelled() -> bool:
    """Whether who waits was cancelled, and not what they wait for."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _octets(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
