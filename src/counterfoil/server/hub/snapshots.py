"""Snapshots of the notices for followers: built page by page into a file, one at a time, shared.

A snapshot that lies a little behind is as good as a new one, for the feed goes on from its number.
So a new one is built only where the last took little time beside its age.
"""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO, Final, Self

from msgspec import Struct

from counterfoil.oauth.feed import Position
from counterfoil.oauth.revocations import notice_from
from counterfoil.oauth.snapshot import NOTICES_IN_PAGE, SNAPSHOT_TYPE, Snapshot, page_of
from counterfoil.server.hub.hub import Keys
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Store, Transaction, Work

SHARE: Final = 20.0
"""A snapshot is built again when its age is so many times what building it took."""
_PIECE: Final = 64 * 1024


class _Pages(Struct, frozen=True):
    """The pages in a file without a name, and what there is to say about them."""

    file: BinaryIO
    position: Position
    digest: str
    count: int
    size: int
    sha256: str

    def stated(self, iss: str, at: float) -> Snapshot:
        epoch, number = self.position.epoch, self.position.number
        return Snapshot(iss, epoch, number, self.digest, at, self.count, self.size, self.sha256)


class Reading:
    """A snapshot as it is read once, piece by piece. It must be closed (``aclose``).

    It goes on when a newer snapshot has taken the place of this one.
    """

    def __init__(self, statement: bytes, pages: _Pages) -> None:
        self.size = len(statement) + pages.size
        self.etag = f'"{statement.strip()[-32:].decode("ascii")}"'  # the end of its signature
        self._statement = statement
        self._file = os.dup(pages.file.fileno())
        self._at = 0
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        statement, self._statement = self._statement, b""
        if statement:
            return statement
        await asyncio.sleep(0)
        piece = os.pread(self._file, _PIECE, self._at)
        if not piece:
            raise StopAsyncIteration
        self._at += len(piece)
        return piece

    async def aclose(self) -> None:
        """Let go of the file."""
        if not self._closed:
            self._closed = True
            os.close(self._file)


class Snapshots:
    """The newest snapshot of one issuer. Its file stands, without a name, in ``directory``."""

    def __init__(self, issuer: str, store: Store, keyring: Keys, directory: Path) -> None:
        self._issuer = issuer
        self._store = store
        self._keyring = keyring
        self._directory = directory
        self._building = asyncio.Lock()
        self._pages: _Pages | None = None
        self._signed: tuple[int, bytes] = (-1, b"")
        self._due = 0.0

    async def newest(self, clock: Callable[[], float]) -> Reading:
        """Give the newest snapshot, or one that is new enough. The caller closes it.

        ``clock`` gives seconds since the epoch.

        Raises:
            StoreUnavailable: the store cannot be read, or the snapshot not be written.
        """
        async with self._building:
            before = clock()
            position, digest = await self._store.read(_read_head)
            pages = self._pages
            if pages is None or self._is_too_old(pages, position):
                pages = await self._build(position, digest)
            if pages.position == position:
                self._sign(pages, before)
            return Reading(self._signed[1], pages)

    def close(self) -> None:
        """Let go of the file."""
        if self._pages is not None:
            self._pages.file.close()
            self._pages, self._signed = None, (-1, b"")

    def _is_too_old(self, pages: _Pages, position: Position) -> bool:
        if pages.position.epoch != position.epoch:
            return True
        return pages.position != position and asyncio.get_running_loop().time() >= self._due

    def _sign(self, pages: _Pages, at: float) -> None:
        """Say that the pages are still all; at most once a second, for signing is not free."""
        if self._signed[0] != int(at):
            signer = self._keyring.signer(Purpose.FEED, SNAPSHOT_TYPE, int(at))
            statement = signer.sign(pages.stated(self._issuer, at)).encode("ascii")
            self._signed = int(at), statement + b"\n"

    async def _build(self, position: Position, digest: str) -> _Pages:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            pages = await self._write(position, digest)
        except OSError as error:
            raise StoreUnavailable(f"the snapshot cannot be written: {error}") from error
        self.close()
        self._pages = pages
        self._due = loop.time() + SHARE * (loop.time() - begun)
        return pages

    async def _write(self, position: Position, digest: str) -> _Pages:
        file: BinaryIO = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115  # it is kept
        checksum, size, count = hashlib.sha256(), 0, 0
        try:
            async for texts in self._living(position):
                page = page_of(notice_from(text) for text in texts)
                file.write(page)
                checksum.update(page)
                size, count = size + len(page), count + len(texts)
            file.flush()
        except BaseException:
            file.close()
            raise
        return _Pages(file, position, digest, count, size, checksum.hexdigest())

    async def _living(self, until: Position) -> AsyncIterator[list[bytes]]:
        """Read page by page, each on a view of its own: what is swept meanwhile has expired."""
        number = 0
        while number < until.number:
            epoch, rows = await self._store.read(_page_after(number))
            if epoch != until.epoch:
                raise StoreUnavailable("the notices began anew meanwhile")
            if not rows:
                return
            number = rows[-1][0]
            yield [text for at, text in rows if at <= until.number]
            await asyncio.sleep(0)


def _page_after(number: int) -> Work[tuple[str, list[tuple[int, bytes]]]]:
    async def work(tx: Transaction) -> tuple[str, list[tuple[int, bytes]]]:
        position, _ = await tx.notices.head()
        return position.epoch, await tx.notices.after(number, NOTICES_IN_PAGE)

    return work


async def _read_head(tx: Transaction) -> tuple[Position, str]:
    return await tx.notices.head()
