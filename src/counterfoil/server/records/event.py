"""An event: who did what to whom, when, from where, with what proof. Never changed (S111, S14)."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from counterfoil.server.records.session import Origin


class EventKind(StrEnum):
    """What can happen. The words are stable."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SECOND_FACTOR_ADDED = "second_factor_added"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    SECOND_FACTOR_FAILED = "second_factor_failed"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    MAILED_CODES_ADDED = "mailed_codes_added"
    MAILED_CODES_REMOVED = "mailed_codes_removed"
    MAILED_CODE_SENT = "mailed_code_sent"
    STEPPED_UP = "stepped_up"
    BROWSER_REMEMBERED = "browser_remembered"
    BROWSER_FORGOTTEN = "browser_forgotten"
    REMEMBERED_REUSED = "remembered_reused"
    CONSENT_GIVEN = "consent_given"
    CONSENT_REFUSED = "consent_refused"
    CODE_REPLAYED = "code_replayed"
    CODE_BURNED = "code_burned"
    FAMILY_STARTED = "family_started"
    REFRESH_REUSED = "refresh_reused"
    REFRESH_REPEATED = "refresh_repeated"
    TOKEN_IN_TWO_PLACES = "token_in_two_places"
    NEW_DEVICE = "new_device"
    NEW_PLACE = "new_place"
    IMPOSSIBLE_TRAVEL = "impossible_travel"
    UNUSUAL_TIME = "unusual_time"
    FAILURES_BEFORE = "failures_before"
    REFRESHED_ELSEWHERE = "refreshed_elsewhere"
    TOKEN_DELEGATED = "token_delegated"
    TOKENS_MINTED = "tokens_minted"
    TOKEN_ENDED = "token_ended"
    PERSONAL_TOKEN_MADE = "personal_token_made"
    PERSONAL_TOKEN_USED = "personal_token_used"
    PERSONAL_TOKEN_ENDED = "personal_token_ended"
    SECRET_REPORTED = "secret_reported"
    FAMILY_ENDED = "family_ended"
    SESSION_ENDED = "session_ended"
    APP_SIGNED_OUT = "app_signed_out"
    GRANT_ENDED = "grant_ended"
    USER_SIGNED_OUT = "user_signed_out"
    LOGOUT_NOT_TOLD = "logout_not_told"
    GRANT_LIMITED = "grant_limited"
    INTRUSION_REPORTED = "intrusion_reported"
    USER_ADDED = "user_added"
    USER_DELETED = "user_deleted"
    USER_INVITED = "user_invited"
    USER_JOINED = "user_joined"
    EMAIL_VERIFIED = "email_verified"
    EMAIL_CHANGED = "email_changed"
    EMAIL_RESTORED = "email_restored"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    USER_DATA_CHANGED = "user_data_changed"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_SET = "password_set"  # by an administrator, before none could
    PASSWORD_ENDED = "password_ended"
    PASSWORD_RESET = "password_reset"
    RECOVERY_STARTED = "recovery_started"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_RENAMED = "passkey_renamed"
    PASSKEY_REMOVED = "passkey_removed"
    PASSKEY_SUSPECT = "passkey_suspect"
    IDENTITY_LINKED = "identity_linked"
    IDENTITY_UNLINKED = "identity_unlinked"
    UPSTREAM_TOKEN_USED = "upstream_token_used"
    PROVIDER_ADDED = "provider_added"
    PROVIDER_CHANGED = "provider_changed"
    PROVIDER_REMOVED = "provider_removed"
    CLIENT_ADDED = "client_added"
    CLIENT_CHANGED = "client_changed"
    CLIENT_DISABLED = "client_disabled"
    CLIENT_ENABLED = "client_enabled"
    CLIENT_TOKENS_ENDED = "client_tokens_ended"
    CLIENT_SECRET_ADDED = "client_secret_added"
    CLIENT_SECRET_RETIRED = "client_secret_retired"
    CLIENT_KEYS_CHANGED = "client_keys_changed"
    CLIENT_TOKENS_MINTED = "client_tokens_minted"
    MINT_RIGHT_GIVEN = "mint_right_given"
    MINT_RIGHT_WITHDRAWN = "mint_right_withdrawn"
    API_ADDED = "api_added"
    API_CHANGED = "api_changed"
    API_KEYS_CHANGED = "api_keys_changed"
    API_TOKENS_ENDED = "api_tokens_ended"
    LIFETIME_SHORTENED = "lifetime_shortened"
    KEY_MADE = "key_made"
    KEY_RETIRED = "key_retired"
    KEY_WITHDRAWN = "key_withdrawn"
    MASTER_KEY_CHANGED = "master_key_changed"
    PERSONAL_DATA_ERASED = "personal_data_erased"
    DATABASE_SHUT = "database_shut"
    DATABASE_REOPENED = "database_reopened"
    DATABASE_RESTORED = "database_restored"


