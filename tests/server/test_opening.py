"""Opening an installation: what a first start makes, and what a later one demands."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.server.keys.master_key import MasterKeyError
from counterfoil.server.opening import DATABASE, Outside, is_made, open_authority, replayed_for
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.settings import Settings, load
from tests.installation import Clock

pytestmark = pytest.mark.anyio


async def opened(data: Path, **settings: str) -> dict[str, object]:
    """Open and close; gives what must be the same each time."""
    asked = {"data": str(data), **settings}
    authority = await open_authority(load({}, asked), Outside(clock=Clock()))
    try:
        return {
            "epoch": authority.hub.position.epoch,
            "keys": authority.keyring.jwks(Purpose.TOKENS, int(Clock()())),
            "csrf": authority.keys.csrf,
            "refresh": authority.keys.refresh_mac.of(b""),
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


@pytest.mark.postgres
async def test_a_server_elsewhere_opens_the_same_database_with_the_same_master_key(
    tmp_path: Path, database: str
):
    """S92: nothing but the database and the master key need be shared."""
    here, there = tmp_path / "here", tmp_path / "there"
    assert not await is_made(load({}, {"data": str(here), "database": database}))
    first = await opened(here, database=database)
    assert await is_made(load({}, {"data": str(there), "database": database}))
    assert not (here / DATABASE).exists()
    there.mkdir()
    (there / "master.key").write_bytes((here / "master.key").read_bytes())
    (there / "master.key").chmod(0o600)
    assert await opened(there, database=database) == first


@pytest.mark.postgres
async def test_a_server_elsewhere_makes_no_master_key_of_its_own(tmp_path: Path, database: str):
    """It would open nothing of what lies there."""
    await opened(tmp_path / "here", database=database)
    with pytest.raises(MasterKeyError):
        await opened(tmp_path / "there", database=database)
    assert not (tmp_path / "there" / "master.key").exists()


@pytest.mark.postgres
async def test_without_its_driver_it_is_said_what_to_install(tmp_path: Path):
    """The engine is imported only where it is asked for."""
    code = (
        "import asyncio, sys\n"
        "sys.modules['asyncpg'] = None\n"
        "from counterfoil.server.opening import open_authority\n"
        "from counterfoil.server.settings import Settings, load\n"
        "asyncio.run(open_authority(load({}, {'data': sys.argv[1], 'database': sys.argv[2]})))"
    )
    line = [sys.executable, "-c", code, str(tmp_path), "postgresql://ada@localhost/nothing"]
    done = await asyncio.to_thread(subprocess.run, line, capture_output=True, text=True)
    assert "pip install 'counterfoil[server,postgres]'" in done.stderr


async def test_without_the_library_of_the_carrier_it_is_said_what_to_install(tmp_path: Path):
    """By the server and by the command that starts it, where a carrier is asked for."""
    code = "import sys\nsys.modules['nats'] = None\nfrom counterfoil.cli import main\nmain()"
    line = [sys.executable, "-c", code, "serve", "--data", str(tmp_path), "--port", "0"]
    environment = {**os.environ, "COUNTERFOIL_NATS": "nats://127.0.0.1:1"}
    done = await asyncio.to_thread(
        subprocess.run, line, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 1
    assert "pip install 'counterfoil[server,nats]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("lifetime", "kept"), [(1, 60), (600, 600), (86_400, 3600)])
async def test_a_carrier_keeps_notices_no_longer_than_tokens_live(lifetime: int, kept: int):
    lifetimes = {"access_token_lifetime": lifetime, "id_token_lifetime": lifetime}
    assert replayed_for(Settings(status_list_ttl=1, **lifetimes)) == kept
