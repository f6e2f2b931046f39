"""One server for all clients by others."""

from collections.abc import Iterator

import pytest

from tests.interop.serving import Serving, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as it:
        yield it


@pytest.fixture(scope="session")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Another one, which demands its nonces in DPoP proofs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERFOIL_DPOP_NONCES", "required")
        with serving(tmp_path_factory.mktemp("strict") / "data") as it:
            yield it
