"""One installation for each module, on each engine."""

from tests.each_engine import pytest_generate_tests
from tests.shared import anyio_backend, person, place, visitor

__all__ = [
    "anyio_backend",
    "person",
    "place",
    "pytest_generate_tests",
    "visitor",
]
