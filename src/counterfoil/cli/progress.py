"""How far a long command is, on stderr: a line for each table, and one a second in between."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from counterfoil.server.storage.moving.sums import Progress

_SECONDS: Final = 1.0


@contextmanager
def progress(clock: Callable[[], float] = time.monotonic) -> Iterator["Callable[[Progress], None]"]:
    """Give what is told of every piece; it tells when a table is done, or a second has passed."""
    told_at = clock()

    def tell(said: "Progress") -> None:
        nonlocal told_at
        if said.done >= said.of or clock() - told_at >= _SECONDS:
            told_at = clock()
            click.echo(f"{said.doing}: {said.table}, {said.done} of {said.of} rows", err=True)

    yield tell
