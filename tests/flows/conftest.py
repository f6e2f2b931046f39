"""One installation for each module."""

from tests.shared import anyio_backend, person, place, visitor

__all__ = ["anyio_backend", "person", "place", "visitor"]
