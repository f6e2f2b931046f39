"""One server for all clients by others."""

from collections.abc import Iterator

import pytest

from tests.interop.serving import Serving, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with pytest.MonkeyPatch.context() as patch:
        # One person lets in more devices within a minute than anybody has.
        patch.setenv("COUNTERFOIL_DEVICE_TRIES_PER_MINUTE", "1000")
        with serving(tmp_path_factory.mktemp("serving") / "data") as it:
            yield it


@pytest.fixture(scope="session")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Another one, which demands its nonces in DPoP proofs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERFOIL_DPOP_NONCES", "required")
        with serving(tmp_path_factory.mktemp("strict") / "data") as it:
            yield it
