"""The one API that a token is for, and the access it carries there (RFC 8707 §2.2)."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import invalid_target
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from counterfoil.server.records.default_lifetime import DefaultLifetime
from counterfoil.server.records.encryption_key import EncryptionKey, active_key
from counterfoil.server.records.policy import ApiPolicy
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings


class Audience(Struct, frozen=True):
    """An API as a token sees it: ``aud``, its generation, the token's lifetime in seconds.

    ``scopes`` are those that the API has today. ``encryption_key``: what its tokens are encrypted
    to, if they are.
    """

    uri: str
    generation: int
    lifetime: int
    scopes: frozenset[str] = frozenset()
    policy: ApiPolicy = ApiPolicy()
    encryption_key: EncryptionKey | None = None

    def at_most(self, seconds: int | None) -> "Audience":
        """Shorten the token's lifetime to so many seconds, where it is longer."""
        shortened = seconds is not None and seconds < self.lifetime
        return replace(self, lifetime=seconds) if shortened else self


async def catalogue(tx: Transaction, client: Client) -> Mapping[str, frozenset[str]]:
    """The APIs at which a client may ask for anything, each with the scopes it may have there."""
    may_have = client.access.apis
    return {
        api.uri: scopes
        for api in await tx.apis.every()
        if (scopes := may_have.get(api.uri, frozenset()).intersection(api.scopes))
    }


def resource_in(access: Access, resources: Sequence[str]) -> str | None:
    """Choose the API for a token: the named one, else the only one; ``None`` if there is none.

    Raises:
        OAuthError: ``invalid_target`` where the choice is not the client's to have, or is open.
    """
    named = tuple(dict.fromkeys(resources))
    if len(named) > 1:
        raise invalid_target("An access token is for one API: name one resource.")
    if named:
        if named[0] not in access.apis:
            raise invalid_target("The parameter resource names an API that was not granted.")
        return named[0]
    if len(access.apis) > 1:
        raise invalid_target("Several APIs were granted: name one with the parameter resource.")
    return next(iter(access.apis), None)


async def audience_of(
    tx: Transaction, resource: str | None, client: Client, settings: Settings
) -> Audience:
    """Look up the API; without one the token is for this server's own userinfo endpoint.

    The lifetime is the shortest of the API's, or else the default, and the client's (S22).

    Raises:
        OAuthError: ``invalid_target`` where the API has gone.
    """
    default = await _default(tx, settings)
    if resource is None:
        usual = Audience(settings.issuer, default.generation, default.seconds)
        return usual.at_most(client.policy.access_token_lifetime)
    api: Api | None = await tx.apis.find(resource)
    if api is None:
        raise invalid_target("The parameter resource names no API that is known here.")
    lifetime = api.token_lifetime or default.seconds
    found = Audience(
        api.uri, api.generation, lifetime, frozenset(api.scopes), api.policy, _encryption_key(api)
    )
    return found.at_most(client.policy.access_token_lifetime)


def _encryption_key(api: Api) -> EncryptionKey | None:
    """Choose the key that the API's tokens are encrypted to: a readable one is never given."""
    if not api.policy.encryption:
        return None
    key = active_key(api.encryption_keys)
    if key is None:
        raise invalid_target(
            "The API's tokens are encrypted, and it has no active key to encrypt them to."
        )
    return key


async def _default(tx: Transaction, settings: Settings) -> DefaultLifetime:
    """Give the default that goes with the generations in the store.

    Another process may have started with a shorter one: what is minted from now on under the
    generations that it drew must not outlive that (S26).
    """
    kept = await tx.default_lifetimes.find()
    if kept is None:
        return DefaultLifetime(settings.access_token_lifetime)
    longest = settings.access_token_lifetime
    return kept if kept.seconds <= longest else replace(kept, seconds=longest)
