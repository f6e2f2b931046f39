"""What every command is given: which installation it works on, and how it answers."""

import functools
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, NamedTuple, ParamSpec, TypeVar

import click

from counterfoil.cli.output import Failure, print_json

if TYPE_CHECKING:
    from counterfoil.server.protocol.authority import Authority
    from counterfoil.server.records.store import Work
    from counterfoil.server.settings import Settings

T = TypeVar("T")
P = ParamSpec("P")

SERVER_EXTRA: Final = "this command needs the server: pip install 'counterfoil[server]'"


def takes_id() -> dict[str, Any]:
    """Give the context of a command that takes an id: one in sixty-four begins with a hyphen."""
    return {"ignore_unknown_options": True}


class Invocation(NamedTuple):
    """One call of a command. ``overrides`` are settings from the command line."""

    overrides: Mapping[str, object]
    as_json: bool = False

    def settings(self) -> "Settings":
        """Read the settings.

        Raises:
            Failure: one of them cannot be used.
        """
        with demanding_server():
            from counterfoil.server.settings import SettingsError, load
        try:
            return load(os.environ, self.overrides)
        except SettingsError as error:
            raise Failure(str(error)) from None

    def read(self, work: "Work[T]") -> T:
        """Run a work that only reads, on an installation that is there."""
        return self.run(lambda authority: authority.store.read(work))

    def change(self, work: "Work[T]", *, makes: bool = False) -> T:
        """Run a work and commit it. ``makes``: on a new installation too."""
        return self.run(lambda authority: authority.store.transact(work), makes=makes)

    def run(
        self,
        action: "Callable[[Authority], Awaitable[T]]",
        *,
        makes: bool = False,
        serves: bool = False,
    ) -> T:
        """Open the installation beside whatever server runs on it, act, and close it.

        ``serves``: as a server would, which may not use what waits for administrators.

        Raises:
            Failure: it cannot be opened, or what was asked cannot be done.
        """
        settings = self.settings()
        with demanding_server():
            from counterfoil.cli.other_issuer import warn_of_another
            from counterfoil.server.opening import is_made, open_authority

        async def opened() -> T:
            if not makes and not await is_made(settings):
                raise Failure(nothing_there(settings))
            authority = await open_authority(settings, held_too=not serves)
            try:
                if not serves:
                    await warn_of_another(authority)
                return await action(authority)
            finally:
                await authority.store.close()

        return finish(opened)

    def show(self, document: object, tell: Callable[[], None]) -> None:
        """Print the document as JSON where that is wanted, else ``tell`` it to a person."""
        if self.as_json:
            print_json(document)
        else:
            tell()


def nothing_there(settings: "Settings") -> str:
    """Say that there is no installation, and what to do."""
    if settings.database is not None:
        return (
            f"there is no installation in {settings.database}: name its database with --database, "
            "or make one with `counterfoil serve`"
        )
    return (
        f"there is no installation in {settings.data}: name its directory with --data, "
        "or make one with `counterfoil serve`"
    )


def finish(action: "Callable[[], Coroutine[Any, Any, T]]") -> T:
    """Run to the end, and turn what is known to go wrong into a sentence.

    Raises:
        Failure: with the sentence.
    """
    import asyncio

    try:
        return asyncio.run(action())
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        raise Failure(sentence) from None


def sentence_of(error: Exception) -> str | None:
    """Say what went wrong, where that is known; ``None`` for a mistake of ours."""
    from counterfoil.net.carrier import CarrierDown
    from counterfoil.oauth.errors import OAuthError
    from counterfoil.server.identity.passwords import PasswordRefused
    from counterfoil.server.keys.master_key import MasterKeyError
    from counterfoil.server.keys.rotation import KeyRefused
    from counterfoil.server.moving import MoveRefused
    from counterfoil.server.records.failures import Conflict, StoreUnavailable
    from counterfoil.server.storage.migration import UnknownDatabase, UnsupportedPostgres
    from counterfoil.server.storage.sqlite_file import UnsupportedSqlite

    match error:
        case OAuthError():
            return error.description
        case CarrierDown():
            return f"NATS cannot be used: {error}"
        case StoreUnavailable():
            return f"the database cannot be used: {error}"
        case MasterKeyError() | UnknownDatabase() | UnsupportedPostgres() | UnsupportedSqlite():
            return f"{error} (`counterfoil doctor` says more)"
        case KeyRefused() | MoveRefused() | PasswordRefused() | OSError() | Failure():
            return _named_first(error)
        case Conflict():
            return "something stands there by that name already"
        case UnicodeError():
            return "what was given is not valid UTF-8"
    return None


def _named_first(error: Exception) -> str:
    """Give the words of an error; of a file that cannot be had, its name and why."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


class demanding_server:  # noqa: N801 - reads as a statement
    """Turn the absence of the server's libraries into a sentence that names the extra."""

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ModuleNotFoundError):
            if (error.name or "").startswith("counterfoil"):
                return
            raise Failure(f"{SERVER_EXTRA} ({error.name} is missing)") from None


def installation(command: Callable[Concatenate[Invocation, P], None]) -> Callable[..., None]:
    """Give a command an ``Invocation`` from the options of ``located`` and ``--json``."""
    return located(click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command))


def located(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an ``Invocation`` from ``--data``, ``--database`` and ``--config``."""

    @click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Settings file. Default: counterfoil.toml in the data directory.",
    )
    @click.option(
        "--database",
        metavar="URL",
        help="PostgreSQL database. Default: a file in the data directory, or COUNTERFOIL_DATABASE.",
    )
    @click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Data directory. Default: ./data, or COUNTERFOIL_DATA.",
    )
    @functools.wraps(command)
    def invoked(
        data: Path | None,
        database: str | None,
        config: Path | None,
        as_json: bool = False,
        **rest: Any,
    ) -> None:
        located = {"data": data, "database": database, "config": config}
        command(Invocation(located, as_json), **rest)

    return invoked
