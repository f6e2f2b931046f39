"""What an app says of its backend-for-frontend, and what follows from it."""

import re
from collections.abc import Mapping
from typing import Final, TypedDict
from urllib.parse import urlsplit

from msgspec import Struct

from counterfoil.bff.attempts import Attempts
from counterfoil.bff.cookies import Cookies, Setting
from counterfoil.bff.custody import Custody
from counterfoil.bff.marker import MarkerCookie
from counterfoil.bff.return_to import local
from counterfoil.bff.sessions import Limits, MemorySessions, Sessions
from counterfoil.bff.upstream import Upstream
from counterfoil.client import AsyncClient, Outside
from counterfoil.client.outside import REAL
from counterfoil.jose.sealing import KEY_BYTES, Sealing
from counterfoil.net.http import is_loopback

CALLBACK: Final = "/callback"
_MOUNT: Final = re.compile(r"(?:/[A-Za-z0-9_~-]+)+")
"""Whatever else may stand in a path, browsers and servers write in several ways."""


class Options(TypedDict, total=False):
    """What may be said besides the client and the APIs.

    ``scope``: what a sign-in asks for; default: ``openid`` alone. ``home``: the page for whom
    nothing else is known. ``marker``: told to sibling sites. ``sessions`` and ``key``: what several
    processes share; the key has 32 random bytes and seals the sign-ins that have begun.
    """

    scope: str
    home: str
    marker: MarkerCookie
    sessions: Sessions
    limits: Limits
    key: bytes
    outside: Outside


class Setup(Struct, frozen=True, kw_only=True):
    """One backend-for-frontend, put together. ``own`` is the path below which it answers."""

    client: AsyncClient
    apis: Mapping[str, Upstream]
    origin: str
    own: str
    scope: str
    home: str
    resource: str
    secure: bool
    cookies: Cookies
    marker: MarkerCookie | None
    attempts: Attempts
    custody: Custody
    outside: Outside

    def marked(self) -> tuple[Setting, ...]:
        """Write the marker, where there is one."""
        return (self.marker.shown(secure=self.secure),) if self.marker else ()

    def unmarked(self) -> tuple[Setting, ...]:
        """Remove it."""
        return (self.marker.removed(secure=self.secure),) if self.marker else ()


def set_up(client: AsyncClient, apis: Mapping[str, Upstream], options: Options) -> Setup:
    """Put a backend-for-frontend together.

    Raises:
        TypeError: there is no such option.
        ValueError: something of it cannot be, or would not be safe; it says what to do.
    """
    _demand_known(options)
    if client.registration.credential is None:
        raise ValueError("give the client its secret or its key: it keeps them, here on the server")
    origin, own = _places_in(client.registration.redirect_uri)
    secure = origin.startswith("https:")
    scope = options.get("scope", "openid")
    if "openid" not in scope.split():
        raise ValueError("a sign-in must say who it is: let the scope have openid in it")
    _demand_apart(apis, own)
    marker = options.get("marker")
    if marker is not None:
        marker.demand_covers(urlsplit(origin).hostname or "")
    resource = next((each.resource for each in apis.values()), "")
    outside = options.get("outside", REAL)
    key = options["key"] if "key" in options else outside.random(KEY_BYTES)
    custody = Custody(
        client,
        resource,
        options["sessions"] if "sessions" in options else MemorySessions(),
        options.get("limits", Limits()),
        outside,
    )
    return Setup(
        client=client,
        apis=dict(sorted(apis.items(), key=lambda each: -len(each[0]))),
        origin=origin,
        own=own,
        scope=scope,
        home=_home_in(options, own),
        resource=resource,
        secure=secure,
        cookies=Cookies(development=not secure),
        marker=marker,
        attempts=Attempts(Sealing(key, outside.random)),
        custody=custody,
        outside=outside,
    )


def _demand_known(options: Options) -> None:
    unknown = options.keys() - Options.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no option {', '.join(sorted(unknown))}")


def _home_in(options: Options, own: str) -> str:
    home = options.get("home", "/")
    if not home or local(home, "", own) != home:
        raise ValueError(f"{home!r} is no page of the app: write it as /welcome")
    return home


def _places_in(redirect_uri: str) -> tuple[str, str]:
    """Give the app's origin, and the path below which the backend-for-frontend answers."""
    parts = urlsplit(redirect_uri)
    host = parts.hostname or ""
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError(
            "give the client a redirect_uri that begins with https:// "
            "(http:// is for loopback alone), such as https://shop.example/bff/callback"
        )
    own = parts.path.removesuffix(CALLBACK)
    if own == parts.path or not own.startswith("/") or parts.query or own.endswith("/"):
        raise ValueError(f"{redirect_uri!r} must end as https://shop.example/bff/callback does")
    return f"{parts.scheme}://{parts.netloc}", own


def _demand_apart(apis: Mapping[str, Upstream], own: str) -> None:
    for mount in apis:
        if not _MOUNT.fullmatch(mount):
            raise ValueError(f"{mount!r} is no place for an API: write it as /api")
        if f"{mount}/".startswith(f"{own}/") or f"{own}/".startswith(f"{mount}/"):
            raise ValueError(f"{mount!r} and {own!r} must not lie within each other")
    if len(apis) > 1 and not all(each.resource for each in apis.values()):
        raise ValueError("where there are several APIs, give each its resource")
