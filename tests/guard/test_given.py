"""What was given in place of something else is told when it is written, and how to write it."""

from collections.abc import Callable

import pytest
from starlette.applications import Starlette

from counterfoil.guard import (
    Bound,
    Carrier,
    Cors,
    Credentials,
    Guard,
    Issuer,
    MaxAge,
    ResourceMetadata,
    Scopes,
    Sessions,
    SignedIn,
    StepUp,
    TokenProfile,
)
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.guard.demands import demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.starlette import Guarded
from tests.guard.desk import ISSUER

AUDIENCE = "https://notes.example"


def guard() -> Guard:
    return Guard(ISSUER, audience=AUDIENCE)


def nobody(_: str) -> None:
    return None


TEXTS: dict[str, Callable[[str], object]] = {
    "the names of Scopes": Scopes,
    "the ways of Bound": Bound,
    "the classes of StepUp": lambda text: StepUp(acr=text),
    "the scopes of SignedIn": lambda text: SignedIn(subject="ada", scopes=text),
    "the origins of Sessions": lambda text: Sessions(cookie="s", look_up=nobody, origins=text),
    "the origins of Cors": lambda text: Cors(origins=text),
    "the methods of Cors": lambda text: Cors(methods=text),
    "the headers of Cors": lambda text: Cors(headers=text),
    "the exposed of Cors": lambda text: Cors(exposed=text),
    "the scopes of ResourceMetadata": lambda text: ResourceMetadata(scopes=text),
    "its authorization_servers": lambda text: ResourceMetadata(authorization_servers=text),
    "the types of a profile": lambda text: TokenProfile(types=text),
    "what a token may_lack": lambda text: TokenProfile(may_lack=text),
    "the servers of a carrier": Carrier,
    f"{ISSUER}: the algorithms": lambda text: Issuer(ISSUER, algorithms=text),
    f"{ISSUER}: the status_lists": lambda text: Issuer(ISSUER, status_lists=text),
    "issuers": lambda text: Guard(issuers=text, audience=AUDIENCE),
    "the proxies": lambda text: Gate(guard(), proxies=text),
    "open paths": lambda text: GuardMiddleware(Starlette(), guard(), open_paths=text),
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_text_is_not_taken_for_several(what: str):
    """Its letters would be: a guard that wants the scopes n, o, t and e refuses everybody."""
    with pytest.raises(ValueError, match="must be a tuple") as raised:
        TEXTS[what]("notes:read")
    assert str(raised.value).startswith(f"{what} must")


def test_a_class_is_no_demand():
    with pytest.raises(TypeError, match="MaxAge is a class: write a value"):
        demands_of("notes:read", MaxAge)


def test_a_view_is_no_demand():
    """Who forgets the parentheses of a decorator is told where they belong."""
    with pytest.raises(TypeError, match=r'the name of a scope, @guarded\("a scope"\)'):
        Guarded(None, guard())(nobody)


@pytest.mark.parametrize("audience", ["", None, (AUDIENCE,)])
def test_an_audience_is_one_text(audience: object):
    with pytest.raises(ValueError, match="one text"):
        Guard(ISSUER, audience=audience)


def test_an_issuer_is_an_address_or_a_whole_one():
    with pytest.raises(TypeError, match=r"goes into issuers=\[Issuer\("):
        Guard(Issuer(ISSUER), audience=AUDIENCE)
    with pytest.raises(TypeError, match=r"a str is no issuer: write Issuer\(url\)"):
        Guard(issuers=[ISSUER], audience=AUDIENCE)
    both = Guard("https://a.example", issuers=[Issuer(ISSUER)], audience=AUDIENCE)
    assert both.issuers == (ISSUER, "https://a.example")


def test_credentials_are_named():
    """And what was given is not shown: it may be a secret."""
    with pytest.raises(ValueError, match="write credentials=Credentials") as raised:
        Issuer(ISSUER, credentials=("guard", "hunter2"))
    assert "hunter2" not in str(raised.value)
    assert Issuer(ISSUER, credentials=Credentials("guard", "hunter2")).credentials is not None


def test_a_gate_needs_a_guard():
    with pytest.raises(TypeError, match="a str is no guard: write Guard"):
        Guarded(None, ISSUER)
