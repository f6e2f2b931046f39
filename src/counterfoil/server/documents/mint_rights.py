"""Rights to mint as JSON. A stable interface."""

from collections.abc import Mapping

from msgspec import Struct

from counterfoil.server.records.mint_right import MintRight
from counterfoil.server.records.store import Transaction


class MintRightDocument(Struct, frozen=True, kw_only=True):
    """What a client may mint for people, and for how many it has. Times in seconds.

    ``users`` are ids; it is null where the right is for any. ``longest`` is the greatest lifetime
    of a token; ``people`` counts those for whom tokens were made that may still stand.
    """

    id: str
    client_id: str
    users: tuple[str, ...] | None
    apis: Mapping[str, tuple[str, ...]]
    longest: int
    created_at: int
    ends_at: int
    given_by: str
    people: int


class MintRightList(Struct, frozen=True, kw_only=True):
    """The rights of a client that were not withdrawn, by age."""

    mint_rights: tuple[MintRightDocument, ...]


async def documents(tx: Transaction, client_id: str) -> MintRightList:
    """Read the rights of a client."""
    rights = await tx.mint_rights.of_client(client_id)
    return MintRightList(mint_rights=tuple([await document_of(tx, right) for right in rights]))


async def document_of(tx: Transaction, right: MintRight) -> MintRightDocument:
    """Give the document of a right."""
    return MintRightDocument(
        id=right.id,
        client_id=right.client_id,
        users=None if right.any_user else right.users,
        apis={uri: tuple(sorted(scopes)) for uri, scopes in right.access.apis.items()},
        longest=right.longest,
        created_at=right.created_at,
        ends_at=right.ends_at,
        given_by=right.given_by,
        people=len({each.user_id for each in await tx.mint_rights.made_by(right.id)}),
    )
