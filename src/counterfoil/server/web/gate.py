"""The gate of the server's own API: our own guard, in the issuer's process (RFC 6750, RFC 9068).

Nothing is followed over a line here. The guard reads the keys and endings of this very process,
which has caught up with all the others' before every decision.
"""

from collections.abc import Callable
from functools import partial

from msgspec import Struct

from counterfoil.guard.bearer import token_in
from counterfoil.guard.guard import Guard
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.notices import Notices
from counterfoil.guard.policy import Issuer, Options, Staleness
from counterfoil.guard.token import Rejected, Token
from counterfoil.jose.jwt import MAX_BYTES, Verifier
from counterfoil.oauth.access_token import TYPE
from counterfoil.oauth.binding import UNBOUND
from counterfoil.oauth.dpop import NotProved, Proof, Target, read_proof
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Marks
from counterfoil.server.hub import Hub
from counterfoil.server.protocol import proof_of_possession
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import Actor, by_user
from counterfoil.server.protocol.own_api import own_api_uri
from counterfoil.server.records.session import Origin
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User


class Presented(Struct, frozen=True):
    """What came with a request to open it; none of it is verified. Every value of each header.

    ``url`` is the address that was asked, as the caller sees it, without its query.
    """

    authorization: tuple[str, ...]
    method: str = "GET"
    url: str = ""
    proofs: tuple[str, ...] = ()


class Admitted(Struct, frozen=True):
    """Whose request it is: the token that opened, and the person behind it.

    ``user`` is ``None`` where a service asked for itself.
    """

    token: Token
    user: User | None

    def acting_from(self, origin: Origin) -> Actor:
        """Give the one to whom events are put down."""
        proof = f"token:{self.token.fingerprint}"
        if self.user is not None:
            return by_user(self.user.id, origin, proof)
        return Actor(f"client:{self.token.client_id}", origin, proof)


class _OwnNotices(Notices):
    """What has ended, as the hub of this process holds it."""

    def __init__(self, issuer: str, hub: Hub) -> None:
        super().__init__(issuer)
        self._hub = hub

    def rejects(self, marks: Marks, now: float) -> Reason | None:
        """Say why a token with these marks is dead."""
        return self._hub.revocations.rejects(marks, now)


class OwnState(IssuerState):
    """The issuer as its own process knows it, in place of what a follower fetches."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(Issuer(authority.issuer), Staleness.reject())
        self.notices = _OwnNotices(authority.issuer, authority.hub)
        self._authority = authority

    async def catch_up(self, now: float) -> None:
        """Take in whatever any process has committed until now.

        Raises:
            StoreUnavailable: the endings cannot be read.
            NoSigningKey: the keys are not here.
        """
        await self._authority.hub.catch_up()
        published = self._authority.keyring.published(Purpose.TOKENS, int(now))
        if self.keys.verifier is None or self.keys.verifier.keys is not published:
            self.keys.verifier = Verifier(published, TYPE, max_bytes=MAX_BYTES)
        self.notices.fresh_at = now


class Gate:
    """Lets requests to the server's own API in. Every one is decided anew."""

    def __init__(self, authority: Authority, clock: Callable[[], float]) -> None:
        self.audience = own_api_uri(authority.issuer)
        self._authority = authority
        self._clock = clock
        self._state = OwnState(authority)
        options = Options(clock=clock)
        self._guard = Guard.beside(self._state, audience=self.audience, options=options)

    async def admit(self, presented: Presented, scope: str) -> Admitted:
        """Decide about a token, and the proof of its key where it is bound to one (RFC 9449 §7).

        ``scope`` is what is needed. The client must still be registered for it, and a person
        behind the token must at this moment be an enabled administrator.

        Raises:
            Rejected: with the reason.
            StoreUnavailable: endings could not be read.
        """
        await self._state.catch_up(self._clock())
        unverified, is_bound = token_in(presented.authorization)
        proof = _proof_in(presented, unverified) if is_bound else None
        token = self._guard.check(unverified, UNBOUND if proof is None else proof.binding)
        token.require(scope)

        async def work(tx: Transaction) -> User | None:
            await self._demand_client(tx, token, scope)
            return await _person_behind(tx, token)

        store = self._authority.store
        if proof is not None:
            # Used up and committed first, whatever becomes of the request.
            await store.transact(partial(self._take, proof), beside=True)
        return Admitted(token, await store.read(work))

    async def _take(self, proof: Proof, tx: Transaction) -> None:
        try:
            await proof_of_possession.take(self._authority, tx, proof)
        except NotProved as error:
            raise Rejected(error.reason, detail=str(error)) from None

    async def _demand_client(self, tx: Transaction, token: Token, scope: str) -> None:
        client = await tx.clients.find(token.client_id)
        if client is None or not client.is_enabled:
            raise _rejected(Reason.REVOKED, token)
        if scope not in client.access.apis.get(self.audience, frozenset()):
            raise Rejected(Reason.INSUFFICIENT_SCOPE, scope, fingerprint=token.fingerprint)


def _proof_in(presented: Presented, unverified: str) -> Proof:
    target = Target(presented.method, presented.url, unverified)
    try:
        return read_proof(presented.proofs, target)
    except NotProved as error:
        raise Rejected(error.reason, detail=str(error)) from None


async def _person_behind(tx: Transaction, token: Token) -> User | None:
    """Give the person; ``None`` only where the client itself is the subject, without a family."""
    if not token.family and token.subject == token.client_id:
        return None
    user = await tx.users.find(token.subject)
    if user is None or not user.is_enabled:
        raise _rejected(Reason.REVOKED, token)
    if not user.is_admin:
        raise _rejected(Reason.NOT_PERMITTED, token)
    return user


def _rejected(reason: Reason, token: Token) -> Rejected:
    return Rejected(reason, fingerprint=token.fingerprint)
