"""The tokens that a client holds (RFC 6749 §5.1). Their text never shows in a ``repr``."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.client.id_token import Identity
from counterfoil.net.http import BadAnswer

BEARER: Final = "Bearer"
AHEAD: Final = 60
"""Seconds before its end from which a token is replaced; a fifth of its life if that is less."""


class Tokens(Struct, frozen=True, kw_only=True):
    """What the token endpoint gave. ``expires_at`` in seconds since the epoch, if it said so.

    ``renew_at`` is the time from which it is better to have a fresh one.
    ``identity`` is who signed in, read from the ID token. ``token_type`` is the scheme under which
    the access token is shown: ``Bearer``, or ``DPoP`` with a proof of the key that it is bound to.
    """

    access_token: str
    expires_at: float | None = None
    scopes: frozenset[str] = frozenset()
    refresh_token: str | None = None
    id_token: str | None = None
    identity: Identity | None = None
    token_type: str = BEARER
    renew_at: float | None = None

    def is_fresh(self, now: float) -> bool:
        """Whether the access token is good for a while: it need not be replaced yet."""
        return self.renew_at is None or now < self.renew_at

    def is_alive(self, now: float) -> bool:
        """Whether the access token has not expired."""
        return self.expires_at is None or now < self.expires_at

    def __repr__(self) -> str:
        return f"Tokens(scopes={sorted(self.scopes)}, expires_at={self.expires_at}, …)"


_LONGEST_LIFE: Final = 2**53
"""Seconds up to which they are counted; no token lives for as long."""


class _Response(Struct, frozen=True):
    access_token: str
    token_type: str
    expires_in: int | None = None
    scope: str | None = None
    refresh_token: str | None = None
    id_token: str | None = None


def tokens_in(
    document: Mapping[str, object], asked: str, now: float, token_type: str = BEARER
) -> Tokens:
    """Read a token response; without ``scope`` it grants what was ``asked`` (RFC 6749 §5.1).

    Raises:
        BadAnswer: it is none, or not of the ``token_type``: one who proved a key takes no token
            that anybody could use (RFC 9449 §5).
    """
    try:
        read = msgspec.convert(document, _Response)
    except msgspec.ValidationError as error:
        raise BadAnswer(f"the token response: {error}") from None
    for text in (read.access_token, read.refresh_token):
        if text is not None and not _is_token(text):
            raise BadAnswer("the token response: a token is empty, or not printable ASCII")
    if read.token_type.lower() != token_type.lower():
        raise BadAnswer(f"the token response: token_type is not {token_type}")
    lifetime = None if read.expires_in is None else within_reason(read.expires_in)
    return Tokens(
        access_token=read.access_token,
        expires_at=None if lifetime is None else now + lifetime,
        renew_at=None if lifetime is None else now + lifetime - min(AHEAD, lifetime / 5),
        scopes=frozenset((asked if read.scope is None else read.scope).split()),
        refresh_token=read.refresh_token,
        id_token=read.id_token,
        token_type=token_type,
    )


def within_reason(seconds: int) -> int:
    """Bound a time that a server gives: a number of a thousand digits is too great to add to."""
    return max(0, min(seconds, _LONGEST_LIFE))


def _is_token(text: str) -> bool:
    """Whether it may be a token (RFC 6749 §A.12, §A.17): it may be printed to a terminal too."""
    return text != "" and all("\x20" <= character <= "\x7e" for character in text)
