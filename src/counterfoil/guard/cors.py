"""Which scripts of other origins may call an API, and what they may read (the Fetch standard).

Tokens travel in a header that a script must set itself, so any origin may be let in (S96); where
cookies count, only those that are named.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from counterfoil.guard.given import demand_several
from counterfoil.guard.reply import Reply
from counterfoil.guard.request import Request

ANY: Final = ("*",)
MAX_AGE: Final = 86400
"""Seconds for which a browser may remember a preflight; browsers cap it lower (X16)."""
EXPOSED: Final = ("WWW-Authenticate", "X-Request-Id", "DPoP-Nonce", "Retry-After")
_ORIGIN: Final = re.compile(
    r"https?://[a-z0-9.\-]+(?::[0-9]{1,5})?|https?://\[[0-9a-f:]+\](?::\d+)?"
)
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,256}")
_ASKED_METHOD: Final = b"access-control-request-method"
_ASKED_HEADERS: Final = b"access-control-request-headers"


class Cors(Struct, frozen=True, kw_only=True):
    """Who may call from a browser.

    ``origins``: ``("*",)`` or those that are named, such as ``https://app.example``. ``methods``
    and ``headers`` are what preflights allow; ``("*",)`` allows every header that is asked for.
    ``exposed``: further headers that scripts may read. ``credentials``: cookies come along; only
    for named origins. ``max_age``: seconds for which a preflight may be remembered.

    Raises:
        ValueError: where this cannot work.
    """

    origins: tuple[str, ...] = ANY
    methods: tuple[str, ...] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    headers: tuple[str, ...] = ANY
    exposed: tuple[str, ...] = ()
    credentials: bool = False
    max_age: int = MAX_AGE

    def __post_init__(self) -> None:
        for what in ("origins", "methods", "headers", "exposed"):
            demand_several(getattr(self, what), f"the {what} of Cors")
        if self.origins != ANY:
            for origin in self.origins:
                if _ORIGIN.fullmatch(origin) is None:
                    raise ValueError(
                        f"{origin!r} is no origin: write scheme, host and port only, in lower case"
                    )
        elif self.credentials:
            raise ValueError("cookies may come from named origins alone: name them in origins")
        for name in (*self.methods, *self.headers, *self.exposed):
            if _TOKEN.fullmatch(name) is None:
                raise ValueError(f"{name!r} is no name of a method or header")
        if self.max_age < 0:
            raise ValueError("a max_age is not negative")

    def preflight(self, request: Request) -> Reply | None:
        """Answer a preflight, which never carries a token (S97); ``None`` where it is none."""
        asked = request.values(_ASKED_METHOD)
        if request.method != "OPTIONS" or not asked or not request.values(b"origin"):
            return None
        headers = self.allowed(request)
        if "access-control-allow-origin" in headers:
            headers |= {
                "access-control-allow-methods": ", ".join(self.methods),
                "access-control-allow-headers": self._allowed_headers(request),
                "access-control-max-age": str(self.max_age),
            }
        headers["vary"] = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        return Reply(status=204, headers=headers)

    def allowed(self, request: Request) -> dict[str, str]:
        """Say in an answer that the script may read it; nothing where it may not."""
        if self.origins == ANY:
            return {"access-control-allow-origin": "*"}
        origins = request.values(b"origin")
        if len(origins) != 1 or origins[0] not in self.origins:
            return {}
        allowed = {"access-control-allow-origin": origins[0]}
        return allowed | ({"access-control-allow-credentials": "true"} if self.credentials else {})

    def on_answer(self, request: Request) -> Mapping[str, str]:
        """Give what an answer to a request of a script carries."""
        allowed = self.allowed(request)
        if not allowed:
            return {}
        exposed = ", ".join((*EXPOSED, *self.exposed))
        return allowed | {"access-control-expose-headers": exposed}

    def _allowed_headers(self, request: Request) -> str:
        # ``*`` never covers Authorization (Fetch §3.3.2), so what is asked for is said again.
        if self.headers != ANY:
            return ", ".join(("Authorization", "DPoP", *self.headers))
        asked = ",".join(request.values(_ASKED_HEADERS)).split(",")
        names = [name for each in asked if _TOKEN.fullmatch(name := each.strip())]
        return ", ".join(dict.fromkeys(["Authorization", "DPoP", *names[:64]]))
