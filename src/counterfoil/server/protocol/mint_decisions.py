"""What a description of a token comes to: the rules of every other token, and no more (S56).

Mistakes are named as if the description stood alone.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from counterfoil.oauth.access import Access, scopes_in
from counterfoil.oauth.binding import KEY, UNBOUND, Binding
from counterfoil.oauth.delegation import acting
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.limits import narrowest
from counterfoil.oauth.token_description import (
    ROOT,
    Description,
    Mistake,
    description_in,
    mistake,
)
from counterfoil.oauth.url_binding import bound_to, hashed
from counterfoil.server.protocol.audience import Audience, audience_of, catalogue
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_token_handle
from counterfoil.server.protocol.issuance import Issuance, Lineage
from counterfoil.server.protocol.limit_narrowing import DETAILS, mistake_in
from counterfoil.server.protocol.mint_for_others import Leave, Others, others_named
from counterfoil.server.protocol.minting import exposure_of
from counterfoil.server.protocol.own_api import SCOPES as OWN_SCOPES
from counterfoil.server.protocol.url_narrowing import Narrowing
from counterfoil.server.records.client import Client
from counterfoil.server.records.store import Transaction

Decided = Issuance | tuple[Mistake, ...]
_LONG_URL: Final = 256
_NO_API: Final = "This names no API at which this client may mint."
_NO_LEAVE: Final = (
    "No right of this client to mint names this person with this API and scope, or nobody is meant."
)


class Read(Struct, frozen=True):
    """A description, and to which request its token is to be bound."""

    description: Description
    narrowing: Narrowing | Mistake | None

    @property
    def is_of_each(self) -> bool:
        """Whether it must be decided for each token by itself: its name counts, or for whom it is.

        Any other token of the same description differs in its name alone.
        """
        return self.description.subject is not None or self.description.url_hashed

    @property
    def was_long(self) -> bool:
        """Whether its URL is so long that to read it took as long as to sign."""
        return len(self.description.url or "") > _LONG_URL


def read(value: object) -> Read | tuple[Mistake, ...]:
    """Read one description, as far as nothing has to be looked up; or name what is wrong."""
    described = description_in(value)
    if not isinstance(described, Description):
        return described
    return Read(described, _narrowing(described))


class Ground(Struct, frozen=True):
    """What all descriptions of one call stand on: looked up once, however many they are.

    ``scopes`` says at which APIs the client may have what. ``audiences`` holds a sentence in place
    of an API for which no token can be made. ``accesses`` fills as it is asked. ``acts`` is what a
    token for somebody else says of the client (RFC 8693 §4.1).
    """

    authority: Authority
    client: Client
    scopes: Mapping[str, frozenset[str]]
    audiences: Mapping[str, Audience | str]
    accesses: dict[tuple[str, str], Access | str]
    others: Others
    acts: Lineage


async def ground_of(
    authority: Authority, tx: Transaction, client: Client, described: Iterable[Description]
) -> Ground:
    """Look up what the client may have, and all that is named. What is unknown is left out."""
    described = list(described)
    scopes = await catalogue(tx, client)
    audiences = {
        uri: await _audience(authority, tx, client, uri)
        for uri in {each.audience for each in described}
        if uri in scopes and scopes[uri].isdisjoint(OWN_SCOPES)
    }
    people = {each.subject for each in described if each.subject is not None}
    others = await others_named(tx, authority.issuer, client.client_id, people)
    acts = Lineage((), acting(client.client_id, None))
    return Ground(authority, client, scopes, audiences, {}, others, acts)


async def _audience(
    authority: Authority, tx: Transaction, client: Client, uri: str
) -> Audience | str:
    try:
        return await audience_of(tx, uri, client, authority.settings)
    except OAuthError as error:
        return error.description


def decide(ground: Ground, tx: Transaction, asked: Read) -> Decided:
    """Decide one token, or name all that stands against it. What is for others is noted there."""
    described, narrowing = asked.description, asked.narrowing
    audience = ground.audiences.get(described.audience, _NO_API)
    if isinstance(audience, str):
        return (mistake(f"{ROOT}.audience", audience, "invalid_target"),)
    access = _access(ground, described)
    leave = _leave(ground, audience, described, (access, tx.now))
    mistakes = [*_mistakes(ground, leave, described), *_too_many(audience, described)]
    mistakes += _too_much(ground, audience, described)
    if isinstance(access, str):
        mistakes.append(mistake(f"{ROOT}.scope", access, "invalid_scope"))
    if isinstance(narrowing, Mistake):
        mistakes.append(narrowing)
    if mistakes or leave is None or isinstance(access, str) or isinstance(narrowing, Mistake):
        return tuple(mistakes)
    family_id = ground.others.family_for(tx, leave)
    issuance = Issuance(
        client=ground.client,
        subject=leave.subject,
        access=access,
        audience=audience.at_most(leave.longest).at_most(described.lifetime),
        issued_at=tx.now,
        handle=new_token_handle(tx, family_id),
        family_id=family_id,
        binding=Binding(KEY, described.dpop_jkt) if described.dpop_jkt else UNBOUND,
        max_uses=described.max_uses,
        limits=described.authorization_details,
        lineage=ground.acts if leave.right is not None else None,
    )
    if narrowing is not None:
        issuance = narrowing.narrow(issuance, "")
    exposure = exposure_of(ground.authority, issuance)
    if exposure:
        return (mistake(ROOT, exposure, "invalid_target"),)
    ground.others.note(leave, issuance)
    return issuance


def _leave(
    ground: Ground, audience: Audience, described: Description, asked: tuple[Access | str, int]
) -> Leave | None:
    """Give by what leave the token is made: the client's own, or a right that names the person."""
    if described.subject is None:
        return Leave(ground.client.client_id, audience.lifetime)
    access, now = asked
    scopes = frozenset[str]() if isinstance(access, str) else access.scopes
    return ground.others.leave_for(described.subject, audience, scopes, now)


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


