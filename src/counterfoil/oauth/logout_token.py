"""The logout token: a session has ended (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6).

``iss`` and ``sub`` or ``sid`` name whose session it is. What vouches for it is checked before.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

TYPE: Final = "logout+jwt"
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME: Final = 120
"""Seconds: the longest that §2.4 recommends."""
SKEW: Final = 60
"""Seconds by which the clock of whoever signed may differ."""
_LONGEST_LIFE: Final = 60 * 60
_LONGEST_NAME: Final = 1024


class WrongLogoutToken(Exception):
    """A logout token is not good here. The text says why, and holds none of its values."""


class LogoutToken(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What we sign (§2.4). Without ``sid`` every session of the person is meant."""

    iss: str
    aud: str
    iat: int
    exp: int
    jti: str
    sub: str
    sid: str | None = None
    events: Mapping[str, Mapping[str, object]] = msgspec.field(default_factory=lambda: {EVENT: {}})


class _Shown(Struct, frozen=True, kw_only=True):
    iss: str
    aud: str | tuple[str, ...]
    iat: int
    exp: int
    jti: str
    events: Mapping[str, Mapping[str, object]]
    sub: str = ""
    sid: str = ""
    nonce: object | UnsetType = UNSET


class Ended(Struct, frozen=True):
    """What a logout token says: whose session, or which, has ended; it is used up until ``until``.

    One of ``sub`` and ``sid`` is not empty.
    """

    jti: str
    sub: str
    sid: str
    issued_at: int
    until: int


class Between(Struct, frozen=True):
    """From whom a logout token must be, and for whom."""

    issuer: str
    client_id: str


def read(claims: Mapping[str, object], between: Between, now: int) -> Ended:
    """Read the claims of a token whose signature and type were checked (§2.6).

    Raises:
        WrongLogoutToken: they are not those of a logout token for this client, at ``now``.
    """
    try:
        shown = msgspec.convert(claims, _Shown)
    except msgspec.ValidationError as error:
        raise WrongLogoutToken(f"A claim is missing or of the wrong kind: {error}") from None
    _demand_meant(shown, between)
    _demand_timely(shown, now)
    if EVENT not in shown.events:
        raise WrongLogoutToken("The claim events does not say that a session has ended.")
    if shown.nonce is not UNSET:
        raise WrongLogoutToken("It has a nonce, as ID tokens have: it is none.")
    if not shown.sub and not shown.sid:
        raise WrongLogoutToken("Neither sub nor sid says which session is meant.")
    names = (shown.jti, shown.sub, shown.sid)
    if not shown.jti or not all(
        len(each) <= _LONGEST_NAME and each.isprintable() for each in names
    ):
        raise WrongLogoutToken("The claim jti, sub or sid is empty, too long or cannot be shown.")
    return Ended(shown.jti, shown.sub, shown.sid, shown.iat, shown.exp + SKEW)


def _demand_meant(shown: _Shown, between: Between) -> None:
    if shown.iss != between.issuer:
        raise WrongLogoutToken("The claim iss names another issuer.")
    audiences = (shown.aud,) if isinstance(shown.aud, str) else shown.aud
    if audiences != (between.client_id,):
        raise WrongLogoutToken("The claim aud names another client.")


def _demand_timely(shown: _Shown, now: int) -> None:
    if now >= shown.exp + SKEW:
        raise WrongLogoutToken("It has expired.")
    if shown.iat > now + SKEW:
        raise WrongLogoutToken("It was issued in the future.")
    if shown.exp - shown.iat > _LONGEST_LIFE:
        # So long it would have to be remembered that it was used.
        raise WrongLogoutToken("It lives for longer than an hour.")
