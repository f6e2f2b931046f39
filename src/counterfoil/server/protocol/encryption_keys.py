"""Keys that an API's tokens are encrypted to: added, activated, retired, and withdrawn (S68)."""

from typing import Final

import msgspec

from counterfoil.jose import agreement, jwe, strict_json
from counterfoil.jose.encryption_keys import PublicEncryptionKey, SharedSecret
from counterfoil.jose.errors import JoseError
from counterfoil.oauth.errors import invalid_request
from counterfoil.server.keys.encrypting import context_of
from counterfoil.server.keys.sealing import Seals
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.own_api import is_own
from counterfoil.server.protocol.revocation import Ending
from counterfoil.server.records.api import Api
from counterfoil.server.records.encryption_key import (
    MOST_KEYS,
    EncryptionKey,
    Keys,
    activated,
    key_named,
    retired,
    without_gone,
)
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.signing_key import LONGEST_LIFETIME
from counterfoil.server.records.store import Transaction

LONGEST: Final = 4096


def public_key_in(unverified: bytes) -> PublicEncryptionKey:
    """Read the public JWK that somebody wants to have tokens encrypted to.

    Raises:
        OAuthError: ``invalid_request``, saying what is wrong with it.
    """
    if len(unverified) > LONGEST:
        raise invalid_request(f"The JWK is longer than {LONGEST} bytes.")
    try:
        return PublicEncryptionKey.from_jwk(strict_json.decode_object(unverified))
    except JoseError as error:
        raise invalid_request(f"The JWK cannot be encrypted to: {error}") from None


async def add_public_key(
    tx: Transaction, api: Api, public: PublicEncryptionKey, by: Actor
) -> EncryptionKey:
    """Add a public key of an API; nothing is encrypted to it before it is activated.

    Raises:
        OAuthError: ``invalid_request`` where it cannot be added.
    """
    for other in await tx.apis.every():
        if any(_is_of(each, public) for each in other.encryption_keys):
            raise invalid_request(
                f"The API {other.uri} has this key, or one of this name: each API needs its own."
            )
    jwk = msgspec.json.encode(public.as_jwk()).decode()
    key = EncryptionKey(kid=public.kid, alg=jwe.ECDH_ES, created_at=tx.now, public_jwk=jwk)
    return await _add(tx, api, key, by)


def _is_of(key: EncryptionKey, public: PublicEncryptionKey) -> bool:
    if key.kid == public.kid:
        return True
    if not key.public_jwk:
        return False
    known = PublicEncryptionKey.from_jwk(msgspec.json.decode(key.public_jwk))
    return agreement.thumbprint(known.native) == agreement.thumbprint(public.native)


async def add_shared_secret(
    tx: Transaction, api: Api, sealing: Seals, by: Actor
) -> tuple[EncryptionKey, SharedSecret]:
    """Draw a secret for an API and its guards; it is given this once, and kept sealed.

    Raises:
        OAuthError: ``invalid_request`` where it cannot be added.
    """
    secret = SharedSecret.generate(tx.random)
    sealed = sealing.seal(secret.secret, context_of(secret.kid))
    key = EncryptionKey(kid=secret.kid, alg=jwe.DIRECT, created_at=tx.now, sealed=sealed)
    return await _add(tx, api, key, by), secret


async def _add(tx: Transaction, api: Api, key: EncryptionKey, by: Actor) -> EncryptionKey:
    if is_own(api):
        raise invalid_request("The server's own API reads its tokens in every process: no key.")
    if len(api.encryption_keys) >= MOST_KEYS:
        raise invalid_request(f"An API has {MOST_KEYS} keys at most: withdraw one first.")
    await _keep(tx, api, (*api.encryption_keys, key), ("added", key), by)
    return key


async def activate(tx: Transaction, api: Api, kid: str, by: Actor) -> EncryptionKey:
    """Encrypt to a key from now on: every guard of the API has it. The one before it retires.

    A retired key comes back by this, for as long as it is there.

    Raises:
        OAuthError: ``invalid_request`` where there is no such key.
    """
    _find(api, kid)
    keys = activated(api.encryption_keys, kid, tx.now)
    changed = _demand(keys, kid)
    await _keep(tx, api, keys, ("activated", changed), by)
    return changed


async def retire(tx: Transaction, api: Api, kid: str, by: Actor) -> EncryptionKey:
    """Encrypt to a key no more, with none to follow it; what was encrypted to it stands.

    Raises:
        OAuthError: ``invalid_request`` where it is not the active key, or its API needs one.
    """
    key = _find(api, kid)
    if key.state != "active":
        raise invalid_request(f"The key {kid} is not the active one: withdraw it instead.")
    if api.policy.encryption:
        raise invalid_request(
            "The API's tokens are encrypted to this key: activate another, which retires this one."
        )
    changed = retired(key, tx.now)
    keys = tuple(changed if each is key else each for each in api.encryption_keys)
    await _keep(tx, api, keys, ("retired", changed), by)
    return changed


async def withdraw(tx: Transaction, api: Api, kid: str, by: Actor) -> Ending:
    """Forget a key that has leaked, and end every token of its API if any was encrypted to it.

    Where it was the active one the API gets no tokens until another is activated: never readable
    ones in their place.

    Raises:
        OAuthError: ``invalid_request`` where there is no such key.
    """
    key = _find(api, kid)
    kept = tuple(each for each in api.encryption_keys if each.kid != kid)
    await _keep(tx, api, kept, ("withdrawn", key), by)
    if key.active_from is None:
        return await revocation.nothing_ended(tx)
    return await revocation.end_tokens_of_api(tx, api.uri, by)


async def forget_gone(tx: Transaction) -> int:
    """Forget retired keys of which no token can be out any more; says how many those were."""
    longest, forgotten = await tx.sealed.raise_to(LONGEST_LIFETIME, 0), 0
    for api in await tx.apis.every():
        kept = without_gone(api.encryption_keys, tx.now, longest)
        if len(kept) < len(api.encryption_keys):
            forgotten += len(api.encryption_keys) - len(kept)
            await tx.apis.set_encryption_keys(api.uri, kept)
    return forgotten


def _find(api: Api, kid: str) -> EncryptionKey:
    return _demand(api.encryption_keys, kid)


def _demand(keys: Keys, kid: str) -> EncryptionKey:
    key = key_named(keys, kid)
    if key is None:
        raise invalid_request("The API has no such key.")
    return key


async def _keep(
    tx: Transaction, api: Api, keys: Keys, what: tuple[str, EncryptionKey], by: Actor
) -> None:
    change, key = what
    await tx.apis.set_encryption_keys(api.uri, keys)
    detail = {"change": change, "kid": key.kid, "alg": key.alg}
    await events.record(tx, EventKind.API_KEYS_CHANGED, by, api.uri, detail)
