"""One key of each algorithm, made once: RSA keys are slow to make."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from counterfoil.jose.algorithms import ALGORITHMS
from counterfoil.jose.keys import PrivateKey


@pytest.fixture(scope="session")
def private_keys() -> Mapping[str, PrivateKey]:
    return {name: PrivateKey.generate(name) for name in ALGORITHMS}


@pytest.fixture(scope="session")
def es256(private_keys: Mapping[str, PrivateKey]) -> PrivateKey:
    return private_keys["ES256"]
