"""Every route for apps, guards and other machines, and where an authorization begins."""

from typing import Final

from counterfoil.oauth.metadata import OAUTH_PATH, OPENID_PATH
from counterfoil.server.endpoints import (
    allowances,
    authorize,
    leaks,
    metadata,
    mint,
    notices,
    oauth,
    openid,
    provider_logout,
    registry,
    reports,
    status_lists,
)
from counterfoil.server.web.admission import Use
from counterfoil.server.web.server import Caller, Route

_GET: Final = ("GET", "HEAD")
_POST: Final = ("POST",)
_BOTH: Final = ("GET", "HEAD", "POST")

ENDPOINT_ROUTES: Final = (
    Route("/token", _POST, oauth.token, Caller.SCRIPT, Use.TOKEN),
    Route("/mint", _POST, mint.mint, Caller.MACHINE, Use.TOKEN),
    Route("/device_authorization", _POST, oauth.device_authorization, Caller.SCRIPT, Use.DEVICE),
    Route("/introspect", _POST, oauth.introspect, Caller.MACHINE, Use.INTROSPECTION),
    Route("/revoke", _POST, oauth.revoke, Caller.SCRIPT, Use.REVOCATION),
    Route("/global-token-revocation", _POST, oauth.end_user, Caller.MACHINE, Use.REVOCATION),
    Route(provider_logout.PATH, _POST, provider_logout.take, Caller.MACHINE, Use.REVOCATION),
    Route("/userinfo", _BOTH, openid.userinfo, Caller.SCRIPT, Use.INTROSPECTION),
    Route("/jwks.json", _GET, metadata.jwks, Caller.SCRIPT),
    Route(leaks.REPORTS_PATH, _POST, leaks.take, Caller.MACHINE, Use.LEAK),
    Route(leaks.PATTERNS_PATH, _GET, leaks.patterns, Caller.SCRIPT),
    Route("/notices", _GET, notices.stream, Caller.SCRIPT, Use.GUARD),
    Route("/notices/snapshot", _GET, notices.snapshot, Caller.SCRIPT, Use.GUARD),
    Route("/notices/acknowledgements", _POST, notices.acknowledge, Caller.MACHINE, Use.GUARD),
    Route("/notices/jwks.json", _GET, metadata.notices_jwks, Caller.SCRIPT),
    Route("/registry", _GET, registry.stream, Caller.MACHINE),
    Route("/allowances", _POST, allowances.spend, Caller.MACHINE),
    Route("/reports", _POST, reports.take, Caller.MACHINE),
    Route("/status-lists", _GET, status_lists.aggregation, Caller.SCRIPT),
    Route("/status-lists/{list_id}", _GET, status_lists.status_list, Caller.SCRIPT),
    Route(OAUTH_PATH, _GET, metadata.discovery, Caller.SCRIPT),
    Route(OPENID_PATH, _GET, metadata.discovery, Caller.SCRIPT),
    Route("/health/live", _GET, metadata.live, Caller.MACHINE, Use.HEALTH),
    Route("/health/ready", _GET, metadata.ready, Caller.MACHINE, Use.HEALTH),
    Route("/authorize", _BOTH, authorize.start, Caller.PERSON, Use.PAGE),
    Route("/authorize/continue", _GET, authorize.proceed, Caller.PERSON, Use.PAGE),
)
