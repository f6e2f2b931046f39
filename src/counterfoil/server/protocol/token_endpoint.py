"""The token endpoint: one pipeline for every grant type (OAuth 2.1 §3.2).

It owns the client's authentication, the proof of its key, its permission, writing and minting; a
grant type only decides, and so cannot forget a check.
"""

from functools import partial
from typing import Final, TypeGuard

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.dpop import NotProved, Proof, Target
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.token_response import TokenResponse
from counterfoil.server.protocol import client_authentication, proof_of_possession
from counterfoil.server.protocol.actor_naming import with_actor
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.client_authentication import AuthenticatedClient
from counterfoil.server.protocol.grant_types import GRANT_TYPES, GrantType
from counterfoil.server.protocol.identifiers import new_token_handle
from counterfoil.server.protocol.issuance import Issuance, Refusal, TokenRequest
from counterfoil.server.protocol.limit_narrowing import LimitNarrowing, limit_narrowing_in
from counterfoil.server.protocol.minting import PLAIN, Minted, mint, mint_as, mint_like, mint_ticket
from counterfoil.server.protocol.rates import Once
from counterfoil.server.protocol.recording import issue
from counterfoil.server.protocol.repeats import At
from counterfoil.server.protocol.size_budget import becomes_reference
from counterfoil.server.protocol.url_narrowing import Narrowing, narrowing_in
from counterfoil.server.protocol.use_narrowing import UseNarrowing, use_narrowing_in
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction, Work

_MAY_REPEAT: Final = tuple(
    f"grant_type={name}".encode()
    for name, each in GRANT_TYPES.items()
    if each.rests_on_registrations
)
"""How requests are spelled of which is known, perhaps, what was decided before."""


class Asked(Struct, frozen=True):
    """What came to the endpoint: the form, and what the headers add. All of it is unverified.

    ``proofs`` holds every value of the ``DPoP`` header.
    """

    form: bytes
    authorization: str | None
    origin: Origin
    proofs: tuple[str, ...] = ()


async def respond(authority: Authority, asked: Asked) -> TokenResponse:
    """Answer a token request.

    Raises:
        OAuthError: what was refused and why (RFC 6749 §5.2, RFC 9449 §5).
        StoreUnavailable: nothing was stored; the client may try again.
    """
    once = Once(authority.client_rates)
    again = await _decided_before(authority, asked, once)
    if again is not None:
        return await _given(authority, again.issuance, again.known.mint(authority, again.issuance))
    decided = await _decided_now(authority, asked, once)
    if decided.ticket is not None:
        return mint_ticket(authority, decided, decided.ticket)
    response = None if decided.costs_a_row else mint(authority, decided)
    return await _given(authority, decided, response)


async def _given(
    authority: Authority, decided: Issuance, response: TokenResponse | None
) -> TokenResponse:
    """Give an answer; where there is none, or it became too long, write its token down."""
    if response is not None and not becomes_reference(decided, response):
        return response
    # Of its own, after what was decided has committed: a crash in between is a lost answer.
    return await authority.store.transact(partial(issue, authority, decided), beside=True)


class _Known(Struct):
    """What was decided of a request of a client that proved itself by a secret.

    ``minted`` is what the first such token said, and not the token: none is kept in memory.
    """

    authenticated: AuthenticatedClient
    issuance: Issuance
    minted: Minted | None = None

    def mint(self, authority: Authority, issuance: Issuance) -> TokenResponse:
        """Sign the next one, which differs in its time and its handle alone."""
        if self.minted is not None:
            return mint_like(authority, issuance, self.minted)
        minted = mint_as(authority, issuance, PLAIN)
        self.minted = replace(minted, response=replace(minted.response, access_token=""))
        return minted.response


class _Again(Struct, frozen=True):
    """What is decided of a request by what was decided before."""

    known: _Known
    issuance: Issuance


async def _decided_before(authority: Authority, asked: Asked, once: Once) -> _Again | None:
    """Decide as of the same request before; ``None`` where nothing is known of one."""
    if asked.proofs or not any(each in asked.form for each in _MAY_REPEAT):
        return None
    name = _name_of(authority, asked)
    return await authority.store.glance(partial(_again, authority, name, once))


def _name_of(authority: Authority, asked: Asked) -> bytes:
    return authority.repeats.name(At.TOKEN, asked.authorization, asked.form)


async def _again(authority: Authority, name: bytes, once: Once, tx: Transaction) -> _Again | None:
    known = await tx.decisions.find(name)
    if not isinstance(known, _Known) or not known.authenticated.would_still(tx.now):
        return None
    once.demand(known.authenticated.client, tx.now)
    authority.activity.note_secret(known.authenticated.secret_id, tx.now)
    issuance = replace(known.issuance, issued_at=tx.now, handle=new_token_handle(tx))
    return _Again(known, issuance)


