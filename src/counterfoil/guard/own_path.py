"""Addresses that hold the id of the user whose token they take (S99). Pure."""

from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from counterfoil.guard.demands import Presented
from counterfoil.guard.token import Rejected
from counterfoil.oauth.reasons import Reason

ID: Final = "{id}"
ANY: Final = "*"


class OwnPath(Struct, frozen=True):
    """The id in the address must be that of the token::

        OwnPath("/users/{id}")

    stands for that path and all below it; ``*`` stands for any one segment. The path begins with
    where the app is mounted. ``claim`` is what the id is compared with. So no two users share an
    address, whatever a cache makes of it. ``issuer``: whose users these are; to be said where a
    guard trusts several issuers, for each may name a user as another does. The API's own sessions
    count as well.

    Raises:
        ValueError: where no segment is ``{id}``, or several are.
    """

    template: str
    claim: str = "sub"
    issuer: str = ""

    def __post_init__(self) -> None:
        if not self.template.startswith("/") or self.template.split("/").count(ID) != 1:
            raise ValueError(f"{self.template!r} must begin with / and have one segment {ID}")

    def examine(self, presented: Presented) -> None:
        """Refuse the address of another, and one of which it is not clear whose it is."""
        token = presented.token
        whose = token.claims.get(self.claim)
        if self.issuer and token.issuer not in ("", self.issuer):
            whose = None
        if not isinstance(whose, str) or not self.is_of(whose, presented.request.path):
            raise Rejected(Reason.ANOTHER_USER, fingerprint=token.fingerprint)

    def is_of(self, whose: str, path: str) -> bool:
        """Whether a path, as it was sent, is this user's; routers differ in how they read dots."""
        plain = unquote(path)
        if not whose or "\\" in plain or {".", ".."} & set(plain.split("/")):
            return False
        wanted = self.template.rstrip("/").split("/")
        segments = [unquote(each) for each in path.split("/")]
        return len(segments) >= len(wanted) and all(
            _fits(segment, want, whose) for segment, want in zip(segments, wanted, strict=False)
        )


def _fits(segment: str, want: str, whose: str) -> bool:
    if want == ID:
        return segment == whose
    return bool(segment) if want == ANY else segment == want
