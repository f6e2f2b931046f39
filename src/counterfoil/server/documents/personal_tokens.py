"""Personal tokens as JSON. A stable interface."""

from msgspec import Struct

from counterfoil.server.records.personal_token import PersonalToken
from counterfoil.server.records.store import Transaction


class PersonalTokenDocument(Struct, frozen=True, kw_only=True):
    """A token that a person has made by hand; never its text. Times in seconds.

    ``id`` is its ``jti``; ``networks`` from where alone it is good, if there are any; ``found_at``
    where somebody says that it was found.
    """

    id: str
    user_id: str
    name: str
    audience: str
    scope: str
    networks: tuple[str, ...]
    created_at: int
    expires_at: int
    last_used_at: int | None
    last_used_from: str
    ended_at: int | None
    ended_why: str
    found_at: str


class PersonalTokenList(Struct, frozen=True, kw_only=True):
    """All of a person that are still kept, ended ones too, the newest first."""

    personal_tokens: tuple[PersonalTokenDocument, ...]


async def list_of(tx: Transaction, user_id: str) -> PersonalTokenList:
    """Read those of a person."""
    tokens = await tx.personal_tokens.of_user(user_id)
    return PersonalTokenList(personal_tokens=tuple(document_of(token) for token in tokens))


def document_of(token: PersonalToken) -> PersonalTokenDocument:
    """Give the document of a token."""
    return PersonalTokenDocument(
        id=token.id,
        user_id=token.user_id,
        name=token.name,
        audience=token.audience,
        scope=" ".join(token.scopes),
        networks=token.networks,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        last_used_from=token.last_used_from,
        ended_at=token.ended_at,
        ended_why=token.ended_why,
        found_at=token.found_at,
    )
