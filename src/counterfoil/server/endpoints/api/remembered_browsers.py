"""Remembered browsers of a person. They are forgotten at ``/api/endings``."""

from counterfoil.server.documents.remembered_browsers import RememberedBrowserList, list_of
from counterfoil.server.endpoints.api.operation import Call, Nothing
from counterfoil.server.endpoints.api.responding import NotFound
from counterfoil.server.records.store import Transaction


async def list_remembered_browsers(call: Call[Nothing, Nothing]) -> RememberedBrowserList:
    """``GET /api/users/{user_id}/remembered-browsers``: those that have not expired."""

    async def work(tx: Transaction) -> RememberedBrowserList:
        user = await tx.users.find(call.names["user_id"])
        if user is None:
            raise NotFound("There is no such person.")
        return await list_of(tx, user.id)

    return await call.server.authority.store.read(work)
