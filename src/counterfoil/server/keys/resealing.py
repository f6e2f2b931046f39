"""Changing the master key while servers run: add one, seal everything under it, drop the old (S83).

The steps are apart, so that a copy of the file can reach every machine in between.
"""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.server.keys import encrypting, master_key_file
from counterfoil.server.keys.keyring import context_of
from counterfoil.server.keys.master_key import MasterKey, MasterKeyError, open_kept
from counterfoil.server.keys.master_key_file import FORMER
from counterfoil.server.keys.master_key_source import MOST_KEYS, read_master_keys
from counterfoil.server.keys.server_secret import NAME
from counterfoil.server.records.encryption_key import EncryptionKey
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings


class Resealing(Struct, frozen=True):
    """The master keys of one installation, and what is sealed under them."""

    settings: Settings
    master_key: MasterKey
    random: Callable[[int], bytes]

    def add(self) -> int:
        """Add a key to the file, at its end: it opens, and seals nothing yet. Gives their number.

        Raises:
            MasterKeyError: the keys do not come from the file, or there are too many.
        """
        lines = self._lines("add a key where they come from, after the others")
        if len(lines) >= MOST_KEYS:
            raise MasterKeyError(f"There are {MOST_KEYS} master keys already: forget old ones.")
        self._write([*lines, master_key_file.new_line(self.random)])
        self.master_key.refresh()
        return len(lines) + 1

    def prefer_newest(self) -> None:
        """Put the newest key of the file first, so that it seals, unless it has sealed before.

        Keys from elsewhere stand in the order in which they are meant.
        """
        if not self.settings.master_key_in_file:
            return
        sealing, *others = self._lines("")
        waiting = [line for line in others if not line.startswith(FORMER)]
        if waiting:
            rest = [line for line in others if line != waiting[-1]]
            self._write([waiting[-1], f"{FORMER}{sealing}", *rest])
            self.master_key.refresh()

    async def reseal(self, tx: Transaction) -> int:
        """Seal under the first key whatever is not; gives how many values that were.

        Raises:
            MasterKeyError: something in the store opens under none of the keys.
        """
        resealed = 0
        secret = await tx.sealed.get(NAME)
        if secret is not None and not self.master_key.is_current(secret, NAME):
            await tx.sealed.replace(NAME, self._anew(secret, NAME))
            resealed += 1
        for purpose in Purpose:
            for key in await tx.signing_keys.every(purpose):
                context = context_of(purpose, key.kid)
                if not self.master_key.is_current(key.sealed, context):
                    sealed = self._anew(key.sealed, context)
                    await tx.signing_keys.replace(replace(key, sealed=sealed))
                    resealed += 1
        resealed += await self._reseal_of_apis(tx)
        if resealed:
            await tx.events.append(_event(tx.now, resealed))
        return resealed

    async def _reseal_of_apis(self, tx: Transaction) -> int:
        resealed = 0
        for api in await tx.apis.every():
            anew = tuple(map(self._current, api.encryption_keys))
            changed = sum(new != old for new, old in zip(anew, api.encryption_keys, strict=True))
            if changed:
                await tx.apis.set_encryption_keys(api.uri, anew)
                resealed += changed
        return resealed

    def _current(self, key: EncryptionKey) -> EncryptionKey:
        context = encrypting.context_of(key.kid)
        if not key.sealed or self.master_key.is_current(key.sealed, context):
            return key
        return replace(key, sealed=self._anew(key.sealed, context))

    def forget(self) -> int:
        """Leave only the first key in the file. In memory the others stay, to reseal once more.

        Raises:
            MasterKeyError: the keys do not come from the file.
        """
        lines = self._lines("take the others away where they come from")
        self._write(lines[:1])
        return len(lines) - 1

    def _anew(self, sealed: bytes, context: str) -> bytes:
        return self.master_key.seal(open_kept(self.master_key, sealed, context), context)

    def _lines(self, instead: str) -> list[str]:
        if not self.settings.master_key_in_file:
            raise MasterKeyError(f"The master keys do not come from a file: {instead}.")
        read_master_keys(self.settings)  # whatever is wrong with them is said there
        return master_key_file.content(self.settings.master_key_file).split()

    def _write(self, lines: list[str]) -> None:
        path = self.settings.master_key_file
        try:
            master_key_file.replace(path, lines, self.random)
        except OSError as error:
            raise MasterKeyError(f"The master key {path}: {error.strerror}.") from None


def _event(now: int, resealed: int) -> Event:
    detail = {"values": str(resealed)}
    kind = EventKind.MASTER_KEY_CHANGED
    return Event(kind=kind, at=now, actor="cli", subject="master key", proof="cli", detail=detail)
