"""My account, providers: accounts elsewhere that sign in here; linked and unlinked (S112)."""

from typing import Final
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.identity import linking, upstream_tokens
from counterfoil.server.identity.linking import Unlinking
from counterfoil.server.identity.provider_sign_in import Coming
from counterfoil.server.identity.ways_in import has_another_way_in
from counterfoil.server.keys.sealed_text import opened_text, sealed_text
from counterfoil.server.keys.sealing import NotSealed
from counterfoil.server.pages.account_views import SecurityRow
from counterfoil.server.pages.fresh_visit import fresh_form
from counterfoil.server.pages.onward import PROVIDERS, Onward, sign_in_first
from counterfoil.server.pages.provider_views import (
    LinkedPage,
    LinkedRow,
    LinkPage,
    ProviderButton,
)
from counterfoil.server.pages.wording import moment_of
from counterfoil.server.records.linked_identity import LinkedIdentity
from counterfoil.server.records.provider import Provider
from counterfoil.server.records.sentence import say
from counterfoil.server.records.session import Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.upstream.arrival import Arrival
from counterfoil.server.web.browser import Person, go, person_of, show
from counterfoil.server.web.csrf import csrf_token
from counterfoil.server.web.reading import origin_of
from counterfoil.server.web.server import Server

_OFFER_LIFETIME: Final = 10 * 60
_OVER: Final = say("That took too long, or was begun elsewhere. Begin again.")


class _Offer(Struct, frozen=True):
    """What is to be linked, for the session that asked for it; at a time in seconds."""

    provider_id: str
    arrival: Arrival
    session_id: str
    at: int


async def section(tx: Transaction, user: User) -> SecurityRow | None:
    """Say which accounts elsewhere sign in here, where there are providers."""
    own = await tx.identities.of_user(user.id)
    named = {each.id: each.name for each in await tx.providers.every()}
    if not own and not named:
        return None
    names = ", ".join(dict.fromkeys(named.get(each.provider_id, "") for each in own))
    some = say("You can sign in with {names}.", names=names)
    return SecurityRow(
        title=say("Accounts elsewhere"),
        state=some if own else say("No account elsewhere signs in here."),
        path="providers",
        verb=say("See your accounts elsewhere"),
    )


async def listed(server: Server, request: Request) -> Response:
    """``GET /account/providers``."""
    person = await person_of(server, request)
    if person is None:
        return sign_in_first(server, Onward(next=PROVIDERS))
    return await _list(server, person)


async def _list(server: Server, person: Person, error: str | None = None) -> Response:
    async def work(tx: Transaction) -> tuple[list[Provider], list[LinkedRow]]:
        providers = await tx.providers.every()
        own = await tx.identities.of_user(person.user.id)
        return providers, [await _row(tx, person.user, providers, each) for each in own]

    providers, rows = await server.authority.store.read(work)
    ways = [
        ProviderButton(
            name=each.name, href=f"{server.prefix}/account/providers/link/{quote(each.id)}"
        )
        for each in providers
        if each.is_enabled
    ]
    page = LinkedPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/account/providers/unlink",
        linked=tuple(rows),
        available=tuple(ways),
        error=error,
    )
    return show(server, page, status=400 if error else 200)


async def _row(
    tx: Transaction, user: User, providers: list[Provider], identity: LinkedIdentity
) -> LinkedRow:
    provider = next((each for each in providers if each.id == identity.provider_id), None)
    return LinkedRow(
        identity_id=identity.id,
        provider=provider.name if provider is not None else identity.provider_id,
        label=identity.label,
        since=moment_of(identity.linked_at),
        last_used=moment_of(identity.last_used_at),
        last_way=not await has_another_way_in(tx, user, without=identity.id),
        disabled=provider is None or not provider.is_enabled,
    )


def ask_to_link(server: Server, person: Person, coming: Coming) -> Response:
    """Show which account at the provider is about to be linked: it may not be theirs.

    Whoever can bring a browser to our address could else link an account of their own to another's.
    """
    tokens = coming.arrival.tokens
    if not coming.provider.policy.keeps_tokens or tokens is None:
        kept = None
    else:
        kept = replace(tokens, id_token=None, identity=None)
    offer = _Offer(
        coming.provider.id,
        replace(coming.arrival, tokens=kept),
        person.session.id,
        int(server.clock()),
    )
    page = LinkPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/account/providers/link",
        offer=sealed_text(server.authority.pending, offer, _context(person.session)),
        provider=coming.provider.name,
        label=coming.arrival.label,
    )
    return show(server, page)


def _context(session: Session) -> str:
    return f"offer to link an identity in the session {session.id}"


async def link(server: Server, request: Request) -> Response:
    """``POST /account/providers/link``."""
    sent = await fresh_form(server, request, Onward(next=PROVIDERS))
    if isinstance(sent, Response):
        return sent
    person, authority = sent.person, server.authority
    try:
        text = sent.form.get("offer") or ""
        offer = opened_text(authority.pending, text, _context(person.session), _Offer)
    except NotSealed:
        return await _list(server, person, _OVER)
    provider = await authority.store.read(lambda tx: tx.providers.find(offer.provider_id))
    if provider is None or server.clock() >= offer.at + _OFFER_LIFETIME:
        return await _list(server, person, _OVER)
    origin = origin_of(request, authority.settings.trusted_proxies)
    coming = Coming(provider=provider, arrival=offer.arrival, origin=origin)
    try:
        await linking.link_own(authority, person.session, coming)
    except OAuthError as error:
        return await _list(server, person, say(error.sentence))
    return go(f"{server.prefix}/account/providers")


async def unlink(server: Server, request: Request) -> Response:
    """``POST /account/providers/unlink``: what the provider gave us is given back to it (S78)."""
    sent = await fresh_form(server, request, Onward(next=PROVIDERS))
    if isinstance(sent, Response):
        return sent
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    unlinking = Unlinking(sent.person.session, sent.form.get("identity") or "", origin)
    try:
        identity = await linking.unlink(server.authority, unlinking)
    except OAuthError as error:
        return await _list(server, sent.person, say(error.sentence))
    await server.authority.hub.catch_up()
    await upstream_tokens.give_back(server.authority, server.line, [identity])
    return go(f"{server.prefix}/account/providers")
