"""How commands find people: by e-mail or by id."""

from counterfoil.cli.output import Failure
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


async def find_person(tx: Transaction, named: str) -> User:
    """Find a person by e-mail or id.

    Raises:
        Failure: there is none.
    """
    found = await tx.users.find_by_email(named) or await tx.users.find(named)
    if found is None:
        raise Failure(f"there is no user {named}")
    return found
