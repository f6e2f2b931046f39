"""What an exchanged token says: where it comes from, who acts for whom (RFC 8693 §4). Pure."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from counterfoil.oauth.numeric_date import NumericDate
from counterfoil.oauth.revocations import Marks

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
TICKET: Final = "urn:counterfoil:token-type:ticket"
"""Ours alone: a right to one request, which stands in its URL (S73)."""
NO_ACCESS_TOKEN: Final = "N_A"
"""The ``token_type`` of what is none (§2.2.1)."""
MOST_PARENTS: Final = 4
"""So many tokens stand behind one, actors' tokens included; none is exchanged further."""


class Parent(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A token that another was exchanged for, by the marks that end it; the family is the same."""

    jti: str
    client_id: str
    client_generation: int
    audience: str
    api_generation: int
    kid: str
    issued_at: NumericDate

    @property
    def marks(self) -> Marks:
        """The marks by which it ends, and with it what comes of it."""
        return Marks(
            self.jti,
            "",
            self.client_id,
            self.client_generation,
            self.audience,
            self.api_generation,
            self.kid,
            self.issued_at,
        )


def parent_of(marks: Marks) -> Parent:
    """Give the token with these marks as the parent of another."""
    return Parent(
        marks.jti,
        marks.client_id,
        marks.client_generation,
        marks.audience,
        marks.api_generation,
        marks.kid,
        marks.issued_at,
    )


def acting(actor: str, before: object) -> Mapping[str, object]:
    """Give the claim ``act``: who acts now, and within it who did before (§4.1)."""
    return {"sub": actor} if before is None else {"sub": actor, "act": before}


def actor_named(client_id: str) -> Mapping[str, str]:
    """Give the claim ``may_act``: the one client that may act (§4.4)."""
    return {"sub": client_id}


def actor_in(may_act: object) -> str:
    """Read ``may_act``; a name that no client has where it says more than we would."""
    if may_act is None:
        return ""
    if isinstance(may_act, Mapping) and may_act.keys() == {"sub"}:
        return str(may_act["sub"])
    return "\0"


def actors_in(act: object) -> tuple[str, ...]:
    """Name who acts, the one who does so now first; empty where nobody acts for another."""
    names = list[str]()
    while isinstance(act, Mapping):
        names.append(str(act.get("sub", "")))
        act = act.get("act")
    return tuple(names)
