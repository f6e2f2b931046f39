"""How structured values stand in a column: as JSON text, sets in order."""

from collections.abc import Mapping
from typing import Final

import msgspec

from counterfoil.oauth.access import Access
from counterfoil.oauth.revocations import Marks
from counterfoil.server.records.encryption_key import EncryptionKey
from counterfoil.server.records.exchange_right import ExchangeRight
from counterfoil.server.records.habits import Habits
from counterfoil.server.records.policy import ApiPolicy, ClientPolicy
from counterfoil.server.records.session import Origin

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_ACCESS: Final = msgspec.json.Decoder(Access)
_NAMES: Final = msgspec.json.Decoder(tuple[str, ...])
_ORIGIN: Final = msgspec.json.Decoder(Origin)
_API_POLICY: Final = msgspec.json.Decoder(ApiPolicy)
_ENCRYPTION_KEYS: Final = msgspec.json.Decoder(tuple[EncryptionKey, ...])
_CLIENT_POLICY: Final = msgspec.json.Decoder(ClientPolicy)
_EXCHANGE_RIGHTS: Final = msgspec.json.Decoder(tuple[ExchangeRight, ...])
_HABITS: Final = msgspec.json.Decoder(Habits)
_MARKS: Final = msgspec.json.Decoder(tuple[Marks, ...])
_TEXTS: Final = msgspec.json.Decoder(dict[str, str])


def json_text(value: object) -> str:
    """Spell a value."""
    return _ENCODER.encode(value).decode()


def access_from(text: str) -> Access:
    """Read an access back."""
    return _ACCESS.decode(text)


def habits_from(text: str) -> Habits:
    """Read back what is known of a person."""
    return _HABITS.decode(text)


def names_from(text: str) -> tuple[str, ...]:
    """Read a list of names back."""
    return _NAMES.decode(text)


def origin_from(text: str) -> Origin:
    """Read an origin back."""
    return _ORIGIN.decode(text)


def api_policy_from(text: str) -> ApiPolicy:
    """Read the policy of an API back."""
    return _API_POLICY.decode(text)


def encryption_keys_from(text: str) -> tuple[EncryptionKey, ...]:
    """Read the encryption keys of an API back."""
    return _ENCRYPTION_KEYS.decode(text)


def client_policy_from(text: str) -> ClientPolicy:
    """Read the policy of a client back."""
    return _CLIENT_POLICY.decode(text)


def exchange_rights_from(text: str) -> tuple[ExchangeRight, ...]:
    """Read the rights of a client to exchange tokens back."""
    return _EXCHANGE_RIGHTS.decode(text)


def marks_from(text: str) -> tuple[Marks, ...]:
    """Read the marks of a token's parents back."""
    return _MARKS.decode(text)


def texts_from(text: str) -> Mapping[str, str]:
    """Read a table of texts back."""
    return _TEXTS.decode(text)
