"""A letter to a person, and the outbox where it waits: written with what it tells of, then sent."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class LetterKind(StrEnum):
    """What a letter is about."""

    RECOVERY_ASKED = "recovery_asked"
    """An errand, and no letter yet: somebody asked for a new password for the address ``to``."""
    NEW_PASSWORD = "new_password"
    INVITED = "invited"
    """As that, for whoever has had none yet."""
    PASSWORD_WAS_SET = "password_was_set"
    REGISTRATION_ASKED = "registration_asked"
    """An errand: somebody wants an account with the address ``to``."""
    REGISTRATION = "registration"
    ALREADY_REGISTERED = "already_registered"
    INVITATION = "invitation"
    EMAIL_CHANGE_ASKED = "email_change_asked"
    """An errand: somebody wants their account to have the address ``to``."""
    NEW_EMAIL = "new_email"
    EMAIL_WAS_CHANGED = "email_was_changed"
    SECOND_FACTOR_ON = "second_factor_on"
    SECOND_FACTOR_OFF = "second_factor_off"
    RECOVERY_CODE_USED = "recovery_code_used"
    MAILED_CODE = "mailed_code"
    MAILED_CODES_ON = "mailed_codes_on"
    MAILED_CODES_OFF = "mailed_codes_off"
    REMEMBERED_REUSED = "remembered_reused"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    IDENTITY_LINKED = "identity_linked"
    IDENTITY_UNLINKED = "identity_unlinked"
    SIGN_IN_NOTICED = "sign_in_noticed"
    SIGN_IN_HELD = "sign_in_held"
    TOKEN_NOTICED = "token_noticed"


class Letter(Struct, frozen=True, kw_only=True):
    """What is to be written to whom. Only sealed does it stand in the store.

    ``language`` is a word of the catalogue, such as ``de``; ``values`` are what its sentences
    need. ``written_at`` in seconds.
    """

    id: str
    kind: LetterKind
    to: str
    language: str
    written_at: int
    values: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Letter(id={self.id!r}, kind={self.kind.value!r})"


class Waiting(Struct, frozen=True, kw_only=True):
    """A letter in the outbox: to be tried at ``due_at``, and of no use from ``expires_at`` on."""

    id: str
    sealed: bytes
    due_at: int
    expires_at: int
    attempts: int = 0


class Outbox(Protocol):
    """Letters that wait to be sent."""

    async def put(self, waiting: Waiting) -> None:
        """Keep a letter, or what it has become, under its id."""

    async def is_due(self, now: int) -> bool:
        """Whether there is a letter to be tried."""

    async def claim(self, now: int, until: int) -> Waiting | None:
        """Take a letter that is due, in one statement; nobody else has it until ``until``."""

    async def postpone(self, letter_id: str, due_at: int) -> None:
        """Have a letter tried again at that time."""

    async def remove(self, letter_id: str) -> None:
        """Forget a letter: it was sent, or it never will be."""

    async def is_full(self, most: int) -> bool:
        """Whether so many letters wait."""
