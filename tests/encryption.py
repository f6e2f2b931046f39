"""Steps of an administrator with the keys that an API's tokens are encrypted to."""

from collections.abc import Callable
from typing import Any

from counterfoil.jose import agreement
from counterfoil.jose.encryption_keys import PrivateEncryptionKey, SharedSecret
from counterfoil.server.protocol import encryption_keys
from counterfoil.server.protocol.events import CLI
from tests.installation import NOTES, Installation


async def on_api(
    place: Installation, step: Callable[..., Any], *more: Any, uri: str = NOTES
) -> Any:
    """Do something to an API, as the command line does."""

    async def work(tx: Any) -> Any:
        return await step(tx, await tx.apis.find(uri), *more, CLI)

    return await place.authority.store.transact(work)


async def with_pair(
    place: Installation, crv: str = agreement.P256, uri: str = NOTES
) -> PrivateEncryptionKey:
    """Give an API a key pair of its own, active at once."""
    pair = PrivateEncryptionKey.generate(crv)
    await on_api(place, encryption_keys.add_public_key, pair.public, uri=uri)
    await on_api(place, encryption_keys.activate, pair.kid, uri=uri)
    return pair


async def with_secret(place: Installation, uri: str = NOTES) -> SharedSecret:
    """Let the server draw a secret for an API, active at once."""
    sealing = place.authority.rotation.sealing
    _, secret = await on_api(place, encryption_keys.add_shared_secret, sealing, uri=uri)
    await on_api(place, encryption_keys.activate, secret.kid, uri=uri)
    return secret
