"""Who is signed in on this machine: profiles, and the tokens that belong to them."""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from msgspec import Struct

from counterfoil.cli.output import Failure, printable

if TYPE_CHECKING:
    from counterfoil.client import Cache, Client, Holder

DEFAULT: Final = "default"
_FILE: Final = "profiles"
_TRIES: Final = 200
_PAUSE: Final = 0.02


def profile_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the name of a sign-in."""
    return click.option(
        "--profile",
        metavar="NAME",
        help="Which sign-in, where there are several. Default: default.",
    )(command)


class Profile(Struct, frozen=True, kw_only=True):
    """One sign-in. Nothing of it is secret; ``apis`` are the APIs that it was used for."""

    issuer: str
    client_id: str
    scope: str = ""
    resource: str = ""
    client_key: str = ""
    is_service: bool = False
    in_keyring: bool = False
    apis: tuple[str, ...] = ()


class Profiles:
    """The profiles of this person on this machine, in a directory of their own."""

    def __init__(self) -> None:
        from counterfoil.client.private_files import PrivateFiles

        self._directory = directory()
        self._files = PrivateFiles(self._directory, secrets.token_bytes)

    def every(self) -> dict[str, Profile]:
        """Give all, by name."""
        content = self._files.read(_FILE)
        if content is None:
            return {}
        try:
            return msgspec.json.decode(content, type=dict[str, Profile])
        except msgspec.DecodeError:
            path = self._directory / _FILE
            raise Failure(f"{path} cannot be read: remove it and sign in again") from None

    def find(self, name: str | None) -> Profile:
        """Give one by name.

        Raises:
            Failure: there is none.
        """
        found = self.every().get(name or DEFAULT)
        if found is None:
            named = f" --profile {name}" if name else ""
            raise Failure(f"nobody is signed in: counterfoil login ISSUER --client-id ID{named}")
        return found

    def prepare(self) -> None:
        """Write what is there once more: a place that cannot be written is said before a sign-in.

        Raises:
            Failure, CacheUnusable: nothing could be kept.
        """
        with self._locked():
            self._files.write(_FILE, msgspec.json.encode(self.every()))

    def keep(self, name: str, profile: Profile | None) -> None:
        """Keep one, or forget it. Two commands at once keep both of theirs."""
        with self._locked():
            self._write(name, profile)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        for _ in range(_TRIES):
            unlock = self._files.try_lock(_FILE)
            if unlock is not None:
                break
            time.sleep(_PAUSE)
        else:
            raise Failure(f"another command holds {self._directory / _FILE}")
        try:
            yield
        finally:
            unlock()

    def _write(self, name: str, profile: Profile | None) -> None:
        every = self.every()
        every.pop(name, None)
        if profile is not None:
            every[name] = profile
        self._files.write(_FILE, msgspec.json.encode(every))

    def holder(self, client: "Client", name: str, profile: Profile) -> "Holder":
        """Give what holds the tokens of a profile."""
        if profile.is_service:
            return client.service(profile.scope, resource=profile.resource)
        return client.holder(profile.scope, resource=profile.resource, subject=name)

    def client(self, profile: Profile) -> "Client":
        """Give the client of a profile, with its cache."""
        from counterfoil.client import Client, ClientKey

        credential = ClientKey.from_file(profile.client_key) if profile.client_key else None
        cache = self._cache(profile)
        return Client(profile.issuer, profile.client_id, credential, cache=cache)

    def _cache(self, profile: Profile) -> "Cache":
        from counterfoil.client import FileCache, KeyringCache

        if profile.in_keyring:
            return KeyringCache(self._directory / "locks")
        return FileCache(self._directory / "tokens")


def directory() -> Path:
    """Say where the sign-ins of this person are kept (XDG Base Directory).

    Raises:
        Failure: this person has no home.
    """
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():  # as that standard has it: else it were another one in each place
        try:
            state = Path.home() / ".local" / "state"
        except RuntimeError:
            raise Failure("there is no home directory: set HOME or XDG_STATE_HOME") from None
    return state / "counterfoil"


@contextmanager
def as_failures() -> Iterator[None]:
    """Turn what is known to go wrong at a client into one line."""
    from counterfoil.client import CacheUnusable, HttpFailure, NotTrusted, Refused, SignInNeeded
    from counterfoil.jose.errors import JoseError

    try:
        yield
    except (CacheUnusable, HttpFailure, JoseError, NotTrusted, Refused, ValueError) as error:
        raise Failure(printable(str(error))) from None
    except SignInNeeded as error:
        raise Failure(f"{printable(str(error))} (counterfoil login)") from None
    except OSError as error:
        raise Failure(f"{error.filename or 'this machine'}: {error.strerror}") from None
