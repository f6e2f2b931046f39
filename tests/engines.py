"""Which engine installations of the tests keep their records in: SQLite, unless told otherwise."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Databases(Protocol):
    def of(self, data: str) -> str:
        """The URL of the database that goes with a data directory."""


_CHOSEN: list[Databases] = []


def use(databases: Databases) -> None:
    """Keep them in these databases from now on."""
    _CHOSEN[:] = [databases]


def settings_of(data: Path | str) -> dict[str, str]:
    """What an installation in this directory must be told."""
    return {"database": _CHOSEN[0].of(str(data))} if _CHOSEN else {}


def environment_of(data: Path | str) -> Mapping[str, str]:
    """The same, for a process of its own."""
    return {f"COUNTERFOIL_{name.upper()}": value for name, value in settings_of(data).items()}
