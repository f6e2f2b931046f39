"""Limiting a token at its issue: how often it works, and that it ends early (S51, S54, S55).

Parameters of the token request, of any grant type. They only ever narrow, and one token alone.
"""

import re
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.errors import invalid_request, invalid_target
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.use_limit import MOST_USES
from counterfoil.server.protocol.grant_types.token_exchange import lifetime_in
from counterfoil.server.protocol.issuance import Issuance
from counterfoil.server.protocol.own_api import own_api_uri

USES: Final = "max_uses"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


class UseNarrowing(Struct, frozen=True):
    """How often a client wants its token to work, and for how many seconds at most."""

    max_uses: int | None = None
    seconds: int | None = None

    def narrow(self, issuance: Issuance, issuer: str) -> Issuance:
        """Limit what was decided. Where an API limits its tokens itself, no more can be asked.

        Raises:
            OAuthError: ``invalid_request``; ``invalid_target`` for the server itself, which counts
                no uses of its own.
        """
        if self.max_uses is not None:
            self._demand_countable(issuance, issuer)
            issuance = replace(issuance, max_uses=self.max_uses)
        return replace(issuance, audience=issuance.audience.at_most(self.seconds))

    def _demand_countable(self, issuance: Issuance, issuer: str) -> None:
        if issuance.audience.uri in (issuer, own_api_uri(issuer)):
            raise invalid_target("Only the access token of an API can be limited to so many uses.")
        behind = issuance.max_uses
        if behind is not None and (self.max_uses or 0) > behind:
            sentence = (
                f"The parameter {USES}: the token that this one comes of works {behind} times."
            )
            raise invalid_request(sentence)
        most = issuance.audience.policy.max_uses
        if most is not None and (self.max_uses or 0) > most:
            sentence = f"The parameter {USES}: tokens of this API work {most} times at most."
            raise invalid_request(sentence)


def use_narrowing_in(parameters: Parameters) -> UseNarrowing | None:
    """Read ``max_uses``, and ``lifetime``: the most seconds for which the token is to live.

    ``None``: neither is asked for.

    Raises:
        OAuthError: ``invalid_request``, saying what is wrong. Nothing has happened yet.
    """
    text = parameters.get(USES)
    if text is not None and (_NUMBER.fullmatch(text) is None or int(text) > MOST_USES):
        raise invalid_request(f"The parameter {USES} is a number from 1 to {MOST_USES}, in digits.")
    seconds = lifetime_in(parameters)
    if text is None and seconds is None:
        return None
    return UseNarrowing(None if text is None else int(text), seconds)
