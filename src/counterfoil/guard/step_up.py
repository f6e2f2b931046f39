"""How strongly, and how lately, a person must have signed in for an endpoint (RFC 9470). Pure."""

import re
from typing import Final, TypeGuard

from msgspec import Struct

from counterfoil.guard.demands import Presented
from counterfoil.guard.given import demand_several
from counterfoil.guard.token import Rejected
from counterfoil.oauth.access_token import LEEWAY
from counterfoil.oauth.reasons import Reason

_ACR: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")


class StepUp(Struct, frozen=True, kw_only=True):
    """How, and how long ago, the person must have signed in (RFC 9470).

    ``acr``: the classes that will do, the best first; ``max_age``: seconds since the sign-in.
    A client learns of both at once, and leads the person through another sign-in.

    Raises:
        ValueError: where neither is demanded, or a class cannot be said.
    """

    acr: tuple[str, ...] = ()
    max_age: int | None = None

    def __post_init__(self) -> None:
        demand_several(self.acr, "the classes of StepUp")
        if not self.acr and self.max_age is None:
            raise ValueError("a step up demands acr, max_age or both")
        if self.max_age is not None and self.max_age < 0:
            raise ValueError("a max_age is not negative")
        for name in self.acr:
            if _ACR.fullmatch(name) is None:
                raise ValueError(f"{name!r} is no name of an authentication context class")

    def examine(self, presented: Presented) -> None:
        """Refuse a sign-in that was another, or too long ago; what is not said does not count."""
        claims = presented.token.claims
        if self.acr and claims.get("acr") not in self.acr:
            raise self._refused(Reason.SIGN_IN_TOO_WEAK, presented)
        if self.max_age is not None:
            signed_in = claims.get("auth_time")
            if not _is_time(signed_in) or not self._is_lately(signed_in, presented.now):
                raise self._refused(Reason.SIGN_IN_TOO_OLD, presented)

    def _is_lately(self, signed_in: int, now: float) -> bool:
        age = now - signed_in
        return self.max_age is not None and -LEEWAY <= age <= self.max_age

    def _refused(self, reason: Reason, presented: Presented) -> Rejected:
        asks = {} if self.max_age is None else {"max_age": str(self.max_age)}
        if self.acr:
            asks["acr_values"] = " ".join(self.acr)
        return Rejected(reason, fingerprint=presented.token.fingerprint, asks=asks)


def _is_time(claim: object) -> TypeGuard[int]:
    return isinstance(claim, int) and not isinstance(claim, bool)
