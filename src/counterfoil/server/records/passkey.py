"""A passkey of a person: the public key by which they sign in (WebAuthn Level 3 §4, S76)."""

from typing import Protocol

from msgspec import Struct


class Passkey(Struct, frozen=True, kw_only=True):
    """What is kept of a passkey; its private key never leaves its authenticator. Times in seconds.

    ``id`` is our own public name for it, ``credential_id`` the authenticator's. ``user_handle``
    stands for the person in authenticators: random, and neither the ``sub`` nor the e-mail.
    ``sign_count`` is the highest that was seen; 0: it does not count. ``suspect_at``: when it
    signed with a count that was no higher, as a copy of it would.
    """

    id: str
    credential_id: bytes
    user_id: str
    user_handle: bytes
    public_key: bytes
    name: str
    created_at: int
    sign_count: int = 0
    transports: tuple[str, ...] = ()
    backup_eligible: bool = False
    backed_up: bool = False
    last_used_at: int | None = None
    suspect_at: int | None = None

    def __repr__(self) -> str:
        return f"Passkey(id={self.id!r}, user_id={self.user_id!r})"


class PasskeyUse(Struct, frozen=True):
    """A signature that was verified: when, with which count, and whether it is backed up now."""

    at: int
    sign_count: int
    backed_up: bool


class Passkeys(Protocol):
    """Passkeys. A credential id is one person's alone."""

    async def add(self, passkey: Passkey) -> None:
        """Add; raises ``Conflict`` where the id or the credential id is taken."""

    async def find(self, passkey_id: str) -> Passkey | None: ...
    async def find_by_credential(self, credential_id: bytes) -> Passkey | None: ...
    async def of_user(self, user_id: str) -> list[Passkey]:
        """All of a person, the oldest first."""

    async def use(self, passkey_id: str, use: PasskeyUse) -> bool:
        """Note a use, in one statement; ``False`` where it is gone or its count went not up.

        Counts that are both 0 are no counts (WebAuthn §6.1.1), and go up.
        """

    async def suspect(self, passkey_id: str, at: int) -> None:
        """Note that its count did not go up."""

    async def rename(self, passkey_id: str, name: str) -> bool:
        """Rename; ``False`` where there is no such passkey."""

    async def remove(self, passkey_id: str) -> bool:
        """Remove; ``False`` where it was gone already."""

    async def remove_of(self, user_id: str) -> int:
        """Remove all of a person; says how many."""
