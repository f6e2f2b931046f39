"""The ID token's claims (OpenID Connect Core §2)."""

from typing import Final

from msgspec import Struct

TYPE: Final = "JWT"


class IdToken(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who signed in, for which client, when. ``sid`` names the session for logout."""

    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    auth_time: int
    nonce: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    sid: str | None = None
    email: str | None = None
    email_verified: bool | None = None
    name: str | None = None
    locale: str | None = None
