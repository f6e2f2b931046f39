"""People as JSON, and how commands find them: by e-mail or by id."""

from msgspec import Struct

from counterfoil.cli.output import Failure
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


class UserDocument(Struct, frozen=True, kw_only=True):
    """A person; ``id`` is the ``sub`` of their tokens. Times in seconds since the epoch."""

    id: str
    email: str
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
        name=user.name,
        is_admin=user.is_admin,
        created_at=user.created_at,
        disabled_at=user.disabled_at,
    )


async def find_person(tx: Transaction, named: str) -> User:
    """Find a person by e-mail or id.

    Raises:
        Failure: there is none.
    """
    found = await tx.users.find_by_email(named) or await tx.users.find(named)
    if found is None:
        raise Failure(f"there is no user {named}")
    return found
