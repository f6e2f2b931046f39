"""How the access tokens of an issuer look that does not keep to RFC 9068. Pure.

Nothing is guessed: what differs is said in the configuration, issuer by issuer.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from counterfoil.guard.given import demand_several
from counterfoil.guard.token import Rejected
from counterfoil.jose.jwt import NO_TYP
from counterfoil.oauth.access import is_scope
from counterfoil.oauth.access_token import TYPE, TYPES
from counterfoil.oauth.reasons import Reason

_LACKING: Final[Mapping[str, object]] = MappingProxyType(
    {"client_id": "", "iat": 0, "jti": "", "sub": ""}
)
"""What stands for a claim that a token lacks: no name, and an age beyond every greatest age."""
_OF_ID_TOKENS: Final = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "events"})


class TokenProfile(Struct, frozen=True, kw_only=True):
    """What the tokens of one issuer are like. The default is RFC 9068.

    ``types``: what ``typ`` may be, such as ``("JWT",)``; an empty text stands for none at all.
    Tokens of other types than ``at+jwt`` are refused where they hold what only ID tokens and
    logout tokens hold. ``scope`` and ``client_id``: the claims that hold these, such as ``scp``
    and ``azp``; permissions may be a list or a text. ``may_lack``: claims of which a token need
    not have all: ``client_id``, ``iat``, ``jti``, ``sub``.

    Raises:
        ValueError: where this cannot be.
    """

    types: tuple[str, ...] = (TYPE,)
    scope: str = "scope"
    client_id: str = "client_id"
    may_lack: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        demand_several(self.types, "the types of a profile")
        demand_several(self.may_lack, "what a token may_lack")
        if not self.types:
            raise ValueError('the types of a profile are a tuple, such as ("JWT",)')
        unknown = set(self.may_lack) - _LACKING.keys()
        if unknown:
            raise ValueError(f"a token may not lack {', '.join(sorted(unknown))}")

    @property
    def is_standard(self) -> bool:
        """Whether there is nothing to adapt."""
        return self is STANDARD or self == STANDARD

    @property
    def accepted_types(self) -> tuple[str, ...]:
        """The types as whoever verifies needs them; URL-bound tokens are by our profile alone."""
        if self.is_standard:
            return TYPES
        return tuple(each or NO_TYP for each in self.types)

    def adapted(self, claims: Mapping[str, object]) -> dict[str, object]:
        """Give the claims as RFC 9068 would have them.

        Raises:
            Rejected: ``wrong_type`` where this is a token, but no access token; ``malformed``
                where its permissions are none.
        """
        if self.types != STANDARD.types and not _OF_ID_TOKENS.isdisjoint(claims):
            detail = "it holds what only ID tokens and logout tokens hold"
            raise Rejected(Reason.WRONG_TYPE, detail=detail)
        lacking = {name: _LACKING[name] for name in self.may_lack}
        adapted = lacking | dict(claims)
        for name, source in (("scope", self.scope), ("client_id", self.client_id)):
            if source != name:
                adapted.pop(name, None)
                adapted |= {name: claims[source]} if source in claims else {}
        adapted |= {name: lacking[name] for name in lacking if name not in adapted}
        if isinstance(adapted.get("scope"), list):
            adapted["scope"] = _joined(adapted["scope"])
        return adapted


def _joined(scopes: object) -> str:
    names = scopes if isinstance(scopes, list) else []
    if not all(isinstance(name, str) and is_scope(name) for name in names):
        raise Rejected(Reason.MALFORMED, detail="its permissions are no list of scopes")
    return " ".join(names)


STANDARD: Final = TokenProfile()
