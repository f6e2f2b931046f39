"""How long an access token lives where its API does not say, as the server last started (S26)."""

from typing import Protocol

from msgspec import Struct


class DefaultLifetime(Struct, frozen=True):
    """The default in ``seconds``; ``generation`` is that of the server's own audience, userinfo.

    It is kept beside the APIs, for a token must carry the generation that goes with its lifetime:
    a server process that still has a longer default in its settings must not go by that.
    """

    seconds: int
    generation: int = 0


class DefaultLifetimes(Protocol):
    """How long access tokens live where no API says otherwise, as the server last started."""

    async def find(self) -> DefaultLifetime | None:
        """Give it; ``None`` where no server has started yet."""

    async def keep(self, default: DefaultLifetime) -> None:
        """Keep this one from now on."""
