"""What a description of a token comes to: the rules of every other token, and no more (S56)."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from counterfoil.oauth.access import Access, scopes_in
from counterfoil.oauth.binding import KEY, UNBOUND, Binding
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.token_description import Description, Mistake, mistake
from counterfoil.oauth.url_binding import bound_to, hashed
from counterfoil.server.protocol.audience import Audience, audience_of, catalogue
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_token_handle
from counterfoil.server.protocol.issuance import Issuance
from counterfoil.server.protocol.own_api import SCOPES as OWN_SCOPES
from counterfoil.server.protocol.url_narrowing import Narrowing
from counterfoil.server.records.client import Client
from counterfoil.server.records.store import Transaction

Decided = Issuance | tuple[Mistake, ...]


class Ground(Struct, frozen=True):
    """What all descriptions of one call stand on: looked up once, however many they are.

    ``scopes`` says at which APIs the client may have what. ``accesses`` fills as it is asked.
    """

    client: Client
    scopes: Mapping[str, frozenset[str]]
    audiences: Mapping[str, Audience]
    accesses: dict[tuple[str, str], Access | str]


async def ground_of(
    authority: Authority, tx: Transaction, client: Client, uris: Iterable[str]
) -> Ground:
    """Look up what the client may have, and the APIs that are named. Unknown ones are left out."""
    scopes = await catalogue(tx, client)
    audiences = {
        uri: await audience_of(tx, uri, client, authority.settings)
        for uri in uris
        if uri in scopes and scopes[uri].isdisjoint(OWN_SCOPES)
    }
    return Ground(client, scopes, audiences, {})


def decide(ground: Ground, tx: Transaction, described: Description, path: str) -> Decided:
    """Decide one token for the client itself, or name all that stands against it."""
    audience = ground.audiences.get(described.audience)
    if audience is None:
        sentence = "This names no API at which this client may mint."
        return (mistake(f"{path}.audience", sentence, "invalid_target"),)
    access = _access(ground, described)
    mistakes = list(_mistakes(ground, audience, described, path))
    if isinstance(access, str):
        mistakes.append(mistake(f"{path}.scope", access, "invalid_scope"))
        return tuple(mistakes)
    if mistakes:
        return tuple(mistakes)
    issuance = Issuance(
        client=ground.client,
        subject=ground.client.client_id,
        access=access,
        audience=audience.at_most(described.lifetime),
        issued_at=tx.now,
        handle=new_token_handle(tx),
        binding=Binding(KEY, described.dpop_jkt) if described.dpop_jkt else UNBOUND,
    )
    return _narrowed(issuance, described, path)


def _access(ground: Ground, described: Description) -> Access | str:
    """Give the access of a description, or the sentence that says why there is none."""
    asked = described.audience, described.scope
    known = ground.accesses.get(asked)
    if known is None:
        known = ground.accesses[asked] = _access_asked(ground, *asked)
    return known


def _access_asked(ground: Ground, uri: str, scope: str) -> Access | str:
    try:
        wanted = scopes_in(scope)
    except OAuthError as error:
        return error.description
    if not wanted:
        return "Name at least one scope."
    beyond = wanted - (ground.scopes[uri] & ground.client.scopes)
    if beyond:
        return f"This client may not have the scope {min(beyond)} there."
    return Access({uri: wanted})


def _mistakes(
    ground: Ground, audience: Audience, described: Description, path: str
) -> Iterable[Mistake]:
    if described.lifetime is not None and described.lifetime > audience.lifetime:
        sentence = f"Tokens of this client live there for at most {audience.lifetime} seconds."
        yield mistake(f"{path}.lifetime", sentence)
    if ground.client.policy.dpop_bound_access_tokens and described.dpop_jkt is None:
        sentence = "The tokens of this client are bound to a key: name its thumbprint."
        yield mistake(f"{path}.dpop_jkt", sentence)
    if described.url is None and (described.url_methods or described.url_hashed):
        yield mistake(f"{path}.url", "This is missing: the token would not be bound.")


def _narrowed(issuance: Issuance, described: Description, path: str) -> Decided:
    if described.url is None:
        return issuance
    try:
        bound = bound_to(described.url, described.url_methods or ("GET",))
        narrowing = Narrowing(bound, described.url_hashed)
        if described.url_hashed:
            hashed(bound, "")
    except ValueError as error:
        return (mistake(f"{path}.url", str(error)),)
    return narrowing.narrow(issuance, "")
