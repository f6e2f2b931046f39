"""Somebody who may write where tokens are kept, or who waits there for them."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfoil.client import CacheUnusable, Client, Entry, FileCache, KeyringCache, Tokens
from tests.client.conversation import ISSUER

pytestmark = pytest.mark.one_engine("no server of ours is there")

ADA = Entry(issuer=ISSUER, client_id="app", subject="ada")
EVE = Entry(issuer=ISSUER, client_id="app", subject="eve")
CONTENT = b'{"tokens":"of ada"}'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


def names() -> list[str]:
    return [ADA.name, "key", f"{ADA.name}.lock"]


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "directory"])
def test_what_is_no_plain_file_is_neither_followed_nor_waited_for(
    place: Path, tmp_path: Path, name: str, kind: str
):
    """A link to somebody's file, or a pipe that would hang: nothing is written there."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"of somebody else")
    place.mkdir(mode=0o700)
    if kind == "link":
        (place / name).symlink_to(victim)
    elif kind == "dangling":
        (place / name).symlink_to(tmp_path / "nowhere")
    elif kind == "pipe":
        os.mkfifo(place / name, 0o600)
    else:
        (place / name).mkdir(mode=0o700)
    cache = FileCache(place)
    if name.endswith(".lock"):
        with pytest.raises(CacheUnusable):
            cache.try_lock(ADA)
    else:
        with pytest.raises(CacheUnusable):
            cache.read(ADA) if name == ADA.name else cache.write(ADA, CONTENT)
    assert victim.read_bytes() == b"of somebody else"
    assert not (tmp_path / "nowhere").exists()


def test_writing_replaces_a_link_and_leaves_its_target_alone(place: Path, tmp_path: Path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"of somebody else")
    FileCache(place).write(EVE, CONTENT)
    (place / ADA.name).symlink_to(victim)
    FileCache(place).write(ADA, CONTENT)
    assert victim.read_bytes() == b"of somebody else"
    assert not (place / ADA.name).is_symlink()
    assert FileCache(place).read(ADA) == CONTENT


def test_a_directory_that_is_a_link_is_not_used(place: Path, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheUnusable, match="link"):
        FileCache(place).write(ADA, CONTENT)
    with pytest.raises(CacheUnusable, match="link"):
        KeyringCache(place, backend=object()).try_lock(ADA)  # type: ignore[arg-type]
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", [".", ADA.name, "key"])
def test_what_belongs_to_somebody_else_is_not_used(place: Path, what: str):
    """A key that another one planted would open everything to them."""
    FileCache(place).write(ADA, CONTENT)
    os.chown(place / what, 65534, -1)
    with pytest.raises(CacheUnusable, match="belongs to somebody else"):
        FileCache(place).read(ADA)


def test_the_tokens_of_one_are_not_passed_off_as_those_of_another(place: Path):
    """Sealed for one entry: a file under another name does not open."""
    cache = FileCache(place)
    cache.write(ADA, CONTENT)
    (place / ADA.name).rename(place / EVE.name)
    assert cache.read(ADA) is None
    with pytest.raises(CacheUnusable, match="altered"):
        cache.read(EVE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_no_byte_can_be_changed(place: Path, data: st.DataObject):
    """S79: not the words at the beginning, the nonce, the ciphertext, nor the tag."""
    cache = FileCache(place)
    cache.write(ADA, CONTENT)
    content = bytearray((place / ADA.name).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    (place / ADA.name).write_bytes(content)
    with pytest.raises(CacheUnusable):
        cache.read(ADA)


def test_a_file_that_is_far_too_long_is_not_taken_into_memory(place: Path):
    cache = FileCache(place)
    cache.write(ADA, CONTENT)
    os.truncate(place / ADA.name, 1 << 40)
    with pytest.raises(CacheUnusable):
        cache.read(ADA)


def test_the_mask_of_the_process_opens_nothing(place: Path):
    """0600 whatever the umask says."""
    before = os.umask(0)
    try:
        FileCache(place).write(ADA, CONTENT)
        assert FileCache(place).try_lock(ADA)
    finally:
        os.umask(before)
    assert place.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o600}


def test_no_error_holds_what_is_kept(place: Path):
    cache = FileCache(place, "s3cret passphrase")
    cache.write(ADA, CONTENT)
    (place / ADA.name).write_bytes((place / ADA.name).read_bytes()[:-1])
    with pytest.raises(CacheUnusable) as unusable:
        cache.read(ADA)
    assert "s3cret" not in str(unusable.value)
    assert unusable.value.__cause__ is None


def test_the_end_forgets_what_cannot_be_read(place: Path):
    """Else the tokens of somebody who thinks that they are signed out lie there on."""
    with Client(ISSUER, "app", cache=FileCache(place)) as client:
        holder = client.holder()
        holder.take(Tokens(access_token="a", refresh_token="r"))
        kept = place / holder.entry.name
        kept.write_bytes(kept.read_bytes() + b"x")
        with pytest.raises(CacheUnusable):
            holder.end()
        assert not kept.exists()
