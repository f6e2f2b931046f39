"""A browser that is remembered when its session is over: it gets another, and nothing else."""

from typing import Protocol

from msgspec import Struct

from counterfoil.server.records.session import Origin


class RememberedBrowser(Struct, frozen=True, kw_only=True):
    """A remembered browser, by the SHA-256 of the value in its cookie. Times in seconds.

    ``before`` is that of the value before, empty at first; ``number`` counts the values.
    ``browser`` is the browser's own name. ``auth_time`` and ``amr`` are those of the sign-in by
    which it came to be remembered. ``used_at`` is when it was given its present value.
    """

    id: str
    user_id: str
    digest: bytes
    browser: str
    auth_time: int
    amr: tuple[str, ...]
    used_at: int
    expires_at: int
    origin: Origin
    before: bytes = b""
    number: int = 0


class RememberedBrowsers(Protocol):
    """Browsers that are remembered. One that has ended is not there any more."""

    async def add(self, remembered: RememberedBrowser) -> None: ...
    async def find(self, remembered_id: str) -> RememberedBrowser | None: ...
    async def of_user(self, user_id: str) -> list[RememberedBrowser]:
        """All that have not expired, the last used first."""

    async def rotate(self, used: RememberedBrowser) -> bool:
        """Give one its next value in place of ``before``, in one statement.

        ``False`` where it has another value by now, or is there no more.
        """

    async def end(self, remembered_id: str) -> bool:
        """Forget; ``False`` where it was forgotten already or never was."""
