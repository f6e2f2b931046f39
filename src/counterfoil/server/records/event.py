"""An event: who did what, when, from where. Appended, never changed (S111, S14)."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct


class EventKind(StrEnum):
    """What can happen. The words are stable."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    CONSENT_GIVEN = "consent_given"
    CONSENT_REFUSED = "consent_refused"
    CODE_REPLAYED = "code_replayed"
    CODE_BURNED = "code_burned"
    FAMILY_STARTED = "family_started"
    REFRESH_REUSED = "refresh_reused"
    REFRESH_REPEATED = "refresh_repeated"
    TOKEN_ENDED = "token_ended"
    FAMILY_ENDED = "family_ended"
    SESSION_ENDED = "session_ended"
    APP_SIGNED_OUT = "app_signed_out"
    GRANT_ENDED = "grant_ended"
    USER_SIGNED_OUT = "user_signed_out"
    GRANT_LIMITED = "grant_limited"
    USER_ADDED = "user_added"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_SET = "password_set"
    CLIENT_ADDED = "client_added"
    CLIENT_CHANGED = "client_changed"
    CLIENT_DISABLED = "client_disabled"
    CLIENT_ENABLED = "client_enabled"
    CLIENT_TOKENS_ENDED = "client_tokens_ended"
    CLIENT_SECRET_ADDED = "client_secret_added"
    CLIENT_SECRET_RETIRED = "client_secret_retired"
    API_ADDED = "api_added"
    API_CHANGED = "api_changed"
    API_TOKENS_ENDED = "api_tokens_ended"
    LIFETIME_SHORTENED = "lifetime_shortened"
    KEY_MADE = "key_made"
    KEY_RETIRED = "key_retired"
    KEY_WITHDRAWN = "key_withdrawn"
    MASTER_KEY_CHANGED = "master_key_changed"


class Event(Struct, frozen=True, kw_only=True):
    """One thing that happened. ``actor`` is ``user:…``, ``client:…``, ``cli`` or ``janitor``.

    ``subject`` names what it was done to; ``detail`` holds ids and words, never a secret.
    """

    kind: EventKind
    at: int
    actor: str
    subject: str
    address: str = ""
    user_agent: str = ""
    detail: Mapping[str, str] = {}
    number: int = 0
