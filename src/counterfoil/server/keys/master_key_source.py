"""Where the master keys come from: the environment, a command, or a file of their own (S83)."""

import shlex
import subprocess
from base64 import b64decode
from binascii import Error as NotBase64
from typing import Final

from counterfoil.server.keys import master_key_file
from counterfoil.server.keys.master_key_file import FORMER
from counterfoil.server.keys.sealing import KEY_BYTES
from counterfoil.server.settings import Settings

MOST_KEYS: Final = 8
COMMAND_SECONDS: Final = 10
_SPELLED: Final = "32 bytes in base64url"


class MasterKeyError(Exception):
    """The master key cannot be used. The text says where it was looked for and what is wrong."""


def read_master_keys(settings: Settings) -> tuple[bytes, ...]:
    """Read the keys: from ``COUNTERFOIL_MASTER_KEY``, from ``master_key_command``, or the file.

    The first seals, the others only open.

    Raises:
        MasterKeyError: there is none, or one that cannot be used.
    """
    if settings.master_key is not None:
        return _keys_in(settings.master_key.reveal(), "COUNTERFOIL_MASTER_KEY")
    if settings.master_key_command:
        return _keys_in(_said_by(settings.master_key_command), "what master_key_command printed")
    path = settings.master_key_file
    try:
        return _keys_in(master_key_file.content(path), str(path))
    except OSError as error:
        raise MasterKeyError(f"The master key {path}: {error.strerror}.") from None
    except master_key_file.Exposed as error:
        raise MasterKeyError(str(error)) from None


def _said_by(command: str) -> str:
    """Run the command, without a shell. What it prints is secret, even where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own setting
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise MasterKeyError(f"master_key_command cannot be run: {why}.") from None
    except subprocess.TimeoutExpired:
        raise MasterKeyError(
            f"master_key_command gave no answer within {COMMAND_SECONDS} seconds."
        ) from None
    if done.returncode != 0:
        raise MasterKeyError(f"master_key_command failed with exit code {done.returncode}.")
    return done.stdout.decode("ascii", "replace")


def _keys_in(text: str, source: str) -> tuple[bytes, ...]:
    keys = tuple(dict.fromkeys(_key(word, source) for word in text.split()))
    if not keys:
        raise MasterKeyError(f"The master key in {source} is not {_SPELLED}: nothing is there.")
    if len(keys) > MOST_KEYS:
        raise MasterKeyError(f"There are more than {MOST_KEYS} master keys in {source}.")
    return keys


def _key(word: str, source: str) -> bytes:
    spelled = word.removeprefix(FORMER).rstrip("=").replace("+", "-").replace("/", "_")
    try:
        key = b64decode(f"{spelled}=", altchars=b"-_", validate=True)
    except (NotBase64, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyError(f"The master key in {source} is not {_SPELLED}.")
    return key
