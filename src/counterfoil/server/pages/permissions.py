"""What a person is asked for an app: permissions, for how long; and what they chose (S10, S14)."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.pages.views import Permission, SpanChoice
from counterfoil.server.pages.wording import OPENID_PERMISSIONS, SPANS
from counterfoil.server.protocol import authorization_request
from counterfoil.server.protocol.approval import Span
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import Person


class Asked(Struct, frozen=True):
    """What a page shows: whose app, which APIs, what was granted before."""

    client: Client
    apis: Mapping[str, Api]
    grant: Grant | None


async def what_is_asked(client_id: str, person: Person, tx: Transaction) -> Asked:
    """Look up what a page shows to this person.

    Raises:
        OAuthError: there is no such client, or none that is enabled.
    """
    client = await authorization_request.known_client(tx, client_id)
    apis = {api.uri: api for api in await tx.apis.every()}
    grant = await tx.grants.between(person.user.id, client.client_id)
    return Asked(client, apis, grant if grant is not None and grant.is_live(tx.now) else None)


def span_in(form: Parameters) -> Span | None:
    """Read for how long; ``None``: the form does not say.

    Raises:
        OAuthError: ``invalid_request``.
    """
    given = form.get("span")
    try:
        return None if given is None else Span(given)
    except ValueError:
        raise invalid_request("The parameter span is none that the page offers.") from None


def value_of(uri: str, scope: str) -> str:
    """Name one permission in the form; a space stands in neither part."""
    return f"{uri} {scope}" if uri else scope


def allowed_by(asked: Access, chosen: frozenset[str]) -> Access:
    """Give what was asked and chosen; ``openid`` goes with whatever is chosen."""
    apis = {
        uri: frozenset(scope for scope in scopes if value_of(uri, scope) in chosen)
        for uri, scopes in asked.apis.items()
    }
    openid = frozenset(s for s in asked.openid if s in chosen or s == "openid")
    kept = {uri: scopes for uri, scopes in apis.items() if scopes}
    return replace(asked, apis=kept, openid=openid)


def spans_of(grant: Grant | None) -> tuple[SpanChoice, ...]:
    """Offer what may be chosen; an end date that was given before stays unless one is chosen."""
    offered = tuple(SpanChoice(value=value, title=title) for value, title in SPANS.items())
    if grant is None or grant.ends_at is None:
        return offered
    return (SpanChoice(value=Span.AS_BEFORE, title=say("As before"), chosen=True), *offered)


def permissions_of(access: Access, asked: Asked) -> tuple[Permission, ...]:
    """Give what an app asks for, in words; the server's own permissions come first."""
    granted = asked.grant.access if asked.grant else Access()
    own = [
        Permission(
            value=scope,
            title=title,
            detail=detail,
            required=scope == "openid",
            already_granted=scope in granted.openid,
        )
        for scope, (title, detail) in OPENID_PERMISSIONS.items()
        if scope in access.openid
    ]
    return (*own, *_api_permissions(access, asked, granted))


def _api_permissions(access: Access, asked: Asked, granted: Access) -> list[Permission]:
    return [
        Permission(
            value=value_of(uri, scope),
            title=api.scopes.get(scope) or scope,
            detail=scope if api.scopes.get(scope) else "",
            api_name=api.name,
            already_granted=scope in granted.apis.get(uri, frozenset()),
        )
        for uri, scopes in access.apis.items()
        if (api := asked.apis.get(uri)) is not None
        for scope in sorted(scopes)
    ]
