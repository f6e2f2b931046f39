"""A URL in the one form in which two that mean the same are equal (RFC 3986 §6.2). Pure.

What servers, proxies and apps read in two ways is refused, not mended: a token or a ticket that is
bound to a URL must not open another.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote, unquote, unquote_plus

from msgspec import Struct

MAX_LENGTH: Final = 8192
MAX_PAIRS: Final = 256
MAX_SEGMENTS: Final = 256
WILD: Final = frozenset({"*", "**"})
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_LAST_PORT: Final = 65535
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_SHAPE: Final = re.compile(r"([Hh][Tt]{2}[Pp][Ss]?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?")
_AUTHORITY: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{0,5}))?")
_A_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PLAIN_PATH: Final = re.compile(rf"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){{1,{MAX_SEGMENTS}}}/?")
_PLAIN: Final = re.compile(
    r"(https?://(?:[a-z0-9-]++\.)*+[a-z][a-z0-9-]*+)"
    rf"((?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*+){{1,{MAX_SEGMENTS}}}+/?+)"
    r"(?:\?([\x21\x22\x24-\x7e]*))?"
)
"""Most URLs: all but the query is in canonical form already."""
_PLAIN_QUERY: Final = re.compile(r"[A-Za-z0-9._~-]+=[A-Za-z0-9._~-]*")
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNSAFE_IN_SEGMENTS: Final = re.compile(r"[\x00-\x1f\x7f/\\]")


class UrlRefused(ValueError):
    """A URL has no canonical form. The text says why, and holds nothing of the URL."""


class CanonicalUrl(Struct, frozen=True):
    """A URL in its canonical form. ``path`` begins with ``/``; ``query`` may be empty."""

    origin: str
    path: str
    query: str

    def __str__(self) -> str:
        return f"{self.origin}{self.path}{'?' if self.query else ''}{self.query}"


def canonical(url: str, *, keep: frozenset[str] = frozenset()) -> CanonicalUrl:
    """Bring a URL into its canonical form, or refuse it.

    Scheme and host in lower case, no usual port, every character that is not unreserved
    percent-encoded, the pairs of the query sorted by their names. ``docs/reference`` has the table.

    Args:
        url: absolute, http or https, in visible ASCII.
        keep: whole segments of the path that are left as they are: the wildcards of a pattern.

    Raises:
        UrlRefused: where it is no such URL, or could be read in two ways.
    """
    if len(url) > MAX_LENGTH:
        raise UrlRefused(f"A URL is no longer than {MAX_LENGTH} characters.")
    plain = _PLAIN.fullmatch(url)
    if plain is not None:
        return CanonicalUrl(plain[1], plain[2], canonical_query(plain[3] or ""))
    if _VISIBLE.fullmatch(url) is None:
        raise UrlRefused("A URL is written in ASCII: the host as xn--, all else percent-encoded.")
    match = _SHAPE.fullmatch(url)
    if match is None:
        raise UrlRefused("A URL begins with https:// or http://, and has no fragment.")
    scheme = match[1].lower()
    return CanonicalUrl(
        f"{scheme}://{_authority(scheme, match[2])}",
        canonical_path(match[3], keep=keep),
        canonical_query(match[4] or ""),
    )


def canonical_text(url: str) -> str:
    """Give the canonical form as text; most URLs are in it already.

    Raises:
        UrlRefused: as :func:`canonical`.
    """
    plain = _PLAIN.fullmatch(url) if len(url) <= MAX_LENGTH else None
    if plain is not None:
        query = plain[3]
        if not query:
            return url.removesuffix("?")
        if _PLAIN_QUERY.fullmatch(query):
            return url
    return str(canonical(url))


def canonical_path(path: str, *, keep: frozenset[str] = frozenset()) -> str:
    """Bring a path into its canonical form; an empty one is ``/``.

    Raises:
        UrlRefused: where it could be read in two ways.
    """
    if _PLAIN_PATH.fullmatch(path):
        return path
    first, *segments = path.split("/")
    if first:
        raise UrlRefused("A path begins with a slash.")
    if path.count("/", 0, -1) > MAX_SEGMENTS:
        raise UrlRefused(f"A path has no more than {MAX_SEGMENTS} segments.")
    if "" in segments[:-1]:
        raise UrlRefused("A path has no empty segment: some read two slashes as one.")
    return "/" + "/".join([each if each in keep else _segment(each, keep) for each in segments])


def canonical_query(query: str) -> str:
    """Bring a query into its canonical form: pairs by name, those of one name in their order.

    Raises:
        UrlRefused: where an escape is broken, or no UTF-8, or there are too many pairs.
    """
    if not query or _PLAIN_QUERY.fullmatch(query):
        return query
    _demand_whole_escapes(query)
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    if len(pairs) > MAX_PAIRS:
        raise UrlRefused(f"A query has no more than {MAX_PAIRS} pairs.")
    try:
        decoded = [
            (unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict"))
            for name, _, value in pairs
        ]
    except UnicodeDecodeError:
        raise UrlRefused("What is percent-encoded is UTF-8.") from None
    decoded.sort(key=_name_of)
    return "&".join([f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in decoded])


def _name_of(pair: tuple[str, str]) -> str:
    return pair[0]


def _segment(text: str, keep: frozenset[str]) -> str:
    if keep and "*" in text:
        raise UrlRefused("A * stands alone in its segment; as a character it is written %2A.")
    _demand_whole_escapes(text)
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise UrlRefused("What is percent-encoded is UTF-8.") from None
    if decoded.partition(";")[0] in (".", ".."):
        raise UrlRefused("A path has no segments . and .. in any spelling.")
    if _UNSAFE_IN_SEGMENTS.search(decoded):
        raise UrlRefused("A path holds no encoded slash, no backslash and no control character.")
    if _ESCAPE.search(decoded):
        raise UrlRefused("A path is not percent-encoded twice.")
    return quote(decoded, safe="")


def _demand_whole_escapes(text: str) -> None:
    if _BROKEN_ESCAPE.search(text):
        raise UrlRefused("A percent sign is followed by two hexadecimal digits.")


def _authority(scheme: str, authority: str) -> str:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise UrlRefused("A URL has a host, perhaps with a port, and no user name before it.")
    host = _name(match[2].lower()) if match[2] else f"[{_address(match[1])}]"
    port = int(match[3]) if match[3] else _USUAL_PORTS[scheme]
    if not 1 <= port <= _LAST_PORT:
        raise UrlRefused(f"A port is a number from 1 to {_LAST_PORT}.")
    return host if port == _USUAL_PORTS[scheme] else f"{host}:{port}"


def _address(text: str) -> str:
    try:
        return IPv6Address(text).compressed
    except ValueError:
        raise UrlRefused("What stands in brackets is an address of IPv6.") from None


def _name(host: str) -> str:
    """Take a name as it is; whatever some read as a number is an address of four numbers."""
    labels = host.split(".")
    if "" in labels:
        raise UrlRefused("A host has no empty label, and no dot at its end.")
    if _A_NUMBER.fullmatch(labels[-1]) is None:
        return host
    try:
        return str(IPv4Address(host))
    except ValueError:
        raise UrlRefused("An address of IPv4 is written as four decimal numbers.") from None
