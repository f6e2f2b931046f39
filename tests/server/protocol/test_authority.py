"""One issuer in one value; several live side by side."""

from pathlib import Path

import pytest

from tests.installation import installed

pytestmark = pytest.mark.anyio


async def test_a_process_can_host_several_issuers(tmp_path: Path):
    """No state is shared: one's token is a stranger's at the other."""
    async with (
        installed(tmp_path / "a", issuer="https://a.example") as one,
        installed(tmp_path / "b", issuer="https://b.example") as other,
    ):
        assert one.authority.issuer == "https://a.example"
        assert other.authority.issuer == "https://b.example"
        token = await one.service_token()
        assert (await one.post("/introspect", "service", token=token)).json()["active"] is True
        said = (await other.post("/introspect", "service", token=token)).json()
        assert said == {"active": False}
