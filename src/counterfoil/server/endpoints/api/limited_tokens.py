"""Limited tokens that still stand, with what is left of them. They are ended as all tokens are."""

from msgspec import Struct

from counterfoil.oauth.errors import invalid_request
from counterfoil.server.documents.limited_tokens import (
    LimitedTokenDocument,
    read_part,
    standing,
)
from counterfoil.server.endpoints.api.operation import Call, Nothing
from counterfoil.server.endpoints.api.paging import Name, Paging
from counterfoil.server.records.allowance import Owner


class LimitedTokenPage(Struct, frozen=True, kw_only=True):
    """A part of the limited tokens, newest first; ``next`` is the cursor of the part after."""

    limited_tokens: tuple[LimitedTokenDocument, ...]
    next: str | None


class LimitedTokenPaging(Paging, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of one person, of one client, or of what that client has of that person."""

    user_id: Name | None = None
    client_id: Name | None = None


async def list_limited_tokens(call: Call[LimitedTokenPaging, Nothing]) -> LimitedTokenPage:
    """``GET /api/limited-tokens``: those that have neither expired nor been ended.

    Raises:
        OAuthError: ``invalid_request``: nobody is named.
    """
    asked, part = call.query, call.query.part
    if not asked.user_id and not asked.client_id:
        raise invalid_request("Name whose tokens: user_id, client_id, or both.")
    owner = Owner(asked.user_id or "", asked.client_id or "")
    authority = call.server.authority
    found, now = await read_part(authority, owner, part)
    shown, after = asked.cut(found, lambda each: (each.marks.issued_at, each.marks.jti))
    return LimitedTokenPage(limited_tokens=standing(authority, shown, now), next=after)
