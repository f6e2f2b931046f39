"""How a guarded API behaves on the web: what it answers unasked, what all its answers carry. Pure.

Preflights and metadata are answered before any token (S97, RFC 9728); caches keep nothing of one
user for another (S99, RFC 9111 §3.5, §4.1).
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from counterfoil.guard.cors import ANY
from counterfoil.guard.dpop import NONCE_HEADER
from counterfoil.guard.guard import Guard
from counterfoil.guard.reply import Reply
from counterfoil.guard.request import Request
from counterfoil.guard.resource_metadata import Described, PublishedMetadata
from counterfoil.guard.web import Web
from counterfoil.oauth.ticket import tickets_in

Said: TypeAlias = Callable[[str], str | None]
"""What an app's answer says in a header already, by the header's lower-case name."""
_DECIDES: Final = "Authorization"


class Manners:
    """The manners of one guard.

    Raises:
        ValueError: where the guard's API cannot be described as its owner wants it.
    """

    def __init__(self, guard: Guard) -> None:
        self._web = guard.web
        self._proofs = guard.proofs
        self._has_tickets = guard.tickets is not None
        self._published: PublishedMetadata | None = None
        if guard.web.metadata is not None:
            described = Described(
                resource=guard.audience,
                issuers=guard.issuers,
                takes_only_bound=guard.proofs.policy.required,
                knows_certificates=guard.web.certificates is not None,
            )
            self._published = PublishedMetadata(guard.web.metadata, described)
        self._vary = _what_decides(guard.web)

    @property
    def metadata_url(self) -> str:
        """Where the API's metadata stand; empty where none are published."""
        return "" if self._published is None else self._published.url

    def answer(self, request: Request) -> Reply | None:
        """Answer what needs no token: a preflight, or whoever asks for the metadata."""
        if self._web.cors is not None:
            preflight = self._web.cors.preflight(request)
            if preflight is not None:
                return preflight
        if self._published is None:
            return None
        reply = self._published.answer(request)
        if reply is None:
            return None
        return Reply(
            status=reply.status, headers={**reply.headers, **self._cors(request)}, body=reply.body
        )

    def further_headers(self, request: Request, said: Said) -> dict[str, str]:
        """Give the headers to set in an answer that says so much itself."""
        headers = {} if said("access-control-allow-origin") else dict(self._cors(request))
        nonce = self._proofs.nonce()
        if nonce is not None:
            headers[NONCE_HEADER] = nonce
        if self._web.cache_control and not said("cache-control"):
            headers["cache-control"] = self._web.cache_control
        if self._has_tickets and tickets_in(request.query):
            # Whoever has the URL has the right: nobody keeps it, and no link hands it on.
            headers |= {"cache-control": "private, no-store", "referrer-policy": "no-referrer"}
        headers["vary"] = _joined(said("vary"), self._vary)
        return headers

    def _cors(self, request: Request) -> Mapping[str, str]:
        cors, sessions = self._web.cors, self._web.sessions
        # What a cookie opens is for the origins that were named, and never for all.
        by_cookie = sessions is not None and sessions.decide(request)
        if cors is None or (by_cookie and cors.origins == ANY):
            return {}
        return cors.on_answer(request)


def _what_decides(web: Web) -> tuple[str, ...]:
    """Name the headers of a request by which answers differ (RFC 9110 §12.5.5)."""
    names = [_DECIDES]
    if web.sessions is not None or web.browser_cookie:
        names.append("Cookie")
    if web.cors is not None and web.cors.origins != ANY:
        names.append("Origin")
    return tuple(names)


def _joined(said: str | None, further: tuple[str, ...]) -> str:
    names = [name.strip() for name in (said or "").split(",") if name.strip()]
    if "*" in names:
        return "*"
    known = {name.lower() for name in names}
    return ", ".join([*names, *(name for name in further if name.lower() not in known)])
