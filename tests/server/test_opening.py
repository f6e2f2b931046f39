"""Opening an installation: what a first start makes, and what a later one demands."""

from pathlib import Path

import pytest

from counterfoil.server.keys.master_key import MasterKeyError
from counterfoil.server.opening import DATABASE, Outside, open_authority
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.settings import load
from tests.installation import Clock

pytestmark = pytest.mark.anyio


async def opened(data: Path) -> dict[str, object]:
    """Open and close; gives what must be the same each time."""
    authority = await open_authority(load({}, {"data": str(data)}), Outside(clock=Clock()))
    try:
        return {
            "epoch": authority.hub.position.epoch,
            "keys": authority.keyring.jwks(Purpose.TOKENS, int(Clock()())),
            "csrf": authority.keys.csrf,
            "refresh": authority.keys.refresh_mac,
        }
    finally:
        await authority.store.close()


async def test_a_first_start_makes_all_that_is_needed(tmp_path: Path):
    """S83: keys come from nowhere else."""
    data = tmp_path / "new" / "data"
    await opened(data)
    assert {path.name for path in data.iterdir()} >= {DATABASE, "master.key"}
    assert data.stat().st_mode & 0o077 == 0


async def test_later_ones_find_the_same(tmp_path: Path):
    """S92: on restart."""
    assert await opened(tmp_path) == await opened(tmp_path)


async def test_two_installations_have_nothing_in_common(tmp_path: Path):
    """S83."""
    one, other = await opened(tmp_path / "a"), await opened(tmp_path / "b")
    assert not {name for name in one if one[name] == other[name]}


async def test_a_lost_master_key_is_not_made_anew(tmp_path: Path):
    """A new one would open nothing of what lies there."""
    await opened(tmp_path)
    (tmp_path / "master.key").unlink()
    with pytest.raises(MasterKeyError):
        await opened(tmp_path)
    assert not (tmp_path / "master.key").exists()


async def test_another_installations_master_key_is_refused(tmp_path: Path):
    await opened(tmp_path / "a")
    await opened(tmp_path / "b")
    (tmp_path / "a" / "master.key").write_bytes((tmp_path / "b" / "master.key").read_bytes())
    with pytest.raises(MasterKeyError):
        await opened(tmp_path / "a")
