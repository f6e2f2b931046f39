"""Access tokens that are good at one URL only, or at those of a pattern: a claim of our own.

A token with it has a type of its own, so that whoever does not know the claim does not take the
token for an ordinary one (RFC 8725 §3.11).
"""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

from msgspec import Struct

from counterfoil.oauth.canonical_url import WILD, UrlRefused, canonical

TYPE: Final = "url-bound-at+jwt"
KNOWN: Final = "known_types"
"""The parameter by which whoever introspects says that it knows the claim (RFC 7662 §2.1)."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
ANY_QUERY: Final = "**"
_HASH_BYTES: Final = 16
"""The name of the token is drawn after the URL was chosen: nobody can prepare two URLs for it."""


class Requested(Struct, frozen=True):
    """A request as its client sees it: ``url`` with the query; empty is what is not known.

    ``address`` is the client's, as far as proxies are believed.
    """

    method: str
    url: str
    address: str = ""

    def __repr__(self) -> str:
        return f"Requested({self.method})"


class UrlBound(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The claim ``url_bound``: methods, and the URL or pattern in clear, or the URL's hash.

    ``GET`` includes ``HEAD`` (RFC 9110 §9.3.2). ``url`` is in canonical form. Unknown members are
    refused: one that narrows the token further must not be overlooked.

    Raises:
        ValueError: where there is no method, or not either a URL or a hash.
    """

    methods: tuple[str, ...]
    url: str = ""
    hash: str = ""

    def __post_init__(self) -> None:
        if not self.methods or bool(self.url) == bool(self.hash):
            raise ValueError("a token is bound to methods, and to a URL or the hash of one")

    def permits(self, requested: Requested, jti: str) -> bool:
        """Whether the token of this name is good for a request."""
        method = requested.method
        if method not in self.methods and not (method == "HEAD" and "GET" in self.methods):
            return False
        try:
            url = str(canonical(requested.url))
        except UrlRefused:
            return False
        if self.hash:
            return hmac.compare_digest(self.hash.encode(), hash_of(url, jti).encode())
        return _matches(self.url, url)


def bound_to(text: str, methods: tuple[str, ...]) -> UrlBound:
    """Bind to what a client has written: a URL, or a pattern.

    In a pattern a segment ``*`` stands for any one segment, ``**`` at the end of the path for one
    segment or several, and the query ``**`` for any query.

    Raises:
        UrlRefused: where the URL has no canonical form, or the pattern is none.
        ValueError: where a method is none that is known.
    """
    unknown = set(methods) - METHODS
    if unknown or not methods:
        raise ValueError(f"A method is one of {', '.join(sorted(METHODS))}.")
    before, mark, query = text.partition("?")
    any_query = query == ANY_QUERY
    url = canonical(before if any_query else text, keep=WILD)
    if "**" in url.path.split("/")[:-1]:
        raise UrlRefused("** stands at the end of a path only.")
    return UrlBound(
        tuple(dict.fromkeys(methods)), f"{url}{mark}{ANY_QUERY}" if any_query else str(url)
    )


def hashed(bound: UrlBound, jti: str) -> UrlBound:
    """Put the hash in place of the URL. The token's own name is the salt.

    Raises:
        UrlRefused: where it is a pattern, which has no hash.
    """
    if "*" in bound.url:
        raise UrlRefused("A pattern is not hashed: a hash says nothing of the URLs that fit.")
    return UrlBound(bound.methods, hash=hash_of(bound.url, jti))


def hash_of(url: str, jti: str) -> str:
    """Give the hash of a canonical URL in the token of this name."""
    digest = hmac.digest(jti.encode(), url.encode(), sha256)
    return urlsafe_b64encode(digest[:_HASH_BYTES]).decode("ascii").rstrip("=")


def _matches(pattern: str, url: str) -> bool:
    """Compare in canonical form, in which no URL holds a ``*``."""
    wanted, _, wanted_query = pattern.partition("?")
    path, _, query = url.partition("?")
    if wanted_query not in (query, ANY_QUERY):
        return False
    wants, segments = wanted.split("/"), path.split("/")
    if wants[-1] == "**":
        wants.pop()
        rest = segments[len(wants) :]
        if not rest or rest == [""]:
            return False
        segments = segments[: len(wants)]
    return len(wants) == len(segments) and all(
        segment == want or (want == "*" and segment != "")
        for want, segment in zip(wants, segments, strict=True)
    )
