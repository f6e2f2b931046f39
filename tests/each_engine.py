"""A folder that takes this hook lets each of its tests run on each engine.

A test that is about one engine, or names its engines itself, says so by ``one_engine``, and why.
"""

import pytest

__all__ = ["pytest_generate_tests"]

ENGINES = ("sqlite", pytest.param("postgres", marks=pytest.mark.postgres))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    is_of_one = metafunc.definition.get_closest_marker("one_engine") is not None
    wanted = ENGINES[:1] if is_of_one else ENGINES
    metafunc.parametrize("on_engine", wanted, indirect=True, scope="module")
