"""Answers as values: what an adapter turns into an answer of its framework. Pure."""

from collections.abc import Mapping

from msgspec import Struct

from counterfoil.oauth.reasons import Reason


class Reply(Struct, frozen=True, kw_only=True):
    """A whole answer. The names in ``headers`` are lower case; none comes twice.

    Its ``repr`` holds neither headers nor body: a ticket may stand there.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.status})"


class Refusal(Reply, frozen=True, kw_only=True):
    """The answer to a request that may not pass. ``reason`` is also in headers and body."""

    reason: Reason
