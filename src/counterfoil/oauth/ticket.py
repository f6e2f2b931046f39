"""Tickets: a right to one GET for minutes, written into its URL and signed with a shared key. Pure.

It is short because the request itself is not in it, only a digest; and it is no JWT, so nothing
that takes those can take it for one (RFC 8725 §3.12).
"""

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import Struct

from counterfoil.jose import jws
from counterfoil.jose.errors import JoseError
from counterfoil.oauth.delegation import Parent
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Marks

NAME: Final = "ticket"
"""The parameter of the URL."""
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 8
MAX_LENGTH: Final = 2048
_PREFIX: Final = b"cftk_"
_MAC_BYTES: Final = 16
_DIGEST_BYTES: Final = 16
_CONTEXT: Final = b"counterfoil ticket 1\0"
_PAIR: Final = NAME.encode() + b"="


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
    """Sign a ticket for the API of this name."""
    payload = _ENCODER.encode(ticket)
    return (_PREFIX + jws.encode_part(payload + _mac(key, audience, payload))).decode("ascii")


def opened(unverified: bytes, keys: Sequence[bytes], audience: bytes) -> Ticket:
    """Open a ticket that was signed with one of these keys, for the API of this name.

    Raises:
        BadTicket: where it was not. Nothing of it is read before its signature is compared.
    """
    if not unverified.startswith(_PREFIX):
        raise BadTicket(Reason.WRONG_TYPE)
    try:
        body = jws.decode_part(unverified[len(_PREFIX) :])
    except JoseError:
        raise BadTicket(Reason.MALFORMED) from None
    payload, mac = body[:-_MAC_BYTES], body[-_MAC_BYTES:]
    for key in keys:
        if hmac.compare_digest(_mac(key, audience, payload), mac):
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


def tickets_in(query: bytes) -> tuple[bytes, ...]:
    """Give every ticket in a query, unverified. In another spelling the parameter is none."""
    if _PAIR not in query:
        return ()
    if b"&" not in query:
        return (query[len(_PAIR) :],) if query.startswith(_PAIR) else ()
    return tuple([each[len(_PAIR) :] for each in query.split(b"&") if each.startswith(_PAIR)])


def without_ticket(query: bytes) -> bytes:
    """Give a query without its tickets: what they cover, and what logs may see."""
    if b"&" not in query:
        return b"" if query.startswith(_PAIR) else query
    return b"&".join([each for each in query.split(b"&") if not each.startswith(_PAIR)])


def _mac(key: bytes, audience: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, _CONTEXT + audience + b"\0" + payload, "sha256")[:_MAC_BYTES]
