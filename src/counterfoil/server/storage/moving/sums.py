"""Checksums of tables: over every value of every row, in the order of the keys."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from counterfoil.server.storage.connection import Row
from counterfoil.server.storage.moving.ends import End
from counterfoil.server.storage.moving.tables import Table

_SPELL: Final = msgspec.msgpack.Encoder()

Fit = Callable[[Table, Sequence[Row]], Sequence[Row]]


class Sum(Struct, frozen=True):
    """How many rows, and the SHA-256 (hex) of all."""

    rows: int
    sha256: str


class Summing:
    """Takes in rows in the order of their keys."""

    def __init__(self) -> None:
        self._rows = 0
        self._sha256 = hashlib.sha256()

    def take(self, rows: Sequence[Row]) -> None:
        """Take in the next rows. Every value tells its kind and length, so that none runs on."""
        for row in rows:
            self._sha256.update(_SPELL.encode(row))
        self._rows += len(rows)

    @property
    def sum(self) -> Sum:
        """Give the sum of all that were taken in."""
        return Sum(self._rows, self._sha256.hexdigest())


class Progress(Struct, frozen=True):
    """How far one table is. ``doing``: ``copied``, ``read again``, ``verified``."""

    doing: str
    table: str
    done: int
    of: int


Tell = Callable[[Progress], None]


async def sum_of(end: End, table: Table, fit: Fit, tell: Tell, doing: str = "verified") -> Sum:
    """Read a table whole, in pieces, as ``fit`` gives its rows. ``doing`` says what for.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    summing, of = Summing(), await end.count(table)
    rows = await end.page(table, None)
    while rows:
        summing.take(fit(table, rows))
        tell(Progress(doing, table.name, summing.sum.rows, of))
        rows = await end.page(table, table.key_of(rows[-1]))
    return summing.sum
