"""The cookies of a browser: its name, its session, its link and more (RFC 6265bis §4.1.3.2)."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.opaque import Kind, Secret, is_spelled
from counterfoil.server.records.language import LANGUAGES

_PROVIDER_LIFETIME: Final = 180 * 24 * 60 * 60
_SPACES: Final = " \t"
"""No others, though Starlette takes off all of Unicode's: browsers keep no watch over a prefix that
stands behind one of those."""
_YEAR: Final = 365 * 24 * 60 * 60
_LONGEST_NUMBER: Final = 12
_READ: Final = "counterfoil.cookies"


class Pressed(Struct, frozen=True):
    """The language that a browser switched to, and when, in seconds since the epoch."""

    language: str
    at: int


class Cookies:
    """``__Host-`` cookies over https. In development (plain http on loopback) without the prefix.

    All are HttpOnly and SameSite=Lax: links into the server work, foreign forms do not.
    """

    def __init__(self, *, development: bool) -> None:
        prefix = "" if development else "__Host-"
        self._secure = not development
        self._browser: Final = f"{prefix}counterfoil_browser"
        self._session: Final = f"{prefix}counterfoil_session"
        self._action: Final = f"{prefix}counterfoil_action"
        self._half: Final = f"{prefix}counterfoil_half_sign_in"
        self._known: Final = f"{prefix}counterfoil_known"
        self._provider: Final = f"{prefix}counterfoil_provider"
        self._remembered: Final = f"{prefix}counterfoil_remembered"
        self._language: Final = f"{prefix}counterfoil_language"

    def browser_of(self, request: Request) -> Secret | None:
        """Give the browser's own secret."""
        return self._read(request, self._browser, Kind.BROWSER)

    def session_of(self, request: Request) -> Secret | None:
        """Give the secret of the signed-in session."""
        return self._read(request, self._session, Kind.SESSION)

    def action_of(self, request: Request) -> Secret | None:
        """Give the action token of the link that was opened here last."""
        return self._read(request, self._action, Kind.ACTION_TOKEN)

    def set_action(self, response: Response, secret: Secret) -> None:
        """Keep the token of a link until the browser is closed: it stands in no address then."""
        self._set(response, self._action, secret.reveal(), None)

    def clear_action(self, response: Response) -> None:
        """Forget the token of a link."""
        self._set(response, self._action, "", 0)

    def half_of(self, request: Request) -> str | None:
        """Give the sealed half of a sign-in, for which a second factor is due."""
        return self._value(request, self._half)

    def remembered_of(self, request: Request) -> Secret | None:
        """Give what this browser is remembered by."""
        return self._read(request, self._remembered, Kind.REMEMBERED)

    def known_of(self, request: Request) -> str | None:
        """Give what says, sealed, in which accounts this browser has signed in before."""
        return self._value(request, self._known)

    def provider_of(self, request: Request) -> str | None:
        """Give the provider by which somebody signed in here last."""
        return self._value(request, self._provider)

    def set_provider(self, response: Response, provider_id: str) -> None:
        """Keep by which provider somebody signed in, until they sign out."""
        self._set(response, self._provider, provider_id, _PROVIDER_LIFETIME)

    def clear_provider(self, request: Request, response: Response) -> None:
        """Forget the provider, where the browser has one."""
        if self._provider in request.cookies:
            self._set(response, self._provider, "", 0)

    def language_of(self, request: Request) -> Pressed | None:
        """Give the language that this browser switched to, if it is one of ours."""
        language, _, at = (self._value(request, self._language) or "").partition(".")
        is_number = at.isascii() and at.isdigit() and len(at) <= _LONGEST_NUMBER
        return Pressed(language, int(at)) if language in LANGUAGES and is_number else None

    def clear_language(self, request: Request, response: Response) -> None:
        """Forget the language that this browser was switched to, where it was."""
        if self._language in request.cookies:
            self._set(response, self._language, "", 0)

    def set_language(self, response: Response, pressed: Pressed) -> None:
        """Keep a language for a year: it is no secret, and names nobody."""
        self._set(response, self._language, f"{pressed.language}.{pressed.at}", _YEAR)

    def _read(self, request: Request, name: str, kind: Kind) -> Secret | None:
        value = self._value(request, name)
        return Secret(value) if value is not None and is_spelled(kind, value) else None

    def _value(self, request: Request, name: str) -> str | None:
        read: Mapping[str, str | None] | None = request.scope.get(_READ)
        if read is None:
            read = request.scope[_READ] = _cookies_of(request)
        return read.get(name)

    def set_browser(self, response: Response, secret: Secret, max_age: int | None = None) -> None:
        """Name the browser until it is closed, or for so many seconds where it is remembered."""
        self._set(response, self._browser, secret.reveal(), max_age)

    def set_session(self, response: Response, secret: Secret, max_age: int | None) -> None:
        """Keep the session for at most ``max_age`` seconds; ``None``: until it is closed."""
        self._set(response, self._session, secret.reveal(), max_age)

    def set_remembered(self, response: Response, secret: Secret, max_age: int) -> None:
        """Keep for so many seconds what the browser is remembered by."""
        self._set(response, self._remembered, secret.reveal(), max_age)

    def clear_remembered(self, request: Request, response: Response) -> None:
        """Forget what the browser is remembered by, and let its name go when it is closed."""
        if self._remembered not in request.cookies:
            return
        self._set(response, self._remembered, "", 0)
        name = self.browser_of(request)
        if name is not None:
            self.set_browser(response, name)

    def set_half(self, response: Response, sealed: str, max_age: int) -> None:
        """Keep half a sign-in for so many seconds."""
        self._set(response, self._half, sealed, max_age)

    def set_known(self, response: Response, sealed: str, max_age: int) -> None:
        """Keep for so many seconds in which accounts the browser has signed in."""
        self._set(response, self._known, sealed, max_age)

    def clear_half(self, request: Request, response: Response) -> None:
        """Forget half a sign-in, where the browser has one."""
        if self._half in request.cookies:
            self._set(response, self._half, "", 0)

    def sets_session(self, response: Response) -> bool:
        """Whether this answer already says what becomes of the session's cookie."""
        start = f"{self._session}="
        return any(each.startswith(start) for each in response.headers.getlist("set-cookie"))

    def clear_session(self, response: Response) -> None:
        """Forget the session in this browser: nobody is signed in again without a click."""
        self._set(response, self._session, "", 0)
        self._set(response, self._provider, "", 0)

    def _set(self, response: Response, name: str, value: str, max_age: int | None) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )


def _cookies_of(request: Request) -> Mapping[str, str | None]:
    """Read all cookies of a request; one that comes twice has no value.

    Of two, one may have been tossed in by a neighbouring host: then neither is believed.
    """
    read: dict[str, str | None] = {}
    for header, line in request.scope["headers"]:
        if header == b"cookie":
            for pair in line.decode("latin-1").split(";"):
                key, _, value = pair.partition("=")
                name = key.strip(_SPACES)
                read[name] = None if name in read else value.strip(_SPACES)
    return read
