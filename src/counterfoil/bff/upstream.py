"""An API behind the backend-for-frontend, and the address there that a request means. Pure."""

import re
from typing import Final
from urllib.parse import unquote, urljoin

from msgspec import Struct

from counterfoil.bff.asgi import Request, TurnedAway
from counterfoil.bff.passing import NEVER
from counterfoil.net.http import demand_safe

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_NO_METHODS: Final = frozenset({"CONNECT", "TRACE"})
"""An answer to TRACE shows the token (RFC 9110 §9.3.8)."""
_LONGEST: Final = 16 * 1024
_VISIBLE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]*")
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPED: Final = re.compile(r"%(?:2f|5c|25|0|1|7f)", re.IGNORECASE)
"""A slash, a backslash, a percent sign or a control character, in disguise."""


class Upstream(Struct, frozen=True, kw_only=True):
    """An API: where it is, and what may be sent there.

    Args:
        url: everything below it is reached; https, or http on this machine.
        resource: its identifier at the authorization server, where the app calls several APIs.
        methods: the methods that it takes.
        headers: request headers that are passed on besides the usual ones.
        longest_body: bytes of a request.
        patience: seconds to wait for the next piece of a body or an answer.
    """

    url: str
    resource: str = ""
    methods: tuple[str, ...] = METHODS
    headers: tuple[str, ...] = ()
    longest_body: int = 10 * 1024 * 1024
    patience: float = 30.0

    def __post_init__(self) -> None:
        demand_safe(self.url)
        if "?" in self.url:
            raise ValueError(f"{self.url!r} must not have a query")
        given: tuple[object, ...] = (self.methods, self.headers)
        if any(isinstance(each, str) for each in given):
            raise ValueError("methods and headers are tuples, such as ('GET', 'POST')")
        for method in self.methods:
            if not re.fullmatch(r"[A-Z-]+", method) or method in _NO_METHODS:
                raise ValueError(f"{method!r} cannot be passed on: name methods such as 'GET'")
        for name in self.headers:
            if not re.fullmatch(r"[A-Za-z0-9-]+", name) or name.lower() in NEVER:
                raise ValueError(f"the header {name!r} is never passed on: leave it out")

    def target(self, mount: str, request: Request) -> str:
        """Give the address at the API that a request below ``mount`` means.

        Raises:
            TurnedAway: the path could be read as one outside, or the method is not taken.
        """
        if request.method not in self.methods:
            raise _not_taken(self.methods)
        if len(request.path) + len(request.query) > _LONGEST:
            raise TurnedAway(414, "too_long", f"An address has at most {_LONGEST} bytes.")
        rest = request.path.removeprefix(mount)
        if not _is_plain(rest) or not _VISIBLE.fullmatch(request.query):
            raise TurnedAway(400, "path_refused", "This path can be read in more than one way.")
        query = f"?{request.query}" if request.query else ""
        return f"{self.url.rstrip('/')}{rest}{query}"

    def mounted(self, location: str, target: str, mount: str) -> str | None:
        """Give the path here of what a redirect from ``target`` means; ``None``: it leads away."""
        try:
            url = urljoin(target, location)
        except ValueError:
            return None
        base = self.url.rstrip("/")
        rest = url.removeprefix(base)
        path = re.split(r"[?#]", rest, maxsplit=1)[0]
        if rest == url or not path.startswith("/") or not _is_plain(path):
            return None
        return f"{mount}{rest}" if _VISIBLE.fullmatch(rest) else None


def _is_plain(path: str) -> bool:
    """Whether everybody reads a path alike: no way up, no empty step, no slash in disguise."""
    if (path and not path.startswith("/")) or not _VISIBLE.fullmatch(path):
        return False
    if "//" in path or "#" in path or _BROKEN_ESCAPE.search(path) or _ESCAPED.search(path):
        return False
    try:
        meant = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return False  # some decoders see dots in what is no UTF-8
    # Some servers cut off what follows a semicolon before they look for dots.
    steps = [step.partition(";")[0] for step in meant.split("/")]
    return not {".", ".."} & set(steps)


def _not_taken(methods: tuple[str, ...]) -> TurnedAway:
    turned_away = TurnedAway(405, "method_not_taken", "This method is not taken here.")
    turned_away.reply = turned_away.reply.with_headers(("allow", ", ".join(methods)))
    return turned_away
