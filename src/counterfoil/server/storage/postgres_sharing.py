"""Several works in one transaction, each as if it ran by itself, or not at all.

To begin and to commit costs two round trips and a write to the disk. A work that fails after it
wrote, or that waits for what somebody else holds, spoils it for all: then nothing of it stands, and
each is run by itself. Nobody is answered before the commit.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from counterfoil.server.records.failures import Conflict, StoreUnavailable
from counterfoil.server.records.store import Transaction, Work
from counterfoil.server.storage.connection import WrongStatement
from counterfoil.server.storage.postgres_transaction import Transactions
from counterfoil.server.storage.together import ByItself, Failed, Given, Outcome

COMMIT: Final = "COMMIT"
_OF_THE_ENGINE: Final = (Conflict, StoreUnavailable, WrongStatement)

Run = Callable[[Transactions, Transaction, Work[Any]], Awaitable[Any]]


async def run_together(
    lent: Transactions, transaction: Transaction, works: Sequence[Work[Any]], run: Run
) -> list[Outcome]:
    """Run works one after the other in a transaction that is open, and commit.

    ``run`` runs one and does not commit.
    """
    outcomes: list[Outcome] = []
    for work in works:
        lent.connection.wrote = False
        try:
            outcomes.append(Given(await run(lent, transaction, work)))
        except Exception as error:
            if isinstance(error, _OF_THE_ENGINE) or lent.connection.wrote:
                await lent.undo(error)
                return [ByItself()] * len(works)
            outcomes.append(Failed(error))
    if await lent.connection.step(COMMIT) != COMMIT:
        return [ByItself()] * len(works)
    return outcomes
