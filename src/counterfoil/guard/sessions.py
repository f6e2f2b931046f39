"""An API's own sessions beside tokens, at the same endpoints; CSRF concerns the cookie alone (S62).

A browser adds a cookie to whatever request any site makes, but a token to none. So what came by a
cookie must show that the API's own pages sent it; what came with a token need not.
"""

from collections.abc import Awaitable, Callable, Mapping
from inspect import iscoroutinefunction
from types import MappingProxyType
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

from counterfoil.guard.cookies import cookie_in, has_cookie
from counterfoil.guard.given import demand_several
from counterfoil.guard.request import OVERRIDES, Request
from counterfoil.guard.scope_hierarchy import ScopeHierarchy
from counterfoil.guard.token import Rejected, Token
from counterfoil.oauth.reasons import Reason

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 §9.2.1), if the app keeps to that."""
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


class SignedIn(Struct, frozen=True, kw_only=True):
    """Who is signed in, as the API's own session knows it.

    ``scopes``: what may be done by this session. ``auth_time``: when the person signed in, in
    seconds since the epoch. ``claims``: what else a token would say, such as ``acr``.

    Raises:
        ValueError: where there is a text in place of scopes.
    """

    subject: str
    scopes: tuple[str, ...]
    auth_time: int | None = None
    claims: Mapping[str, object] = _NOTHING

    def __post_init__(self) -> None:
        demand_several(self.scopes, "the scopes of SignedIn")

    def as_token(self, hierarchy: ScopeHierarchy, now: float) -> Token:
        """Give it the shape of a token, which was issued at this moment and by nobody."""
        said: dict[str, object] = {**self.claims, "sub": self.subject}
        if self.auth_time is not None:
            said["auth_time"] = self.auth_time
        return Token(
            subject=self.subject,
            client_id="",
            scopes=hierarchy.widened(frozenset(self.scopes)),
            audience=(),
            issuer="",
            expires_at=int(now),
            issued_at=int(now),
            fingerprint="",
            family="",
            claims=MappingProxyType(said),
        )


Found: TypeAlias = SignedIn | None
LookUp: TypeAlias = Callable[[str], Found | Awaitable[Found]]
"""Gives who is signed in by the value of the cookie, or ``None``. It may be a coroutine function
where the app runs in an event loop."""


class Sessions(Struct, frozen=True, kw_only=True):
    """Sessions of the API's own, for requests without a token.

    ``cookie`` is the cookie's name, ``look_up`` finds who is signed in. ``origins``: further sites
    whose pages may use the session, such as ``https://app.example``. ``csrf``: whether a request
    carries the session's own token against forgery, for browsers that say nothing of where a
    request comes from; without it such requests are refused.

    Raises:
        ValueError: where the cookie has no name, or `csrf` would have to be waited for.
    """

    cookie: str
    look_up: LookUp
    origins: tuple[str, ...] = ()
    csrf: Callable[[Request, str], bool] | None = None

    def __post_init__(self) -> None:
        demand_several(self.origins, "the origins of Sessions")
        if not self.cookie or set(self.cookie) & set('=;, \t"'):
            raise ValueError(f"{self.cookie!r} is no name of a cookie")
        if iscoroutinefunction(self.csrf):
            raise ValueError("csrf must be a plain function: nobody waits for what it says")

    def decide(self, request: Request) -> bool:
        """Whether a request is decided by its cookie: it has one, and tries no other way."""
        return not request.values(b"authorization") and has_cookie(request, self.cookie)

    def value_in(self, request: Request, own_origin: str) -> str:
        """Give the cookie's value, after it is clear that no other site has sent the request.

        Raises:
            Rejected: ``missing`` where several cookies have the name, ``forged_request`` where
                another site has sent it, or may have.
        """
        value = cookie_in(request, self.cookie)
        if not value:
            raise Rejected(Reason.MISSING, detail="there is no one cookie of a session")
        if not self._is_own(request, own_origin, value):
            raise Rejected(Reason.FORGED_REQUEST)
        return value

    def _is_own(self, request: Request, own_origin: str, value: str) -> bool:
        is_more = _is_handshake(request) or any(map(request.values, OVERRIDES))
        if request.method in SAFE and not is_more:
            return True
        origins = request.values(b"origin")
        if origins:
            return len(origins) == 1 and origins[0] in (own_origin, *self.origins)
        sites = request.values(b"sec-fetch-site")
        if sites:
            return sites in (("same-origin",), ("none",))
        return self.csrf is not None and self.csrf(request, value) is True


def _is_handshake(request: Request) -> bool:
    """Whether a WebSocket begins: by a GET that no CORS holds back (RFC 6455 §10.2)."""
    upgrades = [value.lower() for value in request.values(b"upgrade")]
    return request.scheme in ("ws", "wss") or any("websocket" in each for each in upgrades)


def origin_of(url: str) -> str:
    """Give the origin of a URL, as a browser spells it in ``Origin`` (RFC 6454 §6.2).

    ``-``, which is nobody's, where that is no URL: a stranger may write any ``Host``.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "-"
    usual = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}" if parts.netloc else "-"
