"""How long an access token lives where its API does not say, as the server last started (S26)."""

from msgspec import Struct


class DefaultLifetime(Struct, frozen=True):
    """The default in ``seconds``; ``generation`` is that of the server's own audience, userinfo.

    It is kept beside the APIs, for a token must carry the generation that goes with its lifetime:
    a server process that still has a longer default in its settings must not go by that.
    """

    seconds: int
    generation: int = 0
