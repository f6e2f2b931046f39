"""Remembered browsers as JSON. A stable interface."""

from msgspec import Struct

from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.store import Transaction


class RememberedBrowserDocument(Struct, frozen=True, kw_only=True):
    """A browser that is remembered (S24). ``user_agent`` is what it says of itself.

    Times in seconds. ``auth_time`` and ``amr`` are of the sign-in that it is remembered by.
    """

    id: str
    user_id: str
    auth_time: int
    amr: tuple[str, ...]
    last_used_at: int
    expires_at: int
    address: str
    user_agent: str


class RememberedBrowserList(Struct, frozen=True, kw_only=True):
    """Those of a person, the last used first."""

    remembered_browsers: tuple[RememberedBrowserDocument, ...]


async def list_of(tx: Transaction, user_id: str) -> RememberedBrowserList:
    """Read those of a person that have not expired."""
    found = await tx.remembered_browsers.of_user(user_id)
    return RememberedBrowserList(remembered_browsers=tuple(map(_document_of, found)))


def _document_of(remembered: RememberedBrowser) -> RememberedBrowserDocument:
    return RememberedBrowserDocument(
        id=remembered.id,
        user_id=remembered.user_id,
        auth_time=remembered.auth_time,
        amr=remembered.amr,
        last_used_at=remembered.used_at,
        expires_at=remembered.expires_at,
        address=remembered.origin.address,
        user_agent=remembered.origin.user_agent,
    )
