"""What a grant type decides: an ``Issuance`` or a ``Refusal``."""

from msgspec import Struct

from counterfoil.oauth.access import Access
from counterfoil.oauth.binding import UNBOUND, Binding
from counterfoil.oauth.delegation import Parent
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.limits import Limit, narrowest
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.url_binding import UrlBound
from counterfoil.server.protocol.audience import Audience
from counterfoil.server.records.client import Client
from counterfoil.server.records.event import NO_PROOF
from counterfoil.server.records.session import Origin
from counterfoil.server.records.user import User


class TokenRequest(Struct, frozen=True):
    """A request of the token endpoint, from an authenticated client, with what was proved.

    ``proof`` says by what the client was known: a secret, a key; a public one only named itself.
    """

    client: Client
    parameters: Parameters
    origin: Origin
    proved: Binding = UNBOUND
    proof: str = NO_PROOF


class SignedIn(Struct, frozen=True):
    """Who signed in, when and how, and in which session: what an ID token says."""

    user: User
    auth_time: int
    amr: tuple[str, ...]
    session_id: str | None
    nonce: str | None = None


class Lineage(Struct, frozen=True):
    """Where an exchanged token comes from, and who acts for whom (RFC 8693 §4).

    ``auth_time`` and ``acr`` say when and how the person signed in, if one stands behind it.
    ``drawn``: the allowances of the last parent on which it draws, by name.
    """

    parents: tuple[Parent, ...]
    act: object = None
    auth_time: int | None = None
    acr: object = None
    drawn: frozenset[str] = frozenset()


class Ticket(Struct, frozen=True):
    """The one GET that a ticket is for: its digest (base64url), which covers these headers (S73).

    ``once``: it is good once.
    """

    request: str
    headers: tuple[str, ...]
    once: bool


class Issuance(Struct, frozen=True, kw_only=True):
    """Tokens to mint: for whom, with which access, at which API. ``issued_at`` in seconds.

    ``family_id`` is empty where no user stands behind the token. ``may_act``: the client that
    alone may act for others with it; empty: whoever has the right to (RFC 8693 §4.4).
    ``max_uses`` is what was asked for; `uses` what is granted. So it is with ``limits``, and
    `permitted`: what was asked for this token alone; ``None``: nothing was.
    ``ticket``: it is that, and no access token.
    """

    client: Client
    subject: str
    access: Access
    audience: Audience
    issued_at: int
    handle: str
    family_id: str = ""
    binding: Binding = UNBOUND
    refresh_token: Secret | None = None
    signed_in: SignedIn | None = None
    url_bound: UrlBound | None = None
    lineage: Lineage | None = None
    may_act: str = ""
    max_uses: int | None = None
    limits: tuple[Limit, ...] | None = None
    ticket: Ticket | None = None

    @property
    def permitted(self) -> tuple[Limit, ...] | None:
        """What the token may do: what API, client, person and whoever asks all permit (S15).

        ``None``: nobody has limited it.
        """
        of_client, of_api = self.client.policy.limits, self.audience.policy.limits
        if not of_client and not of_api and self.limits is None and self.access.limits is None:
            return None
        return narrowest(self.limits, self.access.limits, of_client or None, of_api or None)

    @property
    def uses(self) -> int | None:
        """How often the token works: as was asked, and never more than its API allows."""
        most = self.audience.policy.max_uses
        if most is None or self.max_uses is None:
            return self.max_uses if most is None else most
        return min(self.max_uses, most)

    @property
    def costs_a_row(self) -> bool:
        """Whether something of the token is written down: its text, its place, what is counted."""
        if self.audience.policy.costs_a_row or self.uses is not None:
            return True
        limits = self.permitted
        return limits is not None and any(limit.is_counted for limit in limits)


class Refusal(Struct, frozen=True):
    """An error that must leave its trace: it is returned, so that its transaction commits."""

    error: OAuthError
