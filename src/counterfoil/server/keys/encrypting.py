"""Encrypting tokens to their APIs, and opening again what was encrypted here (RFC 7516, S68).

The ephemeral key of a token is derived from a secret of this installation and from what the
token's own header says (``apu``). So the server can open each of its tokens without having kept
anything of it, and without the private half of the API's key.
"""

import hmac
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeAlias

import msgspec

from counterfoil.jose import jwe
from counterfoil.jose.agreement import SCALAR_BYTES
from counterfoil.jose.encryption_keys import (
    DecryptionKeys,
    PublicEncryptionKey,
    SenderKey,
    SharedSecret,
    key_named_in,
)
from counterfoil.oauth.access_token import TYPE
from counterfoil.server.keys.master_key import open_kept
from counterfoil.server.keys.sealing import Seals
from counterfoil.server.records.encryption_key import EncryptionKey

_Prepared: TypeAlias = PublicEncryptionKey | SharedSecret
_MOST_PREPARED: Final = 1024


class Encrypting:
    """Encrypts and opens with the keys of APIs, each parsed and unsealed once.

    ``secret``: 32 bytes, of which the ephemeral keys are derived. ``random`` gives so many bytes.
    """

    def __init__(self, sealing: Seals, secret: bytes, random: Callable[[int], bytes]) -> None:
        self._sealing = sealing
        self._secret = secret
        self._random = random
        self._prepared: dict[tuple[str, bytes], _Prepared] = {}

    def encrypt(self, key: EncryptionKey, signed: str, now: int) -> str:
        """Encrypt a signed token; ``now``, in seconds, chooses the day of a shared secret.

        Raises:
            MasterKeyError: the secret was sealed under another master key.
        """
        prepared, content = self._prepare(key), signed.encode("ascii")
        if isinstance(prepared, SharedSecret):
            return prepared.at(now).encrypt(content, TYPE, self._random)
        ephemeral = partial(self._ephemeral, prepared.kid)
        return prepared.encrypt(content, TYPE, self._random, ephemeral)

    def open(self, keys: Iterable[EncryptionKey], unverified: str) -> str:
        """Open a token that was encrypted here to one of these keys; its signature is not checked.

        Raises:
            JoseError: it was not.
            MasterKeyError: as ``encrypt``.
        """
        # Of the others none is prepared: there are many, and one may be damaged.
        named = key_named_in(unverified)
        opening = DecryptionKeys(tuple(self._opening(key) for key in keys if key.kid == named))
        return jwe.Opener(opening.find, TYPE).open(unverified)

    def _opening(self, key: EncryptionKey) -> SenderKey | SharedSecret:
        prepared = self._prepare(key)
        if isinstance(prepared, SharedSecret):
            return prepared
        return SenderKey(prepared, partial(self._ephemeral, prepared.kid))

    def _prepare(self, key: EncryptionKey) -> _Prepared:
        # By what it holds too: a name may be given anew to another key.
        name = key.kid, key.sealed or key.public_jwk.encode()
        prepared = self._prepared.get(name)
        if prepared is None:
            if len(self._prepared) >= _MOST_PREPARED:
                self._prepared.clear()
            prepared = self._prepared[name] = self._read(key)
        return prepared

    def _read(self, key: EncryptionKey) -> _Prepared:
        if key.alg == jwe.ECDH_ES:
            return PublicEncryptionKey.from_jwk(msgspec.json.decode(key.public_jwk))
        return SharedSecret(key.kid, open_kept(self._sealing, key.sealed, context_of(key.kid)))

    def _ephemeral(self, kid: str, party: bytes) -> bytes:
        return hmac.digest(self._secret, kid.encode() + b"\0" + party, "sha512")[:SCALAR_BYTES]

    def __repr__(self) -> str:
        return "Encrypting(…)"


def context_of(kid: str) -> str:
    """Say what a sealed shared secret is, so that it opens nowhere else."""
    return f"encryption key {kid}"
