"""The installation's own secret, sealed in the store, and the keys that are derived from it."""

from typing import Final

from msgspec import Struct

from counterfoil.jose.mac import Mac
from counterfoil.server.keys.master_key import open_kept
from counterfoil.server.keys.sealing import KEY_BYTES, Seals, derive
from counterfoil.server.records.store import Transaction

NAME: Final = "server secret"


class ServerKeys(Struct, frozen=True, eq=False):
    """Keys of 32 bytes, each for what it is named after. The ``repr`` is redacted.

    That of refresh tokens is taken in already: it is used twice at every refresh.
    """

    refresh_mac: Mac
    pending: bytes
    csrf: bytes
    dpop_nonce: bytes
    receipts: bytes
    user_codes: bytes
    ephemerals: bytes
    letters: bytes
    authenticators: bytes
    recovery_codes: bytes
    mailed_codes: bytes
    upstream: bytes
    networks: bytes
    remembering: bytes
    family_names: bytes

    def __repr__(self) -> str:
        return "ServerKeys(…)"


async def load_server_keys(tx: Transaction, sealing: Seals) -> ServerKeys:
    """Give the keys; the secret is drawn on the first start, once for all processes.

    Raises:
        MasterKeyError: the store was made under another master key.
    """
    sealed = await tx.sealed.get(NAME)
    if sealed is None:
        drawn = sealing.seal(tx.random(KEY_BYTES), NAME)
        sealed = await tx.sealed.put_if_absent(NAME, drawn)
    secret = open_kept(sealing, sealed, NAME)
    refresh_mac, *others = ServerKeys.__struct_fields__
    keys = {purpose: derive(secret, purpose) for purpose in others}
    return ServerKeys(Mac(derive(secret, refresh_mac)), **keys)
