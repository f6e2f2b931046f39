from collections.abc import Iterator

import pytest

from tests.guard.desk import Desk
from tests.guard.issuer import TinyIssuer


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer
