"""Tickets: a right to one GET for minutes, written into its URL and signed with a shared key. Pure.

It is short because the request itself is not in it, only a digest; and it is no JWT, so nothing
that takes those can take it for one (RFC 8725 §3.12).
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import Struct

from counterfoil.jose import jws
from counterfoil.jose.errors import JoseError
from counterfoil.jose.mac import Mac
from counterfoil.oauth.delegation import Parent
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Marks

NAME: Final = "ticket"
"""The parameter of the URL."""
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 8
MAX_LENGTH: Final = 2048
PREFIX: Final = b"cftk_"
_MAC_BYTES: Final = 16
_DIGEST_BYTES: Final = 16
_CONTEXT: Final = b"counterfoil ticket 1\0"
_FIELD_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
_FIELD_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?")
_NOT_COVERED: Final = frozenset({"authorization", "cookie", "dpop", "host", "range", "if-range"})
"""The URL has the host; a download goes on by ``Range``; the others are secrets."""
_MOST_HEADERS: Final = 8
_PAIR: Final = NAME.encode() + b"="
_PAIR_LENGTH: Final = len(_PAIR)
_AND: Final = ord("&")
"""A number is found in bytes several times as fast as a byte that is written as bytes."""
_PREFIX_LENGTH: Final = len(PREFIX)


class Ticket(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What a ticket says. Times in seconds since the epoch.

    ``request`` is the digest of what it is for; ``headers`` names those that the digest covers.
    ``nonce`` is empty where it may be used more than once. ``iss`` to ``kid`` are the handles and
    generations of its parent, the access token that it was made for, by which it ends with that;
    ``binding`` what of the parent's a browser proves by itself; ``said`` further claims of it;
    ``parents`` the tokens that it was exchanged for (RFC 8693), which end the ticket as well.
    """

    request: bytes
    expires_at: int
    headers: tuple[str, ...]
    nonce: bytes
    iss: str
    sub: str
    client_id: str
    scope: str
    jti: str
    fam: str
    gen: tuple[int, int]
    kid: str
    iat: int
    binding: tuple[str, str] | None
    said: Mapping[str, Any]
    parents: tuple[Parent, ...] = ()

    def marks(self, audience: str) -> Marks:
        """Give the parent's marks: what ends it ends the ticket."""
        client, api = self.gen
        parents = tuple([parent.marks for parent in self.parents]) if self.parents else ()
        return Marks(
            self.jti, self.fam, self.client_id, client, audience, api, self.kid, self.iat, parents
        )

    def __repr__(self) -> str:
        return f"Ticket({self.jti!r})"


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Ticket)


class BadTicket(Exception):
    """A text is no ticket of ours; ``reason`` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def sealed(ticket: Ticket, key: bytes, audience: bytes) -> str:
    """Sign a ticket for the API of this name.

    Raises:
        OverflowError: where it says a number of more than 64 bits, which MessagePack has not.
    """
    payload = _ENCODER.encode(ticket)
    mac = _mac_of(key, audience).of(payload)[:_MAC_BYTES]
    return (PREFIX + jws.encode_part(payload + mac)).decode("ascii")


class Opener:
    """Opens tickets that were signed with one of these keys, for the API of this name."""

    __slots__ = ("_macs",)

    def __init__(self, keys: Sequence[bytes], audience: bytes) -> None:
        self._macs = tuple([_mac_of(key, audience) for key in keys])

    def opened(self, unverified: bytes) -> Ticket:
        """Open a ticket.

        Raises:
            BadTicket: where it is none. Nothing of it is read before its signature is compared.
        """
        if not unverified.startswith(PREFIX):
            raise BadTicket(Reason.WRONG_TYPE)
        try:
            body = jws.decode_part(unverified[_PREFIX_LENGTH:])
        except JoseError:
            raise BadTicket(Reason.MALFORMED) from None
        payload, given = body[:-_MAC_BYTES], body[-_MAC_BYTES:]
        for mac in self._macs:
            if hmac.compare_digest(mac.of(payload)[:_MAC_BYTES], given):
                break
        else:
            raise BadTicket(Reason.BAD_SIGNATURE)
        try:
            return _DECODER.decode(payload)
        except msgspec.MsgspecError:
            raise BadTicket(Reason.MALFORMED) from None


def digest_of(url: str, headers: Sequence[tuple[str, str]]) -> bytes:
    """Give the digest of a GET: its canonical URL without the ticket, headers by sorted names.

    No header's value holds a line feed.
    """
    lines = f"GET\n{url}"
    for name, value in headers:
        lines += f"\n{name}:{value}"
    return sha256(lines.encode("utf-8", "surrogatepass")).digest()[:_DIGEST_BYTES]


def covered(given: Mapping[str, str]) -> list[tuple[str, str]]:
    """Read the headers that a ticket is to cover: by sorted names in lower case.

    Raises:
        ValueError: where there are too many, or one that no ticket covers.
    """
    headers = sorted((name.lower(), value) for name, value in given.items())
    names = {name for name, _ in headers}
    if len(names) < len(headers) or len(headers) > _MOST_HEADERS:
        raise ValueError(f"A ticket covers {_MOST_HEADERS} headers at most, and each once.")
    for name, value in headers:
        if not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            raise ValueError("A header has a name, and a value of visible ASCII.")
        if name in _NOT_COVERED:
            raise ValueError(f"A ticket does not cover {', '.join(sorted(_NOT_COVERED))}.")
    return headers


def tickets_in(query: bytes) -> tuple[bytes, ...]:
    """Give every ticket in a query, unverified. In another spelling the parameter is none."""
    if _AND not in query:
        return (query[_PAIR_LENGTH:],) if query.startswith(_PAIR) else ()
    if _PAIR not in query:
        return ()
    return tuple([each[_PAIR_LENGTH:] for each in query.split(b"&") if each.startswith(_PAIR)])


def without_ticket(query: bytes) -> bytes:
    """Give a query without its tickets: what they cover, and what logs may see."""
    if _AND not in query:
        return b"" if query.startswith(_PAIR) else query
    return b"&".join([each for each in query.split(b"&") if not each.startswith(_PAIR)])


def _mac_of(key: bytes, audience: bytes) -> Mac:
    return Mac(key, _CONTEXT + audience + b"\0")