SUBJECTS: Final = MappingProxyType(
    {
        EventKind.SIGNED_IN: "session",
        EventKind.SIGN_IN_FAILED: "user",
        EventKind.SECOND_FACTOR_ADDED: "user",
        EventKind.SECOND_FACTOR_REMOVED: "user",
        EventKind.SECOND_FACTOR_FAILED: "user",
        EventKind.RECOVERY_CODES_MADE: "user",
        EventKind.RECOVERY_CODE_USED: "user",
        EventKind.MAILED_CODES_ADDED: "user",
        EventKind.MAILED_CODES_REMOVED: "user",
        EventKind.MAILED_CODE_SENT: "user",
        EventKind.STEPPED_UP: "session",
        EventKind.BROWSER_REMEMBERED: "user",
        EventKind.BROWSER_FORGOTTEN: "user",
        EventKind.REMEMBERED_REUSED: "user",
        EventKind.CONSENT_GIVEN: "grant",
        EventKind.CONSENT_REFUSED: "client",
        EventKind.CODE_REPLAYED: "family",
        EventKind.CODE_BURNED: "grant",
        EventKind.FAMILY_STARTED: "family",
        EventKind.REFRESH_REUSED: "family",
        EventKind.REFRESH_REPEATED: "family",
        EventKind.TOKEN_IN_TWO_PLACES: "token",
        EventKind.NEW_DEVICE: "user",
        EventKind.NEW_PLACE: "user",
        EventKind.IMPOSSIBLE_TRAVEL: "user",
        EventKind.UNUSUAL_TIME: "user",
        EventKind.FAILURES_BEFORE: "user",
        EventKind.REFRESHED_ELSEWHERE: "family",
        EventKind.TOKEN_DELEGATED: "token",
        EventKind.TOKENS_MINTED: "family",
        EventKind.TOKEN_ENDED: "token",
        EventKind.PERSONAL_TOKEN_MADE: "token",
        EventKind.PERSONAL_TOKEN_USED: "token",
        EventKind.PERSONAL_TOKEN_ENDED: "token",
        EventKind.SECRET_REPORTED: "secret",
        EventKind.FAMILY_ENDED: "family",
        EventKind.SESSION_ENDED: "session",
        EventKind.APP_SIGNED_OUT: "grant",
        EventKind.GRANT_ENDED: "grant",
        EventKind.USER_SIGNED_OUT: "user",
        EventKind.LOGOUT_NOT_TOLD: "client",
        EventKind.GRANT_LIMITED: "grant",
        EventKind.INTRUSION_REPORTED: "user",
        EventKind.USER_ADDED: "user",
        EventKind.USER_DELETED: "user",
        EventKind.USER_INVITED: "user",
        EventKind.USER_JOINED: "user",
        EventKind.EMAIL_VERIFIED: "user",
        EventKind.EMAIL_CHANGED: "user",
        EventKind.EMAIL_RESTORED: "user",
        EventKind.USER_DISABLED: "user",
        EventKind.USER_ENABLED: "user",
        EventKind.USER_DATA_CHANGED: "user",
        EventKind.PASSWORD_CHANGED: "user",
        EventKind.PASSWORD_SET: "user",
        EventKind.PASSWORD_ENDED: "user",
        EventKind.PASSWORD_RESET: "user",
        EventKind.RECOVERY_STARTED: "user",
        EventKind.PASSKEY_ADDED: "user",
        EventKind.PASSKEY_RENAMED: "user",
        EventKind.PASSKEY_REMOVED: "user",
        EventKind.PASSKEY_SUSPECT: "user",
        EventKind.IDENTITY_LINKED: "user",
        EventKind.IDENTITY_UNLINKED: "user",
        EventKind.UPSTREAM_TOKEN_USED: "user",
        EventKind.PROVIDER_ADDED: "provider",
        EventKind.PROVIDER_CHANGED: "provider",
        EventKind.PROVIDER_REMOVED: "provider",
        EventKind.CLIENT_ADDED: "client",
        EventKind.CLIENT_CHANGED: "client",
        EventKind.CLIENT_DISABLED: "client",
        EventKind.CLIENT_ENABLED: "client",
        EventKind.CLIENT_TOKENS_ENDED: "client",
        EventKind.CLIENT_SECRET_ADDED: "client",
        EventKind.CLIENT_SECRET_RETIRED: "client",
        EventKind.CLIENT_KEYS_CHANGED: "client",
        EventKind.CLIENT_TOKENS_MINTED: "client",
        EventKind.MINT_RIGHT_GIVEN: "client",
        EventKind.MINT_RIGHT_WITHDRAWN: "client",
        EventKind.API_ADDED: "api",
        EventKind.API_CHANGED: "api",
        EventKind.API_KEYS_CHANGED: "api",
        EventKind.API_TOKENS_ENDED: "api",
        EventKind.LIFETIME_SHORTENED: "lifetime",
        EventKind.KEY_MADE: "key",
        EventKind.KEY_RETIRED: "key",
        EventKind.KEY_WITHDRAWN: "key",
        EventKind.MASTER_KEY_CHANGED: "key",
        EventKind.PERSONAL_DATA_ERASED: "log",
        EventKind.DATABASE_SHUT: "database",
        EventKind.DATABASE_REOPENED: "database",
        EventKind.DATABASE_RESTORED: "database",
    }
)
"""What the subject of each kind is. Where it is a user, it can be erased (``records/audit.py``)."""


