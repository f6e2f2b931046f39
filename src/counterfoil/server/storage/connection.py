"""What statements are written against: one connection at work, whatever the engine."""

from typing import Any, Protocol

Row = tuple[Any, ...]


class WrongStatement(RuntimeError):
    """The engine refused a statement: a mistake in the code or its values, not a failing disk."""


class Connection(Protocol):
    """A connection inside a work. Statements mark their values with ``?``, in order.

    Every method raises ``Conflict`` where a name that must be unique is taken, and
    ``StoreUnavailable`` where the engine fails.
    """

    @property
    def now(self) -> int:
        """When the work began, in seconds since the epoch."""

    async def one(self, sql: str, *values: object) -> Row | None:
        """Give the first row, if there is one."""

    async def all(self, sql: str, *values: object) -> list[Row]:
        """Give every row."""

    async def run(self, sql: str, *values: object) -> int:
        """Insert, update or delete; gives the number of rows that were changed."""
