"""A request is decided about once, however many parts of an app ask (RFC 9449 §11.1).

A proof is used up by the first who asks; and a token that one guard let pass is none for another.
"""

from collections.abc import MutableMapping
from typing import Any, Final, TypeAlias

from counterfoil.guard.demands import Demands
from counterfoil.guard.gate import Gate
from counterfoil.guard.guard import Guard
from counterfoil.guard.request import Request
from counterfoil.guard.token import Rejected, Token

_LET_PASS: Final = "counterfoil.let_pass"

Kept: TypeAlias = MutableMapping[str, Any]
"""What a framework keeps of one request: an ASGI scope, a WSGI environ."""


async def admit_once(gate: Gate, kept: Kept, request: Request, demands: Demands) -> Token:
    """Do as `Gate.admit`, unless this guard has let the request pass already.

    Raises:
        Rejected: with the reason.
    """
    tokens = _tokens(kept)
    token = tokens.get(gate.guard)
    if token is None:
        tokens[gate.guard] = token = await gate.admit(request, demands)
    else:
        _demand_more(gate, token, request, demands)
    return token


def admit_once_blocking(gate: Gate, kept: Kept, request: Request, demands: Demands) -> Token:
    """Do as `admit_once`, for code that has no event loop."""
    tokens = _tokens(kept)
    token = tokens.get(gate.guard)
    if token is None:
        tokens[gate.guard] = token = gate.admit_blocking(request, demands)
    else:
        _demand_more(gate, token, request, demands)
    return token


def has_let_pass(guard: Guard, kept: Kept) -> bool:
    """Whether this guard has let the request pass."""
    return guard in _tokens(kept)


def _demand_more(gate: Gate, token: Token, request: Request, demands: Demands) -> None:
    """Demand more; a request that is refused after all costs a limited token nothing (S54)."""
    try:
        gate.demand(token, request, demands)
    except Rejected:
        gate.guard.uses.give_back(token)
        raise


def _tokens(kept: Kept) -> dict[Guard, Token]:
    """By guard: a copy of a scope, as middleware makes them, shares what stands here."""
    tokens: dict[Guard, Token] = kept.setdefault(_LET_PASS, {})
    return tokens
