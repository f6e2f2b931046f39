"""What scopes open about a person (OpenID Connect Core §5.1, §5.4)."""

from msgspec import Struct

from counterfoil.server.records.user import User


class PersonalClaims(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Claims about a person; what no scope opens is left out."""

    sub: str
    email: str | None = None
    email_verified: bool | None = None
    name: str | None = None
    locale: str | None = None


def personal_claims(user: User, scopes: frozenset[str]) -> PersonalClaims:
    """Give the claims that the scopes ``email`` and ``profile`` open.

    ``email_verified`` is true where whoever has the account was shown to read its mail.
    ``locale`` is the language that they have chosen, not one that a browser asked for.
    """
    return PersonalClaims(
        sub=user.id,
        email=user.email if "email" in scopes else None,
        email_verified=user.email_verified if "email" in scopes else None,
        name=user.name if "profile" in scopes else None,
        locale=(user.language or None) if "profile" in scopes else None,
    )
