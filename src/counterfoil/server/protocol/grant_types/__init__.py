"""The table of grant types: one module for each ``grant_type`` on the wire (OAuth 2.1 §4)."""

from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from counterfoil.oauth.delegation import GRANT_TYPE as TOKEN_EXCHANGE
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.grant_types import (
    authorization_code,
    client_credentials,
    device_code,
    refresh_token,
    token_exchange,
)
from counterfoil.server.protocol.issuance import Issuance, Refusal, TokenRequest
from counterfoil.server.records.client import DEVICE_CODE
from counterfoil.server.records.store import Transaction

Exchange = Callable[[Authority, Transaction, TokenRequest], Awaitable[Issuance | Refusal]]


class GrantType(Struct, frozen=True):
    """A grant type: its name on the wire, whether deciding it writes, and how it decides.

    ``reads_tokens``: it judges access tokens, so all that has ended must be known before.
    ``rests_on_registrations``: it looks at clients, APIs and settings, and at nothing else.
    """

    name: str
    writes: bool
    exchange: Exchange
    reads_tokens: bool = False
    rests_on_registrations: bool = False


GRANT_TYPES: Final = MappingProxyType(
    {
        grant_type.name: grant_type
        for grant_type in (
            GrantType("authorization_code", True, authorization_code.exchange),
            GrantType(
                "client_credentials",
                False,
                client_credentials.exchange,
                rests_on_registrations=True,
            ),
            GrantType("refresh_token", True, refresh_token.exchange),
            GrantType(DEVICE_CODE, True, device_code.exchange),
            GrantType(TOKEN_EXCHANGE, True, token_exchange.exchange, reads_tokens=True),
        )
    }
)
