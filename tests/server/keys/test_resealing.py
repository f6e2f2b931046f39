"""The master key is changed while servers run: nothing is lost, nobody waits."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from counterfoil.oauth.opaque import Secret
from counterfoil.server.keys.encrypting import context_of
from counterfoil.server.keys.keyring import Keyring
from counterfoil.server.keys.master_key import MasterKey, MasterKeyError, load_master_key
from counterfoil.server.keys.master_key_file import content
from counterfoil.server.keys.resealing import Resealing
from counterfoil.server.keys.rotation import Rotation
from counterfoil.server.keys.server_secret import load_server_keys
from counterfoil.server.records.api import Api
from counterfoil.server.records.encryption_key import EncryptionKey
from counterfoil.server.records.event import EventKind
from counterfoil.server.settings import Settings
from tests.server.keys.installation import START, Installation

pytestmark = pytest.mark.anyio


class Process:
    """One server of an installation, with the master keys that it has read."""

    def __init__(self, place: Installation) -> None:
        self.place = place
        self.master_key = load_master_key(place.settings, os.urandom)
        self.rotation = Rotation(place.settings, self.master_key)
        self.keyring = Keyring(self.master_key)

    async def start(self) -> bytes:
        keys = await self.place.store.transact(lambda tx: load_server_keys(tx, self.master_key))
        await self.turn()
        return keys.refresh_mac.of(b"")

    async def turn(self) -> None:
        await self.place.store.transact(self.rotation.rotate)
        await self.place.store.read(self.keyring.load)

    @property
    def resealing(self) -> Resealing:
        return Resealing(self.place.settings, self.master_key, os.urandom)

    async def reseal(self) -> int:
        return await self.place.store.transact(self.resealing.reseal)


@asynccontextmanager
async def two_processes(data: Path) -> AsyncIterator[tuple[Installation, Process, Process]]:
    place = Installation(data)
    try:
        running, operator = Process(place), Process(place)
        await running.start()
        yield place, running, operator
    finally:
        await place.store.close()


async def test_the_master_key_changes_while_a_server_runs(tmp_path: Path):
    """S83: added, sealed under, forgotten; a server that was started before goes on turning keys,
    and one that is started afterwards opens everything."""
    async with two_processes(tmp_path) as (place, running, operator):
        secret = await running.start()
        assert operator.resealing.add() == 2
        operator.resealing.prefer_newest()
        assert await operator.reseal() == 3
        place.now = START + place.settings.key_rotation_interval
        await running.turn()
        assert operator.resealing.forget() == 1
        assert await operator.reseal() == 0
        late = Process(place)
        assert len(late.master_key) == 1
        assert await late.start() == secret
        place.now += place.settings.key_rotation_interval
        await late.turn()
        await running.turn()


async def test_a_server_with_the_old_key_alone_in_mind_reads_the_new_one(tmp_path: Path):
    """What was sealed by another process, under a key that came later, opens all the same."""
    async with two_processes(tmp_path) as (place, running, operator):
        operator.resealing.add()
        operator.resealing.prefer_newest()
        place.now = START + place.settings.key_rotation_interval
        await place.store.transact(operator.rotation.rotate)
        assert len(running.master_key) == 1
        await place.store.read(running.keyring.load)
        assert len(running.master_key) == 2


async def test_what_a_server_seals_in_between_is_found_before_its_key_is_lost(tmp_path: Path):
    async with two_processes(tmp_path) as (place, running, operator):
        operator.resealing.add()
        operator.resealing.prefer_newest()
        await operator.reseal()
        with_old_keys = MasterKey(lambda: [running.master_key._keys[-1]], os.urandom)
        stale = Rotation(place.settings, with_old_keys)
        place.now = START + place.settings.key_rotation_interval
        await place.store.transact(stale.rotate)
        operator.resealing.forget()
        assert await operator.reseal() == 2
        assert len(Process(place).master_key) == 1
        await Process(place).start()


async def test_secrets_shared_with_apis_are_sealed_anew(tmp_path: Path):
    """S68, S83: and open afterwards under the new key alone."""
    async with two_processes(tmp_path) as (place, running, operator):
        sealed = running.master_key.seal(b"s" * 32, context_of("kid"))
        keys = (
            EncryptionKey(kid="kid", alg="dir", created_at=START, sealed=sealed),
            EncryptionKey(kid="public", alg="ECDH-ES", created_at=START, public_jwk="{}"),
        )
        api = Api(uri="urn:a", name="A", created_at=START, scopes={"a": "A"}, encryption_keys=keys)
        await place.store.transact(lambda tx: tx.apis.add(api))
        operator.resealing.add()
        operator.resealing.prefer_newest()
        assert await operator.reseal() == 4
        operator.resealing.forget()
        found = await place.store.read(lambda tx: tx.apis.find("urn:a"))
        assert found is not None
        late = Process(place)
        anew, public = found.encryption_keys
        assert late.master_key.open(anew.sealed, context_of("kid")) == b"s" * 32
        assert public == keys[1]
        assert await operator.reseal() == 0


async def test_asking_twice_does_not_turn_back(tmp_path: Path):
    """A key that has sealed before never seals again."""
    async with two_processes(tmp_path) as (place, _, operator):
        operator.resealing.add()
        operator.resealing.prefer_newest()
        once = content(place.settings.master_key_file)
        operator.resealing.prefer_newest()
        assert content(place.settings.master_key_file) == once
        assert await operator.reseal() == 3
        assert await operator.reseal() == 0


async def test_it_is_written_down_once(tmp_path: Path):
    """S111."""
    async with two_processes(tmp_path) as (place, _, operator):
        operator.resealing.add()
        operator.resealing.prefer_newest()
        await operator.reseal()
        await operator.reseal()
        changes = [e for e in await place.events() if e.kind is EventKind.MASTER_KEY_CHANGED]
        assert [change.detail for change in changes] == [{"values": "3"}]


async def test_there_are_not_endlessly_many(tmp_path: Path):
    async with two_processes(tmp_path) as (_, __, operator):
        for _ in range(7):
            operator.resealing.add()
        with pytest.raises(MasterKeyError, match="forget old ones"):
            operator.resealing.add()


async def test_keys_from_elsewhere_are_changed_elsewhere(tmp_path: Path):
    one, two = "A" * 43, "B" * 43
    before = Settings(data=tmp_path, master_key=Secret(one))
    place = Installation(tmp_path)
    place.settings = before
    await Process(place).start()
    place.settings = Settings(data=tmp_path, master_key=Secret(f"{two} {one}"))
    operator = Process(place)
    with pytest.raises(MasterKeyError, match="do not come from a file"):
        operator.resealing.add()
    operator.resealing.prefer_newest()
    assert await operator.reseal() == 3
    place.settings = Settings(data=tmp_path, master_key=Secret(two))
    await Process(place).start()
    assert not place.settings.master_key_file.exists()
    await place.store.close()
