"""Naming the one client that may act for others with a token: ``may_act`` (RFC 8693 §4.4)."""

import re
from typing import Final

from msgspec.structs import replace

from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol.issuance import Issuance

NAME: Final = "may_act"
"""The parameter of the token request that names a ``client_id``; it is ours alone."""
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")


def with_actor(issuance: Issuance, parameters: Parameters) -> Issuance:
    """Name who may act with what was decided: as its parent says, the client's policy, or it asks.

    It only ever narrows: whoever is named needs a right to act all the same.

    Raises:
        OAuthError: ``invalid_request`` where another is asked for than stands already.
    """
    named = parameters.get(NAME)
    if named is not None and _CLIENT_ID.fullmatch(named) is None:
        raise invalid_request(f"The parameter {NAME} is a client_id.")
    stands = issuance.may_act or issuance.client.policy.may_act or ""
    if stands and named not in (None, stands):
        raise invalid_request(f"The parameter {NAME} names another client than was decided.")
    may_act = stands or named or ""
    return issuance if may_act == issuance.may_act else replace(issuance, may_act=may_act)
