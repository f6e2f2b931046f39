"""A provider: another server at which people sign in, to come in here (OpenID Connect, S112)."""

from enum import StrEnum
from typing import Annotated, Final, Literal, Protocol

from msgspec import Meta, Struct

BASIC: Final = "client_secret_basic"
POST: Final = "client_secret_post"
Scope = Annotated[str, Meta(pattern=r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$", max_length=1024)]
Words = Annotated[str, Meta(pattern=r"^([!-~]+( [!-~]+)*)?$", max_length=1024)]
"""Words with one space between them."""


class ProviderKind(StrEnum):
    """How a provider is spoken to."""

    OIDC = "oidc"
    GITHUB = "github"
    """OAuth alone: who somebody is says an API."""


class ProviderPolicy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked of a provider (``scope``), and how far it is believed.

    ``trusts_email``: an address that it calls verified links an account that is here already.
    ``mfa_words``: what it says in ``amr`` or ``acr`` where it asked for more than one factor; it is
    believed in these alone. ``dates_sign_ins``: it says when somebody signed in, and is held to it;
    else coming back is a sign-in. ``keeps_tokens``: its tokens are kept, sealed (S78), and handed
    to the clients that ``replayed_by`` names; ``revokes_at_sign_out``: they are given back when the
    person signs out here (S114). ``silent``: who came in by it last is looked for there without a
    click (S113).
    """

    scope: Scope = "openid email profile"
    authentication: Literal["client_secret_basic", "client_secret_post"] = BASIC
    trusts_email: bool = False
    mfa_words: Words = ""
    dates_sign_ins: bool = True
    keeps_tokens: bool = False
    replayed_by: Words = ""
    revokes_at_sign_out: bool = True
    silent: bool = False


class Provider(Struct, frozen=True, kw_only=True):
    """A provider, by the word that stands in our addresses. Times in seconds.

    ``issuer`` is its issuer identifier; ``{tenantid}`` in it stands for the tenant of each person.
    ``sealed_secret`` is our client secret there.
    """

    id: str
    kind: ProviderKind
    name: str
    issuer: str
    client_id: str
    sealed_secret: bytes
    created_at: int
    policy: ProviderPolicy = ProviderPolicy()
    disabled_at: int | None = None

    @property
    def is_enabled(self) -> bool:
        """Whether people come in by it."""
        return self.disabled_at is None

    def __repr__(self) -> str:
        return f"Provider(id={self.id!r}, issuer={self.issuer!r})"


class Providers(Protocol):
    """Providers, by their word."""

    async def add(self, provider: Provider) -> None:
        """Add; raises ``Conflict`` where the word is taken."""

    async def find(self, provider_id: str) -> Provider | None: ...
    async def every(self) -> list[Provider]:
        """All, disabled ones too, the oldest first."""

    async def update(self, provider: Provider) -> bool:
        """Replace all but its kind and issuer; ``False`` where there is no such provider."""

    async def remove(self, provider_id: str) -> bool:
        """Remove, with all that is linked by it; ``False`` where there is no such provider."""
