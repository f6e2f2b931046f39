"""The routes of second factors: signing in with one, and what the account says of them."""

from typing import Final

from counterfoil.server.pages import (
    authenticator,
    factors,
    mailed_code,
    mailed_code_choice,
    second_factor,
)
from counterfoil.server.web.admission import Use
from counterfoil.server.web.server import Caller, Route

_GET: Final = ("GET", "HEAD")
_POST: Final = ("POST",)
FACTOR_ROUTES: Final = tuple(
    Route(path, methods, handler, Caller.PERSON, Use.PAGE)
    for path, methods, handler in (
        ("/sign-in/second-factor", _GET, second_factor.ask),
        ("/sign-in/second-factor", _POST, second_factor.answer),
        ("/sign-in/second-factor/passkey", _POST, second_factor.answer_by_passkey),
        ("/sign-in/authenticator", _GET, authenticator.ask),
        ("/sign-in/authenticator", _POST, authenticator.answer),
        ("/sign-in/mailed-code", _GET, mailed_code.ask),
        ("/sign-in/mailed-code", _POST, mailed_code.answer),
        ("/sign-in/mailed-code/send", _POST, mailed_code.send),
        ("/account/security/mailed-codes", _GET, mailed_code_choice.ask),
        ("/account/security/mailed-codes", _POST, mailed_code_choice.send),
        ("/account/security/mailed-codes/confirm", _GET, mailed_code_choice.type_code),
        ("/account/security/mailed-codes/confirm", _POST, mailed_code_choice.confirm),
        ("/account/security/mailed-codes/off", _GET, mailed_code_choice.ask_to_drop),
        ("/account/security/mailed-codes/off", _POST, mailed_code_choice.drop),
        ("/account/security/authenticator", _GET, factors.set_up),
        ("/account/security/recovery-codes", _GET, factors.ask_to_renew),
        ("/account/security/recovery-codes", _POST, factors.renew),
        ("/account/security/switch-off", _GET, factors.ask_to_switch_off),
        ("/account/security/switch-off", _POST, factors.turn_off),
    )
)
