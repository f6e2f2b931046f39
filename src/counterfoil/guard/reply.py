"""Answers as values: what an adapter turns into an answer of its framework. Pure."""

from collections.abc import Mapping

from msgspec import Struct

from counterfoil.oauth.reasons import Reason


class Reply(Struct, frozen=True, kw_only=True):
    """A whole answer. The names in ``headers`` are lower case; none comes twice."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class Refusal(Reply, frozen=True, kw_only=True):
    """The answer to a request that may not pass. ``reason`` is also in headers and body."""

    reason: Reason
