"""Token exchange (RFC 8693): a token for one that is worth less, or to act for others elsewhere.

A client narrows what was issued to itself; by a right that an administrator gave, an API's client
acts at another API for whoever called it, and the token says so (``act``). Nobody impersonates.
"""

from typing import Final

from msgspec import Struct

from counterfoil.oauth.access import Access, scopes_in
from counterfoil.oauth.delegation import MOST_PARENTS, Parent, acting, actor_in
from counterfoil.oauth.errors import OAuthError, invalid_request, invalid_scope, invalid_target
from counterfoil.oauth.parameters import Parameters
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import events
from counterfoil.server.protocol.audience import audience_of
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.exchanged_tokens import Shown, demand_standing, shown_in
from counterfoil.server.protocol.identifiers import new_token_handle
from counterfoil.server.protocol.issuance import Issuance, Lineage, TokenRequest
from counterfoil.server.protocol.ticket_requests import as_ticket, ticket_in
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.store import Transaction

_OF_ITS_OWN: Final = (
    "A token that is limited is narrowed by the client that it was issued to: what is counted of "
    "it is counted at its own API, and nobody acts with it."
)


class _Permitted(Struct, frozen=True):
    """At which API the new token may have which scopes, and what it says of who acts."""

    target: str
    scopes: frozenset[str]
    act: object
    is_delegated: bool


class _Behind(Struct, frozen=True):
    """The tokens that stand behind the new one, and when the first of them expires (seconds)."""

    parents: tuple[Parent, ...]
    ends: int


async def exchange(authority: Authority, tx: Transaction, request: TokenRequest) -> Issuance:
    """Decide a token for the one in ``subject_token``. It never outlives it, and ends with it.

    Raises:
        OAuthError: ``invalid_request`` for tokens that are refused, ``invalid_target``,
            ``invalid_scope`` (§2.2.2).
    """
    ticket = ticket_in(request.parameters)
    lifetime = lifetime_in(request.parameters)
    subject = await shown_in(authority, tx, request, "subject_token")
    permitted = _permitted(request, subject)
    behind = await _behind(authority, tx, request, subject, permitted)
    audience = await audience_of(tx, permitted.target, request.client, authority.settings)
    audience = audience.at_most(behind.ends - tx.now).at_most(lifetime)
    scopes = _scopes(request.parameters, permitted.scopes & audience.scopes)
    token = subject.token
    issuance = Issuance(
        client=request.client,
        subject=token.sub,
        access=Access({permitted.target: scopes}),
        audience=audience,
        issued_at=tx.now,
        handle=new_token_handle(tx, token.fam),
        family_id=token.fam,
        binding=request.proved,
        lineage=Lineage(behind.parents, permitted.act, token.auth_time, token.acr, subject.counted),
        max_uses=token.max_uses,
        limits=subject.limits,
        may_act="" if permitted.is_delegated else actor_in(token.may_act),
    )
    if permitted.is_delegated:
        await _record(tx, request, subject, issuance)
    return issuance if ticket is None else as_ticket(issuance, ticket)


def lifetime_in(parameters: Parameters) -> int | None:
    """Read ``lifetime``: the most seconds that the new token is to live. It is ours alone.

    Raises:
        OAuthError: ``invalid_request``.
    """
    given = parameters.get("lifetime")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and 0 < len(given) < 10 and int(given)):
        raise invalid_request("The parameter lifetime is a number of seconds.")
    return int(given)


