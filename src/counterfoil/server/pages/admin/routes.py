"""The map of the admin pages. Each row is guarded by what wraps it: no page can forget to ask."""

from typing import Final

from counterfoil.server.pages.admin import (
    api_thing,
    ending,
    explaining,
    letting_in,
    lists,
    mint_right_giving,
    overview,
    providers,
    things,
)
from counterfoil.server.pages.admin.visit import for_administrators, page
from counterfoil.server.web.admission import Use
from counterfoil.server.web.server import Caller, Route

_GET: Final = ("GET", "HEAD")
_POST: Final = ("POST",)
_MINT_RIGHT: Final = "/admin/clients/{client_id}/mint-right"
_PAGES: Final = (
    ("/admin/", overview.overview),
    ("/admin/clients", lists.of_clients),
    ("/admin/clients/{client_id}", things.client),
    ("/admin/apis", lists.of_apis),
    ("/admin/apis/named", api_thing.api),
    ("/admin/users", lists.of_users),
    ("/admin/users/{user_id}", things.user),
    ("/admin/providers", providers.listed),
    ("/admin/providers/{provider_id}", providers.one),
    ("/admin/grants", lists.of_grants),
    ("/admin/grants/{grant_id}", things.grant),
    ("/admin/sessions", lists.of_sessions),
    ("/admin/sessions/{session_id}", things.session),
    ("/admin/keys", lists.of_keys),
    ("/admin/keys/{kid}", things.key),
    ("/admin/events", lists.of_events),
    ("/admin/end", ending.ask),
    ("/admin/users/{user_id}/link", letting_in.ask),
    ("/admin/invite", letting_in.ask_whom),
)

ADMIN_ROUTES: Final = tuple(
    Route(path, methods, handler, Caller.PERSON, Use.ADMINISTRATION)
    for path, methods, handler in (
        *((path, _GET, page(view)) for path, view in _PAGES),
        ("/admin", _GET, for_administrators(overview.onward)),
        ("/admin/explain", _GET, for_administrators(explaining.ask)),
        ("/admin/explain", _POST, for_administrators(explaining.answer)),
        ("/admin/users/{user_id}/link", _POST, for_administrators(letting_in.answer)),
        ("/admin/invite", _POST, for_administrators(letting_in.invite)),
        (_MINT_RIGHT, _GET, for_administrators(mint_right_giving.ask)),
        (_MINT_RIGHT, _POST, for_administrators(mint_right_giving.answer)),
        ("/admin/end", _POST, for_administrators(ending.answer)),
    )
)
