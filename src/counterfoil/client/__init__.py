"""The client: signs people in, gets tokens, keeps them fresh and gives them back."""

from counterfoil.client.authorization import Attempt, SignIn
from counterfoil.client.client import AsyncClient, Client
from counterfoil.client.dpop import DpopKey
from counterfoil.client.errors import NotTrusted, Refused
from counterfoil.client.id_token import Identity
from counterfoil.client.registration import Registration
from counterfoil.client.tokens import Tokens
from counterfoil.net.http import HttpFailure

__all__ = [
    "AsyncClient",
    "Attempt",
    "Client",
    "DpopKey",
    "HttpFailure",
    "Identity",
    "NotTrusted",
    "Refused",
    "Registration",
    "SignIn",
    "Tokens",
]
