"""The ID token, checked by the client that it is for (OpenID Connect Core §3.1.3.7). Pure."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.client.errors import NotTrusted
from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.jose.keys import KeySet

LEEWAY: Final = 10
"""Seconds by which the two clocks may differ."""
TYPES: Final = ("JWT", jwt.NO_TYP)


class Identity(Struct, frozen=True, kw_only=True):
    """Who signed in. ``subject`` is theirs for good; times in seconds since the epoch."""

    issuer: str
    subject: str
    issued_at: int
    expires_at: int
    auth_time: int | None = None
    email: str | None = None
    name: str | None = None
    claims: Mapping[str, object] = {}


class Expected(Struct, frozen=True, kw_only=True):
    """What an ID token must say. ``None``: this was not asked for."""

    issuer: str
    client_id: str
    nonce: str | None = None
    max_age: int | None = None
    subject: str | None = None


class _Claims(Struct, frozen=True, kw_only=True):
    iss: str
    sub: str
    aud: str | tuple[str, ...]
    iat: int
    exp: int
    azp: str | None = None
    nonce: str | None = None
    auth_time: int | None = None
    email: str | None = None
    name: str | None = None


def identity_in(unverified: str, keys: KeySet, expected: Expected, now: float) -> Identity:
    """Verify an ID token; keys carry the algorithm they are pinned to.

    Raises:
        NotTrusted: it is not this issuer's, not for this client, not of this sign-in, or expired.
    """
    try:
        claims = jwt.verify(unverified, keys, TYPES).claims
        read = msgspec.convert(claims, _Claims)
    except (JoseError, msgspec.ValidationError) as error:
        raise NotTrusted(f"the ID token: {error}") from None
    _demand_ours(read, expected)
    _demand_timely(read, expected, now)
    return Identity(
        issuer=read.iss,
        subject=read.sub,
        issued_at=read.iat,
        expires_at=read.exp,
        auth_time=read.auth_time,
        email=read.email,
        name=read.name,
        claims=claims,
    )


def _demand_ours(read: _Claims, expected: Expected) -> None:
    audience = (read.aud,) if isinstance(read.aud, str) else read.aud
    if read.iss != expected.issuer:
        raise NotTrusted("the ID token is from another issuer")
    if expected.client_id not in audience:
        raise NotTrusted("the ID token is for another client")
    if (len(audience) > 1 or read.azp is not None) and read.azp != expected.client_id:
        raise NotTrusted("the ID token was issued to another client")
    if expected.nonce is not None and read.nonce != expected.nonce:
        raise NotTrusted("the ID token is of another sign-in: its nonce does not match")
    if expected.subject is not None and read.sub != expected.subject:
        raise NotTrusted("the ID token is of another person")


def _demand_timely(read: _Claims, expected: Expected, now: float) -> None:
    if now >= read.exp + LEEWAY:
        raise NotTrusted("the ID token has expired")
    if read.iat > now + LEEWAY:
        raise NotTrusted("the ID token says that it was issued in the future")
    if expected.max_age is not None:
        if read.auth_time is None:
            raise NotTrusted("the ID token does not say when the person signed in")
        if now > read.auth_time + expected.max_age + LEEWAY:
            raise NotTrusted("the person signed in too long ago")
