"""Where master keys come from, and that nothing of them is ever said."""

import base64
import os
import shlex
import sys
from pathlib import Path

import pytest

from counterfoil.oauth.opaque import Secret
from counterfoil.server.keys.master_key import MasterKey
from counterfoil.server.keys.master_key_source import (
    MOST_KEYS,
    MasterKeyError,
    read_master_keys,
)
from counterfoil.server.settings import Settings, SettingsError

ONE, TWO = bytes(range(32)), bytes(range(32, 64))


def spelled(*keys: bytes) -> str:
    return "\n".join(base64.urlsafe_b64encode(key).decode() for key in keys)


def command(script: str) -> Settings:
    return Settings(master_key_command=shlex.join([sys.executable, "-c", script]))


def test_a_command_may_print_them():
    """S83: a store of secrets hands the key over, and no file holds it."""
    assert read_master_keys(command(f"print({spelled(ONE, TWO)!r})")) == (ONE, TWO)


def test_a_command_is_not_a_shells(tmp_path: Path):
    """What stands in a setting starts one program, whatever signs it holds."""
    mark = tmp_path / "mark"
    settings = Settings(master_key_command=f"echo x; touch {mark}")
    with pytest.raises(MasterKeyError):
        read_master_keys(settings)
    assert not mark.exists()


@pytest.mark.parametrize(
    "script",
    [
        "import sys; print('hunter2hunter2'); sys.exit(3)",
        "import sys; print('hunter2hunter2', file=sys.stderr); sys.exit(3)",
        "print('hunter2hunter2')",
        "print('')",
    ],
)
def test_what_a_command_prints_is_not_repeated(script: str):
    """It may be the key, or a part of it."""
    with pytest.raises(MasterKeyError, match="master_key_command") as it:
        read_master_keys(command(script))
    assert "hunter2" not in str(it.value)


def test_a_command_that_is_not_there_is_named():
    with pytest.raises(MasterKeyError, match="cannot be run: No such file"):
        read_master_keys(Settings(master_key_command="/nowhere/at/all"))
    with pytest.raises(MasterKeyError, match="cannot be run"):
        read_master_keys(Settings(master_key_command="'"))


def test_the_environment_may_give_several():
    settings = Settings(master_key=Secret(f"{spelled(ONE)} {spelled(TWO)}"))
    assert read_master_keys(settings) == (ONE, TWO)


def test_two_sources_are_one_too_many():
    with pytest.raises(SettingsError, match="both set"):
        Settings(master_key=Secret(spelled(ONE)), master_key_command="cat key")


def test_there_are_not_endlessly_many():
    many = Secret(spelled(*(bytes([each]) * 32 for each in range(MOST_KEYS + 1))))
    with pytest.raises(MasterKeyError, match="more than 8"):
        read_master_keys(Settings(master_key=many))


def test_former_ones_still_open(tmp_path: Path):
    path = tmp_path / "master.key"
    path.write_text(f"{spelled(ONE)}\nformer:{spelled(TWO)}\n")
    path.chmod(0o600)
    assert read_master_keys(Settings(data=tmp_path)) == (ONE, TWO)
    old = MasterKey(lambda: [TWO], os.urandom).seal(b"x", "a")
    both = MasterKey(lambda: read_master_keys(Settings(data=tmp_path)), os.urandom)
    assert both.open(old, "a") == b"x"
    assert not both.is_current(old, "a")
    assert both.is_current(both.seal(b"x", "a"), "a")
