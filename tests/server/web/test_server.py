"""What every handler is given."""

from pathlib import Path

import pytest

from tests.installation import Installation, installed

pytestmark = pytest.mark.anyio


async def test_at_the_root_there_is_no_prefix(place: Installation):
    assert place.server.prefix == ""


async def test_the_prefix_is_the_issuers_path(tmp_path: Path):
    async with installed(tmp_path, issuer="https://id.example/tenant") as place:
        assert place.server.prefix == "/tenant"
