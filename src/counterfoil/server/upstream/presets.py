"""Providers by name: what is the same for everybody who uses them (S112)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from counterfoil.server.records.provider import POST, ProviderKind, ProviderPolicy

TENANT: Final = "{tenantid}"
"""In an issuer: the tenant of each person, as Microsoft writes it in its own metadata."""


class Preset(Struct, frozen=True):
    """How to speak to a provider. ``issuer`` is empty where everybody has another one."""

    kind: ProviderKind
    name: str
    issuer: str = ""
    policy: ProviderPolicy = ProviderPolicy()


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        # Google does not say when somebody signed in, nor asks for a password on demand.
        "google": Preset(
            ProviderKind.OIDC,
            "Google",
            "https://accounts.google.com",
            ProviderPolicy(dates_sign_ins=False),
        ),
        "github": Preset(
            ProviderKind.GITHUB,
            "GitHub",
            "https://github.com",
            ProviderPolicy(scope="read:user user:email", authentication=POST, dates_sign_ins=False),
        ),
        "microsoft": Preset(
            ProviderKind.OIDC, "Microsoft", f"https://login.microsoftonline.com/{TENANT}/v2.0"
        ),
        "counterfoil": Preset(ProviderKind.OIDC, "Counterfoil"),
        "oidc": Preset(ProviderKind.OIDC, ""),
    }
)
