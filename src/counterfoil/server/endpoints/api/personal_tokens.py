"""Personal tokens of a person. They are ended at ``/api/endings``."""

from counterfoil.server.documents.personal_tokens import PersonalTokenList, list_of
from counterfoil.server.endpoints.api.operation import Call, Nothing
from counterfoil.server.endpoints.api.responding import NotFound
from counterfoil.server.records.store import Transaction


async def list_personal_tokens(call: Call[Nothing, Nothing]) -> PersonalTokenList:
    """``GET /api/users/{user_id}/personal-tokens``: what is kept of them, which no text is."""

    async def work(tx: Transaction) -> PersonalTokenList:
        user = await tx.users.find(call.names["user_id"])
        if user is None:
            raise NotFound("There is no such person.")
        return await list_of(tx, user.id)

    return await call.server.authority.store.read(work)
