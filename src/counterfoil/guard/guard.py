"""The guard: decides about a token in microseconds, without I/O (RFC 9068 §4, RFC 8725).

It knows what was ended because a follower in the background holds the line to the issuer.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from counterfoil.guard.bearer import bearer_token
from counterfoil.guard.counting import Counts
from counterfoil.guard.dpop import ProofWatch
from counterfoil.guard.encryption import Unsealing
from counterfoil.guard.health import Health, health_of
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.judgement import Where, demand_target, judge, judge_ticket, refuse_dead
from counterfoil.guard.metrics import exposition
from counterfoil.guard.personal_tokens import Beside, PersonalTokens
from counterfoil.guard.policy import Issuer, Options, Staleness, demand_sound, trusted_in
from counterfoil.guard.refusal import log_refusal
from counterfoil.guard.scope_hierarchy import ScopeHierarchy
from counterfoil.guard.spending import Spender, demand_counted
from counterfoil.guard.status_lists import Awaited
from counterfoil.guard.ticket_issuing import Giver, TicketIssuing
from counterfoil.guard.ticket_policy import Tickets
from counterfoil.guard.tickets import Checks, TicketCheck
from counterfoil.guard.token import Rejected, Token, Undecided
from counterfoil.guard.token_cache import TokenCache, Verified
from counterfoil.guard.verification import Api, Verification
from counterfoil.jose import jwt
from counterfoil.oauth.binding import UNBOUND, Proved
from counterfoil.oauth.feed import Position
from counterfoil.oauth.opaque import Kind
from counterfoil.oauth.reasons import Reason

_REFERENCE: Final = f"{Kind.ACCESS_TOKEN}_"
_PERSONAL: Final = f"{Kind.PERSONAL_TOKEN}_"
ASKING_SECONDS: Final = 10.0
"""How long `Guard.decide_blocking` waits for an issuer."""
_REJECT: Final = Staleness.reject()
_USUAL: Final = Options()


class Guard:
    """Checks the access tokens of one API.

    Args:
        issuer: the authorization server's identifier; or name several with ``issuers``.
        audience: this API's resource identifier: what ``aud`` must name.
        issuers: the authorization servers that are trusted, each pinned with its algorithms.
        staleness: what to do when an issuer has not been heard for too long.
        options: what is seldom changed.

    Raises:
        TypeError: where an issuer is none.
        ValueError: where this configuration cannot work.
    """

    def __init__(
        self,
        issuer: str | None = None,
        *,
        audience: str,
        issuers: Sequence[Issuer] = (),
        staleness: Staleness = _REJECT,
        options: Options = _USUAL,
    ) -> None:
        trusted = trusted_in(issuer, issuers)
        demand_sound(trusted, audience, staleness)
        self.audience = audience
        self.issuers = tuple(each.url for each in trusted)
        self.web = options.web
        self._states = {each.url: IssuerState(each, staleness) for each in trusted}
        self.reports = any(issuer.reports for issuer in trusted)
        self._clock, self._random = options.clock, options.random
        self.enrichment = None if options.enrich is None else options.enrich.begun(options.clock)
        for state in self._states.values():
            state.begin(audience, options.clock)
            self._forget_with(state)
        self.proofs = ProofWatch(options.proofs, options.clock, options.random)
        self._cache = TokenCache(options.cached_tokens)
        self._counts = Counts()
        self._count_hit, self._count_miss = self._counts.hits.add, self._counts.misses.add
        self._follow(tuple(self._states.values()), options)
        self.hierarchy = ScopeHierarchy(options.implied)
        self.tickets: TicketCheck | None = None
        self.ticket_issuing: TicketIssuing | None = None
        if options.tickets is not None:
            self._begin_tickets(options.tickets, options)
        unsealing, bound = Unsealing(options.encryption), options.proofs.required
        api = Api(self.audience, bound, self.hierarchy, options.max_age, unsealing)
        self._verification = Verification(self._states, api, options.clock, self._wake)
        self._personal = PersonalTokens(self._verification, options.clock, options.cached_tokens)

    @classmethod
    def beside(cls, state: IssuerState, *, audience: str, options: Options = _USUAL) -> Self:
        """Make a guard in the issuer's own process; whoever gives the state keeps it up to date."""
        guard = cls(
            issuers=(state.issuer,), audience=audience, staleness=state.staleness, options=options
        )
        guard._states[state.issuer.url] = state
        guard._forget_with(state)
        guard._follow((), options)
        return guard

    def start(self) -> None:
        """Begin to follow the issuers in a background thread. Again: nothing happens."""
        self._follower.start()

    def stop(self) -> None:
        """End the background thread. The guard is stale at once, and can be started again."""
        if self.is_started:
            self._follower.run(self._blocking.aclose(), ASKING_SECONDS)
        self._follower.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_started(self) -> bool:
        """Whether the background thread runs."""
        return self._follower.is_started

    def now(self) -> float:
        """Read the guard's clock: seconds since the epoch."""
        return self._clock()

    def health(self) -> Health:
        """Say how it is with each issuer, for probes and dashboards. No I/O."""
        return health_of(self._states.values(), self._clock(), is_alive=self.is_started)

    def metrics(self) -> str:
        """Write down what was counted, and how it is, as Prometheus reads it. No I/O."""
        return exposition(self._counts, self._states.values(), self.health(), len(self._cache))

    def heard_at(self, issuer: str) -> float:
        """Say up to when all that an issuer has ended is known here: seconds since the epoch.

        An issuer that publishes nothing, or is asked about every token, is never behind.
        """
        state = self._states.get(issuer)
        if state is None or state.issuer.revocation != "feed":
            return float("inf")
        return state.notices.fresh_at

    def wait_until_fresh(self, timeout: float) -> bool:
        """Wait until tokens of every issuer can be decided on; ``False`` after ``timeout`` s."""
        return self._follower.wait_until_fresh(timeout)

    def check(
        self,
        unverified: str,
        proved: Proved = UNBOUND,
        at_least: Position | None = None,
        where: Where | None = None,
        *,
        counts: bool = False,
    ) -> Token:
        """Decide about a token. No I/O.

        Args:
            unverified: the token as it came.
            proved: what was proved on this request: the key of a proof (``guard.proofs`` reads
                it), or a certificate, or a cookie.
            at_least: the receipt of an ending. Until it is proved that everything up to there is
                known here, the guard is stale for this request.
            where: says which request it came with. Without it, tokens that are bound to a URL are
                refused.
            counts: that the caller spends a use of a limited token, last of all, by
                ``guard.uses.spend``. Without it, limited tokens are refused.

        Raises:
            Rejected: with the reason.
            Undecided: where only the issuer can say.
        """
        if len(unverified) > jwt.MAX_BYTES or not unverified.isascii():
            raise Rejected(Reason.MALFORMED)
        digest = sha256(unverified.encode()).digest()
        verified = self._cache.get(digest)
        if verified is not None and verified.verifier is verified.state.keys.verifier:
            self._count_hit()
            if verified.url_bound is not None:
                demand_target(verified, where)
            judge(verified, proved, at_least, self._clock())
        elif unverified.startswith(_REFERENCE):
            self._verification.refer(unverified)
        elif unverified.startswith(_PERSONAL):
            return self._personal.check(digest, unverified, Beside(proved, at_least, where))
        else:
            verified = self._check_new(digest, unverified, Beside(proved, at_least, where))
        token = verified.token
        return token if token.max_uses is None else demand_counted(token, counts)

    def _check_new(self, digest: bytes, unverified: str, beside: Beside) -> Verified:
        self._count_miss()
        verified = self._verification.verify(unverified)
        try:
            if verified.url_bound is not None:
                demand_target(verified, beside.where)
            judge(verified, beside.proved, beside.at_least, self._clock())
        except Rejected:
            if verified.was_ended(self._clock()):
                self._cache.put(digest, verified)  # or each repetition cost a signature
            raise
        self._cache.put(digest, verified)
        return verified

    def check_header(self, *authorization: str) -> Token:
        """Decide about the token in the values of the ``Authorization`` header (RFC 6750 §2.1).

        Raises as :meth:`check`.
        """
        return self.check(bearer_token(authorization))

    def check_ticket(self, verified: Verified, proved: Proved, at_least: Position | None) -> Token:
        """Decide about a ticket that was opened and is for this request. No I/O.

        Raises:
            Rejected: with the reason.
        """
        judge_ticket(verified, proved, at_least, self._clock())
        self._verification.demand_key_of(verified)
        return verified.token

    def saw(self, token: Token, place: str) -> None:
        """Note that a token was let pass, to be reported to its issuer where ``reports`` is set.

        The adapters do it; whoever calls :meth:`check` or :meth:`decide` does it afterwards.
        ``place`` is the client's address; what is none tells the issuer that it is not known.
        """
        sightings = self._states[token.issuer].sightings
        if sightings is not None:
            sightings.note(token, place)

    def note_refusal(self, rejected: Rejected) -> str:
        """Count and log a refusal under a name that is drawn for it, and give the name."""
        self._counts.refusals[rejected.reason].add()
        return log_refusal(rejected, self._random)

    async def decide(
        self,
        unverified: str,
        proved: Proved = UNBOUND,
        at_least: Position | None = None,
        where: Where | None = None,
        *,
        counts: bool = False,
    ) -> Token:
        """Decide about a token, and ask its issuer where the owner chose that (RFC 7662).

        The arguments are those of :meth:`check`. With ``at_least`` the issuer is asked anew.

        Raises:
            Rejected: with the reason.
        """
        try:
            return self.check(unverified, proved, at_least, where, counts=counts)
        except Undecided as undecided:
            answer = await self._introspection.ask(unverified, undecided, at_least)
            told = self._told(unverified, undecided, answer, Beside(proved, at_least, where))
            return demand_counted(told, counts)
        except Awaited as awaited:
            if not await self._follower.fetch_list(awaited.issuer, awaited.uri):
                raise
            return self.check(unverified, proved, at_least, where, counts=counts)

    def decide_blocking(
        self,
        unverified: str,
        proved: Proved = UNBOUND,
        at_least: Position | None = None,
        where: Where | None = None,
        *,
        counts: bool = False,
    ) -> Token:
        """Decide as :meth:`decide`, and wait for the issuer's answer; not for an event loop.

        The guard must have been started: its background thread does the asking.

        Raises:
            Rejected: with the reason.
        """
        try:
            return self.check(unverified, proved, at_least, where, counts=counts)
        except Undecided as undecided:
            asking = self._blocking.ask(unverified, undecided, at_least)
            answer = self._follower.run(asking, ASKING_SECONDS)
            if answer is None:
                raise Rejected(Reason.STALE, fingerprint=undecided.fingerprint) from None
            told = self._told(unverified, undecided, answer, Beside(proved, at_least, where))
            return demand_counted(told, counts)
        except Awaited as awaited:
            fetching = self._follower.fetching(awaited.issuer, awaited.uri)
            if not self._follower.run(fetching, ASKING_SECONDS):
                raise
            return self.check(unverified, proved, at_least, where, counts=counts)

    async def aclose(self) -> None:
        """Stop, without holding up the event loop, and close the connections of `decide`."""
        await self._follower.off_the_loop(self.stop)
        await self._introspection.aclose()

    def _follow(self, states: Sequence[IssuerState], options: Options) -> None:
        from counterfoil.guard.follower import Follower
        from counterfoil.guard.introspection import Introspection

        self._introspection = Introspection(self._states, options.clock)
        self._blocking = Introspection(self._states, options.clock)
        state_dir = Path(options.state_dir) if options.state_dir else None
        self._follower = Follower(states, options.clock, state_dir)
        self.uses = Spender(self._states, self._follower, options.clock)

    def _begin_tickets(self, tickets: Tickets, options: Options) -> None:
        known = self.audience, self.hierarchy, self._states
        checks = Checks(*known, options.clock, self._wake, options.max_age)
        self.tickets = TicketCheck(tickets, checks)
        if tickets.keys:
            giver = Giver(self.audience, options.max_age, options.clock, options.random)
            self.ticket_issuing = TicketIssuing(tickets, giver)

    def _forget_with(self, state: IssuerState) -> None:
        if self.enrichment is not None:
            state.notices.listeners.append(partial(self.enrichment.forget, state.issuer.url))

    def _told(
        self, unverified: str, undecided: Undecided, answer: Mapping[str, object], beside: Beside
    ) -> Token:
        """Decide by what the issuer has just said of a token."""
        if undecided.token is not None:
            return undecided.token
        if undecided.shown_from is not None:
            return self._personal.told(unverified, undecided, answer, beside)
        verified = self._verification.told(undecided.issuer, answer)
        demand_target(verified, beside.where)
        refuse_dead(verified, beside.proved, self._clock())
        return verified.token

    def _wake(self) -> None:
        self._follower.wake()
