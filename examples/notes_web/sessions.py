"""The web app's own sessions, named by an opaque cookie: no token ever reaches the browser."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.client import AsyncHolder, Attempt, Identity

COOKIE = "notes_session"
MOST_SESSIONS = 10_000


@dataclass
class Session:
    """One browser: a sign-in on its way, or one that is done and what holds its tokens."""

    attempt: Attempt | None = None
    held: AsyncHolder | None = None
    identity: Identity | None = None


class Sessions:
    """All sessions, in memory; where there are too many, the oldest goes."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def of(self, request: Request) -> Session | None:
        """The session of this browser."""
        return self._sessions.get(request.cookies.get(COOKIE, ""))

    def begin(self, request: Request, response: Response, session: Session) -> None:
        """Give the browser a session under a new name; the one it had is forgotten.

        A new name at every sign-in: one that somebody planted beforehand is worth nothing.
        """
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)
        name = secrets.token_urlsafe(32)
        self._sessions[name] = session
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        response.set_cookie(COOKIE, name, httponly=True, samesite="lax", secure=self._secure)

    def end(self, request: Request, response: Response) -> None:
        """Forget the session of this browser."""
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)
        response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=self._secure)
