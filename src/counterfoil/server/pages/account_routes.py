"""My account: the routes of its pages, in one table."""

from typing import Final

from counterfoil.server.pages import (
    account,
    activity,
    delete_account,
    devices,
    email,
    ending,
    explain,
    linked,
    not_me,
    own_data,
    passkeys,
    password,
    profile,
    providers,
    security,
    sign_in,
    tokens,
)
from counterfoil.server.web.admission import Use
from counterfoil.server.web.server import Caller, Route

_GET: Final = ("GET", "HEAD")
_POST: Final = ("POST",)

ACCOUNT_ROUTES: Final = (
    Route("/account/apps", _GET, account.apps, Caller.PERSON, Use.PAGE),
    Route("/account/explain", _GET, explain.account_ask, Caller.PERSON, Use.PAGE),
    Route("/account/explain", _POST, explain.account_answer, Caller.PERSON, Use.PAGE),
    Route("/account/sign-out", _POST, sign_in.sign_out, Caller.PERSON, Use.LEAVING),
    Route("/account/tokens", _GET, tokens.tokens, Caller.PERSON, Use.PAGE),
    Route("/account/tokens/new", _GET, tokens.ask, Caller.PERSON, Use.PAGE),
    Route("/account/tokens/new", _POST, tokens.answer, Caller.PERSON, Use.PAGE),
    Route("/account/profile", _GET, profile.ask, Caller.PERSON, Use.PAGE),
    Route("/account/profile", _POST, profile.answer, Caller.PERSON, Use.PAGE),
    Route("/account/security", _GET, security.security, Caller.PERSON, Use.PAGE),
    Route("/account/devices", _GET, devices.devices, Caller.PERSON, Use.PAGE),
    Route("/account/devices/others", _GET, devices.ask_others, Caller.PERSON, Use.LEAVING),
    Route("/account/devices/others", _POST, devices.end_others, Caller.PERSON, Use.LEAVING),
    Route("/account/devices/forget/{name}", _GET, ending.ask, Caller.PERSON, Use.LEAVING),
    Route("/account/devices/forget/{name}", _POST, ending.answer, Caller.PERSON, Use.LEAVING),
    Route("/account/not-me", _GET, not_me.ask, Caller.PERSON, Use.LEAVING),
    Route("/account/not-me", _POST, not_me.answer, Caller.PERSON, Use.LEAVING),
    Route("/account/data", _GET, own_data.ask, Caller.PERSON, Use.PAGE),
    Route("/account/data", _POST, own_data.answer, Caller.PERSON, Use.PAGE),
    Route("/account/delete", _GET, delete_account.ask, Caller.PERSON, Use.PAGE),
    Route("/account/delete", _POST, delete_account.answer, Caller.PERSON, Use.PAGE),
    Route("/account/activity", _GET, activity.activity, Caller.PERSON, Use.PAGE),
    Route("/account/password", _GET, password.ask, Caller.PERSON, Use.PAGE),
    Route("/account/password", _POST, password.answer, Caller.PERSON, Use.PAGE),
    Route("/account/email", _GET, email.ask, Caller.PERSON, Use.PAGE),
    Route("/account/email", _POST, email.answer, Caller.PERSON, Use.PAGE),
    Route("/account/email/confirm", _GET, email.open_link, Caller.PERSON, Use.PAGE),
    Route("/account/email/confirm", _POST, email.confirm, Caller.PERSON, Use.PAGE),
    Route("/account/providers", _GET, linked.listed, Caller.PERSON, Use.PAGE),
    Route("/account/providers/link", _POST, linked.link, Caller.PERSON, Use.PAGE),
    Route("/account/providers/unlink", _POST, linked.unlink, Caller.PERSON, Use.PAGE),
    Route(
        "/account/providers/link/{provider}",
        _GET,
        providers.start_linking,
        Caller.PERSON,
        Use.PAGE,
    ),
    Route("/account/passkeys", _GET, passkeys.listed, Caller.PERSON, Use.PAGE),
    Route("/account/passkeys/new", _GET, passkeys.ask, Caller.PERSON, Use.PAGE),
    Route("/account/passkeys/new", _POST, passkeys.answer, Caller.PERSON, Use.PAGE),
    Route("/account/passkeys/change/{name}", _GET, passkeys.ask_change, Caller.PERSON, Use.PAGE),
    Route("/account/passkeys/change/{name}", _POST, passkeys.change, Caller.PERSON, Use.PAGE),
    Route("/account/end/{kind}/{name}", _GET, ending.ask, Caller.PERSON, Use.LEAVING),
    Route("/account/end/{kind}/{name}", _POST, ending.answer, Caller.PERSON, Use.LEAVING),
)
