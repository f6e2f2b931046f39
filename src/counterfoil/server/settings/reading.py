"""Reading the settings: defaults, a TOML file, the environment, the command line."""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from counterfoil.server.settings.addresses import SettingsError
from counterfoil.server.settings.choices import or_one_of
from counterfoil.server.settings.table import PREFIX, SETTINGS, Settings

FILE_NAME: Final = "counterfoil.toml"
_ENVIRONMENT: Final = "the environment"
_SECRETS: Final = frozenset({"master_key", "mail_password"})


def load(environment: Mapping[str, str], overrides: Mapping[str, object]) -> Settings:
    """Read the settings: defaults, then the file, then ``COUNTERFOIL_…``, then ``overrides``.

    The file is the ``config`` of the overrides, ``COUNTERFOIL_CONFIG``, or ``counterfoil.toml``
    in the data directory, which need not exist. Overrides that are ``None`` are not given.

    Raises:
        SettingsError: a name that is not known or a value that cannot be used.
    """
    variables = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    given = {name: value for name, value in overrides.items() if value is not None}
    configs = given.pop("config", None), variables.pop("config", None)
    from_variables = _checked(variables, _ENVIRONMENT, lambda name: PREFIX + name.upper())
    from_overrides = _checked(given, "the command line", lambda name: f"--{name.replace('_', '-')}")
    above = from_variables | from_overrides
    config = configs[0] or configs[1]
    if config:
        from_file = _read_file(Path(str(config)), is_optional=False)
    else:
        in_data = Path(str(above.get("data", SETTINGS["data"].default))) / FILE_NAME
        from_file = _read_file(in_data, is_optional=True)
        if "data" in from_file:
            raise SettingsError(f"data cannot be set in {in_data}, which lies in that directory.")
    make: Callable[..., Settings] = Settings
    return make(**(from_file | above))


def _read_file(path: Path, *, is_optional: bool) -> dict[str, object]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if is_optional:
            return {}
        raise SettingsError(f"The settings file {path} does not exist.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error}") from None
    return _checked(content, str(path), str)


def _checked(
    given: Mapping[str, object], source: str, spelled: Callable[[str], str]
) -> dict[str, object]:
    for name in _SECRETS & given.keys():
        if source != _ENVIRONMENT:
            raise SettingsError(f"{name}, from {source}: it is read from {_ENVIRONMENT} only.")
    return {name: _value(name, value, source, spelled) for name, value in given.items()}


def _value(name: str, given: object, source: str, spelled: Callable[[str], str]) -> object:
    row = SETTINGS.get(name)
    if row is None:
        near = difflib.get_close_matches(name, SETTINGS, n=1)
        hint = f" Did you mean {spelled(near[0])}?" if near else ""
        raise SettingsError(f"{spelled(name)}, from {source}, is no setting.{hint}")
    value = given
    if isinstance(row.default, tuple) and isinstance(given, str):
        value = [part.strip() for part in given.split(",") if part.strip()]
    try:
        return msgspec.convert(value, row.type, strict=False, dec_hook=_made)
    except msgspec.ValidationError as error:
        words = f"{error}{or_one_of(row.type)}"
        raise SettingsError(f"{spelled(name)}, from {source}{_in(row.unit)}: {words}.") from None


def _in(unit: str) -> str:
    """Say in what a number is told, where that can be taken for something else."""
    return f" (in {unit})" if unit.endswith("s") else ""


def _made(wanted: type, value: object) -> object:
    if isinstance(value, wanted):
        return value
    if isinstance(value, str) and value:
        return wanted(value)
    raise ValueError("Expected text that is not empty")