NO_PROOF: Final = "none"


class Actor(Struct, frozen=True):
    """Who acts (``user:…``, ``client:…``, ``cli``, ``janitor``), and from where.

    ``proof`` says by what they were known (see ``Event``); ``none``: they only said so.
    """

    name: str
    origin: Origin = Origin()
    proof: str = NO_PROOF


CLI: Final = Actor("cli", proof="cli")
JANITOR: Final = Actor("janitor", proof="janitor")
SERVER: Final = Actor("server", proof="server")


class Event(Struct, frozen=True, kw_only=True):
    """One thing that happened.

    ``actor``: ``user:…``, ``client:…``, ``cli``, ``janitor`` or ``server``. ``proof`` says by what
    it was known: ``session:…``, ``secret:…``, ``key:…`` or ``token:…`` with its name, ``dpop``,
    ``password``, ``passkey:…``, ``provider:…``, ``remembered:…``, ``second_factor``,
    ``mailed_code``, ``link``, ``cli``, ``janitor``, ``server``; ``none``: it only said so.
    ``subject`` names what it was done to; ``detail`` holds ids and words, never a secret. Its
    ``user_id`` is the person concerned, where the subject is something of theirs.
    """

    kind: EventKind
    at: int
    actor: str
    subject: str
    proof: str = ""
    address: str = ""
    user_agent: str = ""
    detail: Mapping[str, str] = {}
    number: int = 0


class EventQuery(Struct, frozen=True, kw_only=True):
    """Which events are asked for, newest first. What is ``None`` is not asked.

    ``subject`` is an id, of a person concerned too; ``person`` is the id of one who acted or is
    concerned; ``since`` in seconds; ``before`` and ``after``
    are numbers.
    """

    kind: EventKind | None = None
    actor: str | None = None
    subject: str | None = None
    person: str | None = None
    since: int | None = None
    before: int | None = None
    after: int | None = None
    limit: int = 50
