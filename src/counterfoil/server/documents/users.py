"""People as JSON, without what they sign in with. A stable interface."""

from msgspec import Struct

from counterfoil.server.records.user import User


class UserDocument(Struct, frozen=True, kw_only=True):
    """A person; ``id`` is the ``sub`` of their tokens. Times in seconds since the epoch."""

    id: str
    email: str
    email_verified: bool
    name: str | None
    is_admin: bool
    created_at: int
    disabled_at: int | None


class UserList(Struct, frozen=True, kw_only=True):
    """All people."""

    users: tuple[UserDocument, ...]


def document_of(user: User) -> UserDocument:
    """Give the document of a person."""
    return UserDocument(
        id=user.id,
        email=user.email,
        email_verified=user.email_verified,
        name=user.name,
        is_admin=user.is_admin,
        created_at=user.created_at,
        disabled_at=user.disabled_at,
    )
