"""The installation's own secret: drawn once, sealed in the store, one key for each purpose."""

import os
from functools import partial
from pathlib import Path

import anyio
import pytest

from counterfoil.server.keys.master_key import MasterKeyError
from counterfoil.server.keys.sealing import Sealing
from counterfoil.server.keys.server_secret import ServerKeys, load_server_keys
from tests.server.keys.installation import Installation, installation

pytestmark = pytest.mark.anyio


def values(keys: ServerKeys) -> list[bytes]:
    return [keys.refresh_mac.of(b""), keys.pending, keys.csrf, keys.dpop_nonce]


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def loaded(place: Installation, sealing: Sealing | None = None) -> ServerKeys:
    work = partial(load_server_keys, sealing=sealing or place.sealing)
    return await place.store.transact(work)


async def test_it_is_drawn_once_for_all_who_start(tmp_path: Path):
    async with installation(tmp_path) as place:
        found: list[ServerKeys] = []

        async def start() -> None:
            found.append(await loaded(place))

        async with anyio.create_task_group() as starting:
            for _ in range(8):
                starting.start_soon(start)
        assert len({tuple(values(keys)) for keys in found}) == 1


async def test_each_purpose_has_a_key_of_its_own(tmp_path: Path):
    async with installation(tmp_path) as place:
        keys = values(await loaded(place))
        assert len(set(keys)) == len(keys)
        assert {len(key) for key in keys} == {32}


async def test_keys_do_not_show_themselves_and_do_not_stand_in_the_database(tmp_path: Path):
    """S77: a dump of the database holds nothing that works without the master key."""
    async with installation(tmp_path) as place:
        keys = await loaded(place)
        assert repr(keys) == "ServerKeys(…)"
    content = everything_in(tmp_path)
    assert content
    assert not any(key in content for key in values(keys))


async def test_under_another_master_key_the_error_says_so(tmp_path: Path):
    async with installation(tmp_path) as place:
        await loaded(place)
        with pytest.raises(MasterKeyError, match="another master key"):
            await loaded(place, Sealing(b"o" * 32, os.urandom))
