"""The settings: one table, read from defaults, a TOML file, the environment, the command line."""

from counterfoil.server.settings.addresses import SettingsError
from counterfoil.server.settings.database import DatabaseUrl
from counterfoil.server.settings.describing import as_markdown, describe
from counterfoil.server.settings.limits import Limits
from counterfoil.server.settings.meaning import DAY, MINUTE
from counterfoil.server.settings.reading import FILE_NAME, load
from counterfoil.server.settings.table import PREFIX, SETTINGS, Setting, Settings

__all__ = [
    "DAY",
    "FILE_NAME",
    "MINUTE",
    "PREFIX",
    "SETTINGS",
    "DatabaseUrl",
    "Limits",
    "Setting",
    "Settings",
    "SettingsError",
    "as_markdown",
    "describe",
    "load",
]
