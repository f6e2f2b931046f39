"""Tickets that the server signs: a JWT of its own type, good for one GET (RFC 8693, S73). Pure.

Guards verify them with the keys that they hold anyway, so an API needs no secret for them.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from counterfoil.jose import jws
from counterfoil.jose.errors import JoseError
from counterfoil.oauth.access_token import AccessToken
from counterfoil.oauth.ticket import Ticket

TYPE: Final = "ticket+jwt"
LIFETIME: Final = 300
"""The most seconds that one lives."""


class SignedTicket(
    AccessToken, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """The claims: those of an access token, and for which request it is.

    ``request`` is the digest of that (base64url); ``headers`` names those that it covers; ``once``:
    it is good once.
    """

    request: str
    headers: tuple[str, ...] = ()
    once: bool = False

    @property
    def type(self) -> str:
        """The ``typ`` of its header."""
        return TYPE

    def as_ticket(self, kid: str) -> Ticket | None:
        """Give the ticket that this key signed; ``None`` where it says more than a ticket can.

        It is its own parent: its handles are those by which it ends, beside those of what it was
        exchanged for.
        """
        if (self.url_bound, self.max_uses, self.authorization_details) != (None, None, None):
            return None
        try:
            request = jws.decode_part(self.request.encode())
        except JoseError:
            return None
        said = {"acr": self.acr, "auth_time": self.auth_time, "act": self.act}
        binding = self.binding
        return Ticket(
            request=request,
            expires_at=self.exp,
            headers=self.headers,
            nonce=self.jti.encode() if self.once else b"",
            iss=self.iss,
            sub=self.sub,
            client_id=self.client_id,
            scope=self.scope,
            jti=self.jti,
            fam=self.fam,
            gen=self.gen,
            kid=kid,
            iat=self.first_issued_at,
            binding=None if binding.is_bearer else (binding.method, binding.thumbprint),
            said={name: value for name, value in said.items() if value is not None},
            parents=self.parents,
        )


def signed_ticket_from(claims: Mapping[str, object]) -> SignedTicket | None:
    """Read verified claims; ``None`` where one is missing, wrong, or not known."""
    try:
        return msgspec.convert(claims, type=SignedTicket)
    except msgspec.ValidationError:
        return None
