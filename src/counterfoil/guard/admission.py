"""A request is decided about once, however many parts of an app ask (RFC 9449 §11.1).

A proof is used up by the first who asks; and a token that one guard let pass is none for another.
"""

from collections.abc import MutableMapping
from functools import partial
from typing import Any, Final, TypeAlias

from counterfoil.guard.demands import Demands
from counterfoil.guard.gate import Gate
from counterfoil.guard.guard import Guard
from counterfoil.guard.request import Request
from counterfoil.guard.token import Rejected, Token

_LET_PASS: Final = "counterfoil.let_pass"

Kept: TypeAlias = MutableMapping[str, Any]
"""What a framework keeps of one request: an ASGI scope, a WSGI environ."""


class _Admissions:
    """Which guards have let a request pass, and whether its answer has begun."""

    __slots__ = ("has_begun", "tokens")

    def __init__(self) -> None:
        self.tokens: dict[Guard, Token] = {}
        self.has_begun = False


async def admit_once(gate: Gate, kept: Kept, request: Request, demands: Demands) -> Token:
    """Do as `Gate.admit`, unless this guard has let the request pass already.

    Raises:
        Rejected: with the reason.
    """
    admissions = _admissions(kept)
    token = admissions.tokens.get(gate.guard)
    if token is not None:
        _demand_more(gate, admissions, request, demands)
        return token
    admissions.tokens[gate.guard] = token = await gate.admit(request, demands)
    return token


def admit_once_blocking(gate: Gate, kept: Kept, request: Request, demands: Demands) -> Token:
    """Do as `admit_once`, for code that has no event loop."""
    admissions = _admissions(kept)
    token = admissions.tokens.get(gate.guard)
    if token is not None:
        _demand_more(gate, admissions, request, demands)
        return token
    admissions.tokens[gate.guard] = token = gate.admit_blocking(request, demands)
    return token


def begin_request(kept: Kept) -> None:
    """Begin to keep, before anybody copies it, what all copies must share."""
    _admissions(kept)


def has_let_pass(guard: Guard, kept: Kept) -> bool:
    """Whether this guard has let the request pass."""
    return guard in _admissions(kept).tokens


def begin_answer(kept: Kept) -> None:
    """Note that the app answers: what it does from now on gives back no use."""
    _admissions(kept).has_begun = True


def _demand_more(gate: Gate, admissions: _Admissions, request: Request, demands: Demands) -> None:
    """Demand more; a request that is answered by the refusal costs a limited token nothing (S54).

    Only then: an app may catch it and serve all the same, or go on asking.
    """
    token = admissions.tokens[gate.guard]
    try:
        gate.demand(token, request, demands)
    except Rejected as rejected:
        if token.use:
            rejected.when_answered = partial(_give_back, gate.guard, admissions, token)
        raise


def _give_back(guard: Guard, admissions: _Admissions, token: Token) -> None:
    """Give back a use, once: whoever asks about the request again spends another."""
    if not admissions.has_begun and admissions.tokens.pop(guard, None) is token:
        guard.uses.give_back(token)


def _admissions(kept: Kept) -> _Admissions:
    """One for all copies of a scope, as middleware makes them."""
    admissions: _Admissions = kept.setdefault(_LET_PASS, _Admissions())
    return admissions
