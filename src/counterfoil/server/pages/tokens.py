"""My account, tokens: those that are made by hand, and making one after a fresh sign-in (S11)."""

from functools import partial
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.pages.onward import TOKENS, Onward, sign_in_first
from counterfoil.server.pages.token_views import (
    MadeTokenPage,
    NewTokenPage,
    OpenApi,
    TokenPermission,
    TokenRow,
    TokensPage,
)
from counterfoil.server.pages.views import SpanChoice
from counterfoil.server.pages.wording import ago, day_of, moment_of
from counterfoil.server.protocol import events, personal_tokens
from counterfoil.server.protocol.explaining.history import in_words
from counterfoil.server.protocol.personal_tokens import Made, Maker, SignInTooOld, Wish
from counterfoil.server.records.api import Api
from counterfoil.server.records.personal_token import PersonalToken
from counterfoil.server.records.sentence import say, say_many
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings
from counterfoil.server.web.browser import Person, go, person_in, person_of, session_named, show
from counterfoil.server.web.csrf import csrf_token, demand_own_form
from counterfoil.server.web.fresh import signed_in_just_now
from counterfoil.server.web.reading import form_of, origin_of, query_of
from counterfoil.server.web.server import Server

_DAY: Final = 24 * 60 * 60
_DAYS: Final = (1, 7, 30, 90, 365)
SPANS_OF_TIME: Final = (
    (_DAY, ("{count} day", "{count} days")),
    (3600, ("{count} hour", "{count} hours")),
    (60, ("{count} minute", "{count} minutes")),
    (1, ("{count} second", "{count} seconds")),
)
_LONGEST_NUMBER: Final = 12
_REPEATABLE: Final = frozenset({"permission"})
_MOST_FIELDS: Final = 512


class _Shown(Struct, frozen=True):
    """What the page of tokens shows."""

    tokens: list[PersonalToken]
    apis: dict[str, Api]
    open_apis: list[Api]


async def tokens(server: Server, request: Request) -> Response:
    """``GET /account/tokens``."""
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    now = int(server.clock())
    found = await server.authority.store.read(partial(_shown, person.user.id))
    page = TokensPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        tokens=tuple(row_of(token, found.apis, now) for token in found.tokens),
        apis=tuple(OpenApi(uri=api.uri, name=api.name) for api in found.open_apis),
    )
    return show(server, page)


async def ask(server: Server, request: Request) -> Response:
    """``GET /account/tokens/new?api=…``."""
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    uri = query_of(request).get("api") or ""
    if not await signed_in_just_now(server, person):
        return _sign_in_first(server, uri)
    return await _form(server, person, Wish(name="", audience=uri, scopes=()))


async def answer(server: Server, request: Request) -> Response:
    """``POST /account/tokens/new``: makes it, and shows it this once."""
    form = await form_of(request, _REPEATABLE, _MOST_FIELDS)
    person = await person_of(server, request)
    if person is None:
        return go(f"{server.prefix}/sign-in")
    demand_own_form(server.authority.keys.csrf, person.session.id, form, request)
    if not await signed_in_just_now(server, person):
        return _sign_in_first(server, form.get("api") or "")
    origin = origin_of(request, server.authority.settings.trusted_proxies)
    by = events.by_session(person.session, origin)
    wish = _wish_in(form)
    maker = Maker(person.user.id, person.session.auth_time, person.session.amr)

    session = session_named(server, request)

    async def work(tx: Transaction) -> tuple[Made, Api | None]:
        # Whatever signed this browser out in the meantime ended the tokens that there were.
        if await person_in(server, session, tx) is None:
            raise SignInTooOld
        made = await personal_tokens.make(server.authority.settings, tx, maker, wish, by)
        return made, await tx.apis.find(made.token.audience)

    try:
        made, api = await server.authority.store.transact(work)
    except SignInTooOld:
        return _sign_in_first(server, wish.audience)
    except OAuthError as error:
        return await _form(server, person, wish, say(error.sentence))
    return _made(server, person, made, api.name if api else made.token.audience)


