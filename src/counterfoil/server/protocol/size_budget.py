"""The size budget: what follows where an access token is too long for its API (S66)."""

import logging
from typing import Final

from counterfoil.oauth.token_response import TokenBudget, TokenResponse
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.issuance import Issuance
from counterfoil.server.protocol.token_sizes import TooLong
from counterfoil.server.records.policy import ApiPolicy
from counterfoil.server.settings import Settings

_LOG: Final = logging.getLogger(__name__)


def budget_of(policy: ApiPolicy, settings: Settings) -> int:
    """Give the most bytes that a signed token of an API may have; 0: any number."""
    return settings.token_bytes if policy.token_bytes is None else policy.token_bytes


def excess_of(authority: Authority, issuance: Issuance, access_token: str) -> TokenBudget | None:
    """Measure a signed token; ``None`` where it keeps its budget.

    The first of a client at an API that does not is logged: as a warning, for somebody must do
    something, or as what was done by itself.
    """
    length = len(access_token)
    policy = issuance.audience.policy
    budget = budget_of(policy, authority.settings)
    if not 0 < budget < length:
        return None
    uri, client_id = issuance.audience.uri, issuance.client.client_id
    if authority.token_sizes.note(uri, TooLong(client_id, length, issuance.issued_at)):
        if policy.over_budget == "reference":
            level, then = logging.INFO, "it gets reference tokens where they are longer"
        else:
            level, then = logging.WARNING, "grant it fewer scopes, or let it have reference tokens"
        sentence = "access tokens of the client %s for %s are %d bytes long, the budget is %d: %s"
        _LOG.log(level, sentence, client_id, uri, length, budget, then)
    return TokenBudget(length, budget)


def becomes_reference(issuance: Issuance, response: TokenResponse) -> bool:
    """Whether a reference token is to be given in the place of the one in this answer."""
    too_long = response.token_budget is not None
    return too_long and issuance.audience.policy.over_budget == "reference"
