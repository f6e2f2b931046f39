"""Where those who are killed keep their records."""

from collections.abc import Iterator

import pytest

from tests.postgres import TEMPLATE, Postgres


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def records(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of either engine; empty: a file in the data directory."""
    if request.param == "sqlite":
        yield ""
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = server.create(TEMPLATE)
    yield server.url(name)
    server.drop(name)