async def _decided_now(authority: Authority, asked: Asked, once: Once) -> Issuance:
    parameters = Parameters.parse(asked.form)
    grant_type = _grant_type_in(parameters)
    narrowings = _narrowings_in(parameters)
    credentials = await client_authentication.credentials_of(
        authority, parameters, asked.authorization
    )
    try:
        proof = proof_of_possession.read(asked.proofs, _target(authority))
        request = _Request(grant_type, credentials, asked, parameters, proof, once, narrowings)
        # A proof is used up, and that is written down whatever becomes of the request.
        if grant_type.reads_tokens:
            await authority.hub.catch_up()
        writes = grant_type.writes or proof is not None
        decided = await _run(authority, partial(_decide, authority, request), writes=writes)
    except NotProved as error:
        raise proof_of_possession.refusal_of(error) from None
    if isinstance(decided, Refusal):
        raise decided.error
    return decided


async def _run(
    authority: Authority, work: Work[Issuance | Refusal], *, writes: bool
) -> Issuance | Refusal:
    """Codes and refresh tokens are spent in one statement each, so that many may be at once."""
    if writes:
        return await authority.store.transact(work, beside=True)
    return await authority.store.read(work)


class _Request(Struct, frozen=True):
    """A request whose parts were read, but of a client that is not yet believed."""

    grant_type: GrantType
    credentials: client_authentication.Credentials
    asked: Asked
    parameters: Parameters
    proof: Proof | None
    once: Once
    narrowings: tuple[Narrowing | UseNarrowing | LimitNarrowing | None, ...]

    @property
    def may_repeat(self) -> bool:
        """Whether what is decided of it rests on what is registered, and on nothing besides."""
        return self.grant_type.rests_on_registrations and not any(self.narrowings)


def _target(authority: Authority) -> Target:
    return Target("POST", f"{authority.issuer}/token")


def _narrowings_in(
    parameters: Parameters,
) -> tuple[Narrowing | UseNarrowing | LimitNarrowing | None, ...]:
    """Read what makes less of the token, whatever the grant type."""
    return narrowing_in(parameters), use_narrowing_in(parameters), limit_narrowing_in(parameters)


def _grant_type_in(parameters: Parameters) -> GrantType:
    name = parameters.require("grant_type")
    grant_type = GRANT_TYPES.get(name)
    if grant_type is None:
        raise OAuthError("unsupported_grant_type", "This grant type is not supported here.")
    return grant_type


async def _decide(authority: Authority, request: _Request, tx: Transaction) -> Issuance | Refusal:
    grant_type, asked, proof = request.grant_type, request.asked, request.proof
    authenticated = await client_authentication.authenticate(tx, request.credentials)
    client = authenticated.client
    request.once.demand(client, tx.now)
    client.demand_grant_type(grant_type.name)
    authority.activity.note_secret(authenticated.secret_id, tx.now)
    proof_of_possession.demand_registered(client, grant_type.name, proof)
    proved = proof_of_possession.proved_by(proof, request.parameters)
    believed = TokenRequest(client, request.parameters, asked.origin, proved, authenticated.proof)
    if proof is None:
        decided = await _exchange(authority, tx, request, believed)
        if request.may_repeat and authenticated.secret_id and _is_plain(decided):
            name = _name_of(authority, asked)
            await tx.decisions.keep(name, _Known(authenticated, decided))
        return decided
    await proof_of_possession.take(authority, tx, proof)
    return await _attempt(authority, tx, request, believed)


def _is_plain(decided: Issuance | Refusal) -> TypeGuard[Issuance]:
    """Whether it is a token of which nothing need be written down."""
    return isinstance(decided, Issuance) and decided.ticket is None and not decided.costs_a_row


async def _attempt(
    authority: Authority, tx: Transaction, request: _Request, believed: TokenRequest
) -> Issuance | Refusal:
    """Decide after a proof was taken: a refusal undoes all but the taking, and is returned."""

    async def exchange(tx: Transaction) -> Issuance | Refusal:
        return await _exchange(authority, tx, request, believed)

    try:
        return await tx.attempt(exchange)
    except OAuthError as error:
        return Refusal(error)


async def _exchange(
    authority: Authority, tx: Transaction, request: _Request, believed: TokenRequest
) -> Issuance | Refusal:
    decided = await request.grant_type.exchange(authority, tx, believed)
    if isinstance(decided, Refusal):
        return decided
    decided = with_actor(decided, believed.parameters)
    for narrowing in request.narrowings:
        if narrowing is not None:
            decided = narrowing.narrow(decided, authority.issuer)
    return decided
