from collections.abc import Iterator

import pytest

from tests.frameworks.served import Servers


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Each is started when it is asked for first, and ends with the module."""
    with Servers() as servers:
        yield servers
