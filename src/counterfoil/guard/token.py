"""What a check gives: a token that stands, or the refusal with its reason (RFC 6750 §3.1)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from counterfoil.oauth.limits import Act, Limit, limit_for
from counterfoil.oauth.reasons import Reason, meaning_of

NO_ASKS: Final[Mapping[str, str]] = MappingProxyType({})


class Rejected(Exception):
    """A token was refused, and why.

    ``scope`` names the permissions that would have been needed, ``detail`` is for the operator,
    ``fingerprint`` names the token where its signature was good. None holds a piece of its text.
    ``asks`` is what a client must do for a better one: members of the challenge (RFC 9470 §3).
    ``when_answered`` is called where this refusal is the answer to its request.
    """

    def __init__(
        self,
        reason: Reason,
        scope: str = "",
        *,
        detail: str = "",
        fingerprint: str = "",
        asks: Mapping[str, str] = NO_ASKS,
    ) -> None:
        super().__init__(detail or meaning_of(reason).sentence)
        self.reason = reason
        self.scope = scope
        self.detail = detail
        self.fingerprint = fingerprint
        self.asks = asks
        self.when_answered: Callable[[], None] | None = None


class Token(Struct, frozen=True, kw_only=True):
    """An access token that stands. Times are seconds since the epoch.

    ``fingerprint`` is its ``jti``: by it the token is found, explained and ended. ``family`` is
    empty without a user. ``scopes`` holds, beside those of the claim, what they imply for this API.
    ``claims`` holds every claim and cannot be changed: a token that is seen again is the same
    object. ``data`` is what the owner's ``Enrich`` has loaded.
    ``kid``: the key that signed it; empty where none did. ``by_ticket``: a ticket was shown in its
    place, which is good for this request alone. ``max_uses``: it works so many times;
    ``use`` names the take of which this request has spent one.
    """

    subject: str
    client_id: str
    scopes: frozenset[str]
    audience: tuple[str, ...]
    issuer: str
    expires_at: int
    issued_at: int
    fingerprint: str
    family: str
    claims: Mapping[str, object]
    data: Any = None
    kid: str = ""
    by_ticket: bool = False
    max_uses: int | None = None
    use: str = ""

    def require(self, *scopes: str) -> None:
        """Demand permissions.

        Raises:
            Rejected: ``insufficient_scope``, naming all that is needed.
        """
        if not self.scopes.issuperset(scopes):
            raise Rejected(
                Reason.INSUFFICIENT_SCOPE, " ".join(scopes), fingerprint=self.fingerprint
            )

    def within(self, action: str, amount: object = 0, unit: str = "", *, now: float) -> None:
        """Demand that the token's limits let it do this, where it has any (RFC 9396 §9.1).

        ``amount``: whole, in the smallest part of ``unit``; it may come as a stranger sent it.
        ``now``: by the guard's clock, ``guard.now()``.

        Raises:
            Rejected: ``beyond_limit``; ``uncounted`` where it is also limited how often or how much
                in all, which only the issuer knows: then it must be spent.
        """
        limit = self.limit_for(Act(action, amount, unit), now)
        if limit is not None and limit.is_counted:
            detail = f"{action} is counted: write spend(token, Act(...)) in the place of within"
            raise Rejected(Reason.UNCOUNTED, detail=detail, fingerprint=self.fingerprint)

    def limit_for(self, act: Act, now: float) -> Limit | None:
        """Give the limit that lets the token do this; ``None`` where it has none at all.

        Raises:
            Rejected: ``beyond_limit``.
        """
        details = self.claims.get("authorization_details")
        if details is None:
            return None
        limit = limit_for(details, act, now)
        if limit is None:
            raise Rejected(Reason.BEYOND_LIMIT, fingerprint=self.fingerprint)
        return limit

    def __repr__(self) -> str:
        return f"Token(fingerprint={self.fingerprint!r}, client_id={self.client_id!r})"


class Undecided(Rejected):
    """All that can be checked here is well, but only the issuer can say whether the token stands.

    The adapters ask it. Who does not ask has a refusal: ``stale``. ``token`` is ``None`` where
    nothing at all is known here: it is a reference or a personal token. ``issuer`` is whom to ask,
    ``otherwise`` why the token is refused if the issuer says no; where that is ``not_registered``,
    it must also say that the token stands in its registry. ``shown_from``: of a personal token,
    from which address it came; empty where that is not known, ``None`` for any other token.
    """

    def __init__(
        self,
        issuer: str,
        token: Token | None,
        otherwise: Reason = Reason.REVOKED,
        shown_from: str | None = None,
    ) -> None:
        super().__init__(Reason.STALE, fingerprint=token.fingerprint if token else "")
        self.issuer = issuer
        self.token = token
        self.otherwise = otherwise
        self.shown_from = shown_from
