"""How a work is run: inline, to its end. One that waits for anything else is wrong."""

from typing import TypeVar

from counterfoil.server.records.store import Transaction, Work

T = TypeVar("T")


class SuspendedWork(RuntimeError):
    """A work awaited something other than its transaction. What it did was rolled back."""


def finished(work: Work[T], transaction: Transaction) -> T:
    """Run a work to its end without giving the event loop a turn.

    Raises:
        SuspendedWork: it tried to wait.
    """
    steps = work(transaction).__await__()
    try:
        next(steps)
    except StopIteration as stop:
        value: T = stop.value
        return value
    steps.close()
    name = getattr(work, "__qualname__", type(work).__qualname__)
    raise SuspendedWork(f"the work {name} awaited something other than its transaction")
