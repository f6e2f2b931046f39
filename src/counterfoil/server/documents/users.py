"""People as JSON, without what they sign in with. A stable interface."""

from msgspec import Struct

from counterfoil.server.records.second_factor import NO_FACTORS, Factors
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


class UserDocument(Struct, frozen=True, kw_only=True):
    """A person; ``id`` is the ``sub`` of their tokens. Times in seconds since the epoch.

    ``language`` is what they have chosen to read. ``second_factor``: their password alone does not
    sign them in. ``mailed_codes``: they have chosen that a code by mail may follow it.
    """

    id: str
    email: str
    email_verified: bool
    name: str | None
    language: str | None
    is_admin: bool
    created_at: int
    disabled_at: int | None
    second_factor: bool
    mailed_codes: bool


class UserList(Struct, frozen=True, kw_only=True):
    """All people."""

    users: tuple[UserDocument, ...]


async def described(tx: Transaction, user: User) -> UserDocument:
    """Give the document of a person, with what they have switched on."""
    return document_of(user, await tx.second_factors.of_user(user.id))


def document_of(user: User, factors: Factors = NO_FACTORS) -> UserDocument:
    """Give the document of a person who can show these factors; a new one has none."""
    return UserDocument(
        id=user.id,
        email=user.email,
        email_verified=user.email_verified,
        name=user.name,
        language=user.language or None,
        is_admin=user.is_admin,
        created_at=user.created_at,
        disabled_at=user.disabled_at,
        second_factor=factors.is_on,
        mailed_codes=factors.mailed_since is not None,
    )
