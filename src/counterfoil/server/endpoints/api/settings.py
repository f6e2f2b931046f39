"""The settings that this server runs with. They are changed where it is started."""

from msgspec import Struct, convert

from counterfoil.server.endpoints.api.operation import Call, Nothing
from counterfoil.server.settings import describe


class SettingDocument(Struct, frozen=True, kw_only=True):
    """A setting in words. ``variable`` is the environment variable that sets it."""

    name: str
    value: str
    default: str
    unit: str
    variable: str
    help: str


class SettingList(Struct, frozen=True, kw_only=True):
    """All settings."""

    settings: tuple[SettingDocument, ...]


async def list_settings(call: Call[Nothing, Nothing]) -> SettingList:
    """``GET /api/settings``."""
    rows = describe(call.server.authority.settings)
    return SettingList(settings=convert(rows, tuple[SettingDocument, ...]))
