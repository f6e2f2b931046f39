"""Limits that a client asks for itself: the parameter ``authorization_details`` (RFC 9396 §2, §6).

They only ever narrow what an administrator has set, and what a person has allowed.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from counterfoil.jose.errors import JoseError
from counterfoil.jose.strict_json import decode_value
from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import invalid_authorization_details, invalid_target, sayable
from counterfoil.oauth.limits import Limit, Limits, are_within, name_each_once, narrowest
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol.issuance import Issuance
from counterfoil.server.protocol.own_api import own_api_uri
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from counterfoil.server.records.store import Transaction

DETAILS: Final = "authorization_details"
_LONGEST: Final = 4096
_TWICE: Final = "Each action is limited once in a unit."
_BEYOND: Final = "This is more than may be had here: a limit can be narrowed, and none left out."
_NOTHING: Final = "Name at least one limit."


class LimitNarrowing(Struct, frozen=True):
    """What a client wants its token to do at most."""

    limits: tuple[Limit, ...]

    def narrow(self, issuance: Issuance, issuer: str) -> Issuance:
        """Limit what was decided.

        Raises:
            OAuthError: ``invalid_authorization_details`` for more than the token may do anyway;
                ``invalid_target`` for the server itself, which asks for no limits.
        """
        if issuance.audience.uri in (issuer, own_api_uri(issuer)):
            raise invalid_target("Only the access token of an API can be limited.")
        says = mistake_in(self.limits, issuance.permitted)
        if says:
            raise invalid_authorization_details(says)
        return replace(issuance, limits=narrowest(self.limits, issuance.limits))


def limit_narrowing_in(parameters: Parameters) -> LimitNarrowing | None:
    """Read the parameter of a token request.

    Raises:
        OAuthError: ``invalid_authorization_details``. Nothing has happened yet.
    """
    limits = limits_in(parameters)
    return None if limits is None else LimitNarrowing(limits)


def limits_in(parameters: Parameters) -> tuple[Limit, ...] | None:
    """Read what is asked for; ``None`` where nothing is.

    Raises:
        OAuthError: ``invalid_authorization_details``: another type, or a member or value of which
            nobody here knows what it means (§5).
    """
    text = parameters.get(DETAILS)
    if text is None:
        return None
    if len(text) > _LONGEST:
        sentence = f"The parameter {DETAILS} is longer than {_LONGEST} characters."
        raise invalid_authorization_details(sentence)
    try:
        limits = msgspec.convert(decode_value(text.encode()), Limits)
    except (JoseError, msgspec.ValidationError) as error:
        sentence = f"The parameter {DETAILS}: {sayable(str(error))}."
        raise invalid_authorization_details(sentence) from None
    says = mistake_in(limits, None)
    if says:
        raise invalid_authorization_details(says)
    return limits


def mistake_in(asked: tuple[Limit, ...], permitted: Iterable[Limit] | None) -> str:
    """Say why these limits cannot be had of those; nothing where they can."""
    if not asked:
        return _NOTHING
    if not name_each_once(asked):
        return _TWICE
    return "" if are_within(asked, permitted) else _BEYOND


async def limited(tx: Transaction, client: Client, access: Access, asked: Parameters) -> Access:
    """Give what an app asks a person for, with the limits that it asks for itself.

    Each must be one that the client may have, at an API that is asked for.

    Raises:
        OAuthError: ``invalid_authorization_details``.
    """
    limits = limits_in(asked)
    if limits is None:
        return access
    apis = {uri: api for uri in access.apis if (api := await tx.apis.find(uri)) is not None}
    if not all(_may_be_had(limit, client, apis) for limit in limits):
        raise invalid_authorization_details(_BEYOND)
    return replace(access, limits=limits)


def _may_be_had(limit: Limit, client: Client, apis: Mapping[str, Api]) -> bool:
    of_client = client.policy.limits or None
    return any(
        are_within([limit], narrowest(of_client, api.policy.limits or None))
        for api in apis.values()
    )
