"""The cookies of a backend-for-frontend (RFC 6265bis §4.1.3.2): a handle, and never a token."""

from collections import Counter
from hashlib import sha256
from typing import Final

from counterfoil.bff.asgi import Request

Setting = tuple[str, str]
"""A ``Set-Cookie`` header."""

BACK: Final = "back"
"""The welcome of someone who was signed in here: ask the server silently when they return."""
ASKED: Final = "asked"
"""The welcome of someone for whom it was asked, or who signed out: do not ask again."""
_REMEMBERED: Final = 400 * 24 * 60 * 60
"""Seconds; browsers keep nothing for longer."""


class Cookies:
    """Names and writes the cookies.

    Over https they are ``__Host-`` cookies: no other host, not even a sibling, can set or read
    them. In development (plain http on this machine) no cookie has that protection, and the names
    say so.
    """

    def __init__(self, *, development: bool) -> None:
        self._attributes = "Path=/; HttpOnly" + ("" if development else "; Secure")
        prefix = "insecure-" if development else "__Host-"
        self.session: Final = f"{prefix}bff-session"
        self.welcome: Final = f"{prefix}bff-welcome"
        self.attempts: Final = f"{prefix}bff-sign-in-"

    def attempt_of(self, state: str) -> str:
        """Name the cookie of one sign-in, so that several tabs have their own."""
        return self.attempts + sha256(state.encode()).hexdigest()[:16]

    def hold_session(self, identifier: str) -> Setting:
        """Set the handle of a session. Strict: no other site makes a request that carries it."""
        return self._set(self.session, identifier, "SameSite=Strict")

    def drop_session(self) -> Setting:
        """Forget it."""
        return self._set(self.session, "", "SameSite=Strict; Max-Age=0")

    def hold_attempt(self, name: str, sealed: str, seconds: int) -> Setting:
        """Set a sign-in that has begun. Lax: the server's redirect has to bring it back."""
        return self._set(name, sealed, f"SameSite=Lax; Max-Age={seconds}")

    def drop_attempt(self, name: str) -> Setting:
        """Forget it."""
        return self._set(name, "", "SameSite=Lax; Max-Age=0")

    def welcome_back(self) -> Setting:
        """Remember that someone was signed in here."""
        return self._set(self.welcome, BACK, f"SameSite=Lax; Max-Age={_REMEMBERED}")

    def ask_no_more(self) -> Setting:
        """Remember, until the browser is closed, not to ask silently."""
        return self._set(self.welcome, ASKED, "SameSite=Lax")

    def _set(self, name: str, value: str, attributes: str) -> Setting:
        return ("set-cookie", f"{name}={value}; {self._attributes}; {attributes}")


def cookies_in(request: Request) -> dict[str, str]:
    """Read the cookies of a request. One that comes twice was tossed in: neither counts."""
    # Only what browsers put between them is cut off: a name that begins with another space was
    # tossed in by a sibling, past the check for the prefix.
    pairs = [
        pair.strip(" \t").partition("=")
        for header in request.values("cookie")
        for pair in header.split(";")
    ]
    often = Counter(name for name, _, _ in pairs)
    return {name: value for name, _, value in pairs if name and often[name] == 1}
