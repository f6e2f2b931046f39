"""Keys that tokens are encrypted to, as JSON. A stable interface."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import asdict

from counterfoil.jose.encryption_keys import SharedSecret
from counterfoil.server.records.encryption_key import EncryptionKey


class EncryptionKeyDocument(Struct, frozen=True, kw_only=True):
    """A key. ``state`` is next, active or retired; ``alg`` is ``ECDH-ES`` or ``dir``."""

    kid: str
    alg: str
    state: str
    created_at: int
    active_from: int | None
    retired_at: int | None


class NewEncryptionKeyDocument(EncryptionKeyDocument, frozen=True, kw_only=True):
    """A key that was just added. ``secret``, a JWK, is in this answer and in no other.

    It is for the API's guards. Null where the API made its key itself, of which the server has
    only the public half.
    """

    secret: Mapping[str, str] | None


def document_of(key: EncryptionKey) -> EncryptionKeyDocument:
    """Give the document of a key."""
    return EncryptionKeyDocument(
        kid=key.kid,
        alg=key.alg,
        state=key.state,
        created_at=key.created_at,
        active_from=key.active_from,
        retired_at=key.retired_at,
    )


def new_document(key: EncryptionKey, secret: SharedSecret | None) -> NewEncryptionKeyDocument:
    """Give the document that hands over a shared secret, if there is one."""
    shown = secret.as_jwk() if secret is not None else None
    return NewEncryptionKeyDocument(**asdict(document_of(key)), secret=shown)
