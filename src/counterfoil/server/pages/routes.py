"""Every route of the pages for people, but those of the administrators."""

from typing import Final

from counterfoil.server.pages import (
    account,
    consent,
    development,
    device,
    email_undo,
    joining,
    language,
    leaving,
    logout,
    providers,
    recovery,
    sign_in,
)
from counterfoil.server.pages.assets import asset
from counterfoil.server.web.admission import Use
from counterfoil.server.web.server import Caller, Route

_GET: Final = ("GET", "HEAD")
_POST: Final = ("POST",)

PAGE_ROUTES: Final = (
    Route("/sign-in", _GET, sign_in.ask, Caller.PERSON, Use.PAGE),
    Route("/sign-in", _POST, sign_in.answer, Caller.PERSON, Use.PAGE),
    Route("/sign-in/passkey", _POST, sign_in.answer_by_passkey, Caller.PERSON, Use.PAGE),
    Route("/sign-in/with/{provider}", _GET, providers.start, Caller.PERSON, Use.PAGE),
    Route("/sign-in/from/{provider}", _GET, providers.back, Caller.PERSON, Use.PAGE),
    Route("/forgotten-password", _GET, recovery.ask, Caller.PERSON, Use.PAGE),
    Route("/forgotten-password", _POST, recovery.answer, Caller.PERSON, Use.PAGE),
    Route("/new-password", _GET, recovery.open_link, Caller.PERSON, Use.PAGE),
    Route("/new-password", _POST, recovery.choose, Caller.PERSON, Use.PAGE),
    Route("/register", _GET, joining.ask, Caller.PERSON, Use.PAGE),
    Route("/register", _POST, joining.answer, Caller.PERSON, Use.PAGE),
    Route("/welcome", _GET, joining.open_link, Caller.PERSON, Use.PAGE),
    Route("/welcome", _POST, joining.join, Caller.PERSON, Use.PAGE),
    Route("/undo-email", _GET, email_undo.open_link, Caller.PERSON, Use.PAGE),
    Route("/undo-email", _POST, email_undo.undo, Caller.PERSON, Use.PAGE),
    Route("/development/mail", _GET, development.caught_mail, Caller.PERSON, Use.PAGE),
    Route("/consent", _GET, consent.ask, Caller.PERSON, Use.PAGE),
    Route("/consent", _POST, consent.answer, Caller.PERSON, Use.PAGE),
    Route("/device", _GET, device.ask, Caller.PERSON, Use.PAGE),
    Route("/device", _POST, device.answer, Caller.PERSON, Use.PAGE),
    Route("/logout", _GET, logout.ask, Caller.PERSON, Use.LEAVING),
    Route("/logout", _POST, logout.answer, Caller.PERSON, Use.LEAVING),
    Route("/signed-out", _GET, leaving.signed_out, Caller.PERSON, Use.PAGE),
    Route("/", _GET, account.home, Caller.PERSON, Use.PAGE),
    Route("/language", _POST, language.switch, Caller.PERSON, Use.PAGE),
    Route("/static/{name}", _GET, asset, Caller.PERSON),
)
