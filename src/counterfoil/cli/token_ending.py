"""Ending a token by its value or by its ``jti``, whoever holds it (S45, S48)."""

from types import MappingProxyType
from typing import Final

from msgspec.structs import asdict

from counterfoil.cli.endings import ended, refused, tell_ending
from counterfoil.cli.invocation import Invocation
from counterfoil.cli.receipts import Manner
from counterfoil.oauth.errors import OAuthError
from counterfoil.server.documents.endings import EndingDocument
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.endings import Ends, Target, target_of_token
from counterfoil.server.records.store import Transaction

_KINDS: Final = MappingProxyType(
    {Ends.FAMILY: "refresh_token", Ends.PERSONAL_TOKEN: "personal_token"}
)


class EndedToken(EndingDocument, frozen=True, kw_only=True):
    """What was ended: an access token by its ``jti``, or the family of a refresh token."""

    kind: str
    jti: str | None = None
    family_id: str | None = None

    def tell(self) -> None:
        """Tell a person."""
        if self.jti is not None:
            tell_ending(f"The access token {self.jti} has ended.", self)
        else:
            tell_ending(f"The family {self.family_id} of the refresh token has ended.", self)


def end_token(call: Invocation, target: Target, manner: Manner) -> EndedToken:
    """End an access token without its being held, or the family of a refresh token."""

    async def find(_: Transaction) -> Target:
        return target

    document = ended(call, find, manner)
    is_family = target.kind is Ends.FAMILY
    return EndedToken(
        kind=_KINDS.get(target.kind, "access_token"),
        jti=None if is_family else target.name,
        family_id=target.name if is_family else None,
        **asdict(document),
    )


def read_token(call: Invocation, unverified: str) -> Target:
    """Read what was pasted.

    Raises:
        Failure: it is none of ours.
    """

    async def action(authority: Authority) -> Target:
        async def work(tx: Transaction) -> Target:
            return await target_of_token(authority, tx, unverified)

        try:
            return await authority.store.read(work)
        except OAuthError as error:
            raise refused(error.description) from None

    return call.run(action)
