"""The client: signs people in, gets tokens, keeps them fresh and gives them back."""

from counterfoil.client.authorization import Attempt, SignIn
from counterfoil.client.cache import Cache, Entry, MemoryCache
from counterfoil.client.client import AsyncClient, Client
from counterfoil.client.client_key import ClientKey
from counterfoil.client.device import DeviceSignIn
from counterfoil.client.dpop import DpopKey
from counterfoil.client.errors import CacheUnusable, NotTrusted, Refused, SignInNeeded
from counterfoil.client.file_cache import FileCache
from counterfoil.client.holder import AsyncHolder, Holder
from counterfoil.client.id_token import Identity
from counterfoil.client.keyring_cache import KeyringCache
from counterfoil.client.outside import Outside
from counterfoil.client.tokens import Tokens
from counterfoil.net.exchange import Answer, Message
from counterfoil.net.http import HttpFailure

__all__ = [
    "Answer",
    "AsyncClient",
    "AsyncHolder",
    "Attempt",
    "Cache",
    "CacheUnusable",
    "Client",
    "ClientKey",
    "DeviceSignIn",
    "DpopKey",
    "Entry",
    "FileCache",
    "Holder",
    "HttpFailure",
    "Identity",
    "KeyringCache",
    "MemoryCache",
    "Message",
    "NotTrusted",
    "Outside",
    "Refused",
    "SignIn",
    "SignInNeeded",
    "Tokens",
]