def _permitted(request: TokenRequest, subject: Shown) -> _Permitted:
    """Say what this client may have for this token, before it is told anything of the token."""
    token, client = subject.token, request.client
    source = str(token.aud)
    target = _target_in(request.parameters) or source
    if token.client_id == client.client_id:
        if target != source:
            raise invalid_target("A client narrows its token for the API that the token is for.")
        return _Permitted(target, token.scopes, token.act, is_delegated=False)
    right = client.right_to_exchange(source, target)
    if right is None:
        if any(right.source == source for right in client.exchange_rights):
            raise invalid_target("This client has no right to tokens for that API.")
        sentence = "This client may not exchange the subject_token."
        raise OAuthError("invalid_request", sentence, reason=Reason.NOT_PERMITTED)
    if subject.is_limited:
        raise OAuthError("invalid_request", _OF_ITS_OWN, reason=Reason.WRONG_TYPE)
    _demand_actor(token.may_act, client.client_id)
    scopes = right.scopes & token.scopes if target == source else right.scopes
    return _Permitted(target, scopes, acting(client.client_id, token.act), is_delegated=True)


def _target_in(parameters: Parameters) -> str | None:
    """Give the API that ``resource`` or ``audience`` names: by its identifier, both (§2.1)."""
    named = {*parameters.every("resource"), parameters.get("audience")} - {None}
    if len(named) > 1:
        raise invalid_target("An access token is for one API: name one.")
    return next(iter(named), None)


def _demand_actor(may_act: object, client_id: str) -> None:
    """Obey ``may_act``: only whom it names may act. It gives no right by itself (§4.4)."""
    if actor_in(may_act) not in ("", client_id):
        sentence = "Only the actor that the subject_token names may act with it."
        raise OAuthError("invalid_request", sentence, reason=Reason.NOT_PERMITTED)


async def _behind(
    authority: Authority,
    tx: Transaction,
    request: TokenRequest,
    subject: Shown,
    permitted: _Permitted,
) -> _Behind:
    """Demand that all stands which the new token rests on: the subject's token, the actor's."""
    parents = subject.parents
    ends = demand_standing(authority, tx, request, subject)
    actor = await _actor(authority, tx, request, permitted)
    if actor is not None:
        parents = (*parents, *actor.parents)
        ends = min(ends, demand_standing(authority, tx, request, actor))
    if len(parents) > MOST_PARENTS:
        raise invalid_request(f"A token comes of {MOST_PARENTS} others at most.")
    return _Behind(parents, ends)


async def _actor(
    authority: Authority, tx: Transaction, request: TokenRequest, permitted: _Permitted
) -> Shown | None:
    """Read the ``actor_token``: the client's own, so it says no more than who asks (§2.1)."""
    parameters, client_id = request.parameters, request.client.client_id
    if parameters.get("actor_token") is None:
        if parameters.get("actor_token_type") is not None:
            raise invalid_request("The actor_token_type goes with an actor_token.")
        return None
    if not permitted.is_delegated:
        raise invalid_request("Nobody acts for another here: leave the actor_token out.")
    shown = await shown_in(authority, tx, request, "actor_token")
    token = shown.token
    own = token.client_id, token.sub, token.fam, token.act
    if own != (client_id, client_id, "", None) or shown.is_limited:
        sentence = "The actor_token is one that the client got for itself."
        raise OAuthError("invalid_request", sentence, reason=Reason.NOT_PERMITTED)
    return shown


def _scopes(parameters: Parameters, most: frozenset[str]) -> frozenset[str]:
    wanted = scopes_in(parameters.get("scope"))
    beyond = wanted - most
    if beyond:
        raise invalid_scope(f"The scope {min(beyond)} cannot be had for this subject_token.")
    if not most:
        raise invalid_scope("Nothing is left that could be had for this subject_token.")
    return wanted or most


async def _record(
    tx: Transaction, request: TokenRequest, subject: Shown, issuance: Issuance
) -> None:
    token = subject.token
    detail = {
        "client_id": token.client_id,
        "parent": token.jti,
        "from": str(token.aud),
        "to": issuance.audience.uri,
        "scope": issuance.access.scope,
    }
    if token.fam:
        detail["user_id"] = token.sub
    await events.record(
        tx, EventKind.TOKEN_DELEGATED, events.by_client(request), issuance.handle, detail
    )
