"""Seconds since the epoch, as others write them: ``NumericDate``, whole ones (RFC 7519 §2)."""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta

_FURTHEST: Final = 2**53
"""JSON knows no greatest number, but whoever adds to one needs it (RFC 8259 §6)."""
NumericDate: TypeAlias = Annotated[int, Meta(ge=-_FURTHEST, le=_FURTHEST)]