def row_of(token: PersonalToken, apis: dict[str, Api], now: int) -> TokenRow:
    """Say of a token what people want to know."""
    api = apis.get(token.audience)
    described = api.scopes if api else {}
    used = token.last_used_at
    if used is None:
        last_used: str = say("Never used")
    elif token.last_used_from:
        place = token.last_used_from
        last_used = say("Last used {when} from {place}", when=ago(used, now), place=place)
    else:
        last_used = say("Last used {when}", when=ago(used, now))
    return TokenRow(
        token_id=token.id,
        name=token.name,
        api_name=api.name if api else token.audience,
        permissions=tuple(described.get(each) or each for each in token.scopes),
        networks=token.networks,
        made=day_of(token.created_at),
        until=day_of(token.expires_at),
        last_used=last_used,
        over=_over(token, now),
        found_at=token.found_at,
    )


def _over(token: PersonalToken, now: int) -> str:
    if token.ended_at is not None:
        why = say(in_words(token.ended_why))
        return say("Ended on {moment}: {why}", moment=moment_of(token.ended_at), why=why)
    if now < token.expires_at:
        return ""
    return say("Expired on {moment}", moment=moment_of(token.expires_at))


async def _shown(user_id: str, tx: Transaction) -> _Shown:
    apis = {api.uri: api for api in await tx.apis.every()}
    own = await tx.personal_tokens.of_user(user_id)
    in_order = sorted(own, key=lambda token: not token.is_live(tx.now))
    return _Shown(in_order, apis, await personal_tokens.open_apis(tx))


def _sign_in_first(server: Server, uri: str) -> Response:
    return sign_in_first(server, Onward(next=TOKENS, carried=uri))


def _wish_in(form: Parameters) -> Wish:
    return Wish(
        name=form.get("name") or "",
        audience=form.get("api") or "",
        scopes=form.every("permission"),
        lifetime=_seconds_in(form.get("lifetime") or ""),
        networks=(form.get("networks") or "").replace(",", " ").split(),
    )


def _seconds_in(text: str) -> int:
    """Read a lifetime; 0, which none has, where it is no number."""
    is_one = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_one else 0


async def _form(server: Server, person: Person, wish: Wish, error: str | None = None) -> Response:
    async def find(tx: Transaction) -> Api | None:
        found = (api for api in await personal_tokens.open_apis(tx) if api.uri == wish.audience)
        return next(found, None)

    api = await server.authority.store.read(find)
    if api is None:
        return go(f"{server.prefix}/account/tokens")
    page = NewTokenPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        action=f"{server.prefix}/account/tokens/new",
        api=OpenApi(uri=api.uri, name=api.name),
        permissions=tuple(_permission(api, scope, wish) for scope in sorted(api.scopes)),
        lifetimes=_lifetimes(server.authority.settings, api, wish.lifetime),
        name=wish.name,
        networks=" ".join(wish.networks),
        error=error,
    )
    return show(server, page, status=400 if error else 200)


def _permission(api: Api, scope: str, wish: Wish) -> TokenPermission:
    title = api.scopes[scope] or scope
    return TokenPermission(value=scope, title=title, chosen=scope in wish.scopes)


def _lifetimes(settings: Settings, api: Api, chosen: int | None) -> tuple[SpanChoice, ...]:
    most = personal_tokens.longest_lifetime(settings, api)
    usual = min(most, settings.personal_token_lifetime)
    offered = sorted({usual, most, *(days * _DAY for days in _DAYS if days * _DAY < most)})
    chosen = chosen if chosen in offered else usual
    return tuple(
        SpanChoice(value=str(each), title=_span(each), chosen=each == chosen) for each in offered
    )


def _span(seconds: int) -> str:
    size, (one, many) = next(step for step in SPANS_OF_TIME if seconds % step[0] == 0)
    return say_many(one, many, seconds // size)


def _made(server: Server, person: Person, made: Made, api_name: str) -> Response:
    page = MadeTokenPage(
        prefix=server.prefix,
        user_email=person.user.email,
        csrf=csrf_token(server.authority.keys.csrf, person.session.id),
        secret=made.secret.reveal(),
        name=made.token.name,
        api_name=api_name,
        until=moment_of(made.token.expires_at),
    )
    return show(server, page)
