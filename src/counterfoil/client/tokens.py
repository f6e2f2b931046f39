"""The tokens that a client holds (RFC 6749 §5.1). Their text never shows in a ``repr``."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.client.id_token import Identity
from counterfoil.net.http import BadAnswer

BEARER: Final = "Bearer"


class Tokens(Struct, frozen=True, kw_only=True):
    """What the token endpoint gave. ``expires_at`` in seconds since the epoch, if it said so.

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

    def is_fresh(self, now: float, leeway: float = 30) -> bool:
        """Whether the access token lives for ``leeway`` seconds more."""
        return self.expires_at is None or now + leeway < self.expires_at

    def __repr__(self) -> str:
        return f"Tokens(scopes={sorted(self.scopes)}, expires_at={self.expires_at}, …)"


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
    if read.token_type.lower() != token_type.lower():
        raise BadAnswer(f"the token response: token_type is not {token_type}")
    return Tokens(
        access_token=read.access_token,
        expires_at=None if read.expires_in is None else now + read.expires_in,
        scopes=frozenset((asked if read.scope is None else read.scope).split()),
        refresh_token=read.refresh_token,
        id_token=read.id_token,
        token_type=token_type,
    )