def _mistakes(ground: Ground, leave: Leave | None, described: Description) -> Iterable[Mistake]:
    if leave is None:
        yield mistake(f"{ROOT}.subject", _NO_LEAVE, "access_denied")
    elif described.lifetime is not None and described.lifetime > leave.longest:
        sentence = f"Such a token of this client lives for at most {leave.longest} seconds."
        yield mistake(f"{ROOT}.lifetime", sentence)
    if ground.client.policy.dpop_bound_access_tokens and described.dpop_jkt is None:
        sentence = "The tokens of this client are bound to a key: name its thumbprint."
        yield mistake(f"{ROOT}.dpop_jkt", sentence)


def _too_many(audience: Audience, described: Description) -> Iterable[Mistake]:
    most = audience.policy.max_uses
    if most is not None and described.max_uses is not None and described.max_uses > most:
        yield mistake(f"{ROOT}.max_uses", f"Tokens of this API work {most} times at most.")


def _too_much(ground: Ground, audience: Audience, described: Description) -> Iterable[Mistake]:
    asked, of_client = described.authorization_details, ground.client.policy.limits or None
    if asked is not None:
        says = mistake_in(asked, narrowest(of_client, audience.policy.limits or None))
        if says:
            yield mistake(f"{ROOT}.{DETAILS}", says, "invalid_authorization_details")


def _narrowing(described: Description) -> Narrowing | Mistake | None:
    if described.url is None:
        if described.url_methods or described.url_hashed:
            return mistake(f"{ROOT}.url", "This is missing: the token would not be bound.")
        return None
    try:
        bound = bound_to(described.url, described.url_methods or ("GET",))
        if described.url_hashed:
            hashed(bound, "")
    except ValueError as error:
        return mistake(f"{ROOT}.url", str(error))
    return Narrowing(bound, described.url_hashed)
