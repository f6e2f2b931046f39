"""Nobody gives away what they do not have: powers over this server itself, and who may grant them.

Without this a token that may register clients could make itself one that may do everything.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from counterfoil.guard.token import Rejected
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol.own_api import END, READ, SCOPES
from counterfoil.server.records.client import END_USERS, INTROSPECT, MINT, REPORT, SPEND, Client
from counterfoil.server.web.gate import Admitted

POWERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{scope: scope for scope in SCOPES},
        INTROSPECT: READ,
        END_USERS: END,
        REPORT: END,
        SPEND: END,
        MINT: END,
    }
)
"""Each scope that is a power over this server, with the scope that one needs to give it."""


def powers_of(*clients: Client) -> frozenset[str]:
    """Name the scopes that these clients have between them.

    Whoever may act for those who call it (RFC 8693) is as mighty as who mints for them.
    """
    scopes = frozenset[str]().union(*(client.scopes for client in clients))
    return scopes | {MINT} if any(client.exchange_rights for client in clients) else scopes


def demand_powers(admitted: Admitted, scopes: frozenset[str]) -> None:
    """Demand that whoever asks may do all that a client with these scopes may do to this server.

    Asked of a client that is made or changed, and of one whose secret is handed over.

    Raises:
        Rejected: ``insufficient_scope``, naming what is needed.
    """
    needed = {POWERS[scope] for scope in scopes if scope in POWERS}
    if not admitted.token.scopes >= needed:
        fingerprint = admitted.token.fingerprint
        raise Rejected(Reason.INSUFFICIENT_SCOPE, " ".join(sorted(needed)), fingerprint=fingerprint)
