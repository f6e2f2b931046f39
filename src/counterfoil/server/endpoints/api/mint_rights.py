"""Rights to mint for people: listed, given, and withdrawn with all that was made by them (S58)."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from counterfoil.oauth.access import scopes_in
from counterfoil.server.documents.endings import EndingDocument
from counterfoil.server.documents.endings import document_of as receipt_of
from counterfoil.server.documents.mint_rights import (
    MintRightDocument,
    MintRightList,
    document_of,
    documents,
)
from counterfoil.server.endpoints.api.operation import Asked, Call, Nothing
from counterfoil.server.endpoints.api.powers import demand_powers
from counterfoil.server.endpoints.api.responding import NotFound
from counterfoil.server.endpoints.api.waiting import Waiting, guards_at
from counterfoil.server.protocol import mint_rights, revocation
from counterfoil.server.protocol.mint_rights import MOST_USERS, NewMintRight
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.client import MINT
from counterfoil.server.records.store import Transaction

_Text = Annotated[str, Meta(min_length=1, max_length=2048)]
_Scope = Annotated[str, Meta(max_length=8192, description="Names, with spaces between them.")]


class NewRight(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A right to give: for these people, or for any; which scopes of which APIs; until when.

    ``users`` are ids. ``longest`` is the greatest lifetime of a token, in seconds.
    """

    apis: Annotated[Mapping[str, _Scope], Meta(max_length=20)]
    longest: Annotated[int, Meta(ge=1)]
    ends_at: Annotated[int, Meta(ge=1)]
    users: Annotated[tuple[_Text, ...], Meta(max_length=MOST_USERS)] = ()
    any_user: bool = False


async def list_mint_rights(call: Call[Nothing, Nothing]) -> MintRightList:
    """``GET /api/clients/{client_id}/mint-rights``."""
    client_id = call.names["client_id"]

    async def work(tx: Transaction) -> MintRightList:
        if await tx.clients.find(client_id) is None:
            raise NotFound("There is no such client.")
        return await documents(tx, client_id)

    return await call.server.authority.store.read(work)


async def give_mint_right(call: Call[Nothing, NewRight]) -> MintRightDocument:
    """``POST /api/clients/{client_id}/mint-rights``."""
    demand_powers(call.admitted, frozenset({MINT}))
    asked = call.body
    wanted = NewMintRight(
        client_id=call.names["client_id"],
        apis={uri: scopes_in(scope) for uri, scope in asked.apis.items()},
        longest=asked.longest,
        ends_at=asked.ends_at,
        users=asked.users,
        any_user=asked.any_user,
    )

    async def work(tx: Transaction) -> MintRightDocument:
        right = await mint_rights.give(tx, wanted, call.by)
        if right is None:
            raise NotFound("There is no such client.")
        return await document_of(tx, right)

    return await call.server.authority.store.transact(work)


async def withdraw_mint_right(call: Call[Waiting, Nothing]) -> EndingDocument:
    """``POST /api/clients/{client_id}/mint-rights/{right_id}/withdraw``."""
    client_id, right_id = call.names["client_id"], call.names["right_id"]

    async def work(tx: Transaction) -> Ending:
        right = await tx.mint_rights.find(right_id)
        if right is None or right.client_id != client_id:
            raise NotFound("The client has no such right to mint.")
        return await revocation.withdraw_right(tx, right_id, call.by)

    ending = await call.server.authority.store.transact(work)
    return receipt_of(ending, await guards_at(call, ending.position))
