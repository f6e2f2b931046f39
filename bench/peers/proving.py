"""What each server really does, tried before anything is measured: fast and wrong has no number."""

from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from contextlib import closing
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct

from bench.http_session import Answer, HttpSession
from bench.peers.site import Site, code_from, member, refresh_tokens
from bench.seeding import pkce_pair

OPERATIONS: Final = ("client_credentials", "introspection", "refresh", "code_flow")


class Proved(Struct, frozen=True):
    """What an operation gives, or why the server is not able to do it."""

    able: bool
    word: str


class _Lacks(Exception):
    """Something that must be so is not."""


def prove(site: Site) -> Mapping[str, Proved]:
    """Try every operation."""
    return {name: _tried(_TRIALS[name], site) for name in OPERATIONS}


def _tried(trial: Callable[[Site], str], site: Site) -> Proved:
    try:
        return Proved(able=True, word=trial(site))
    except (_Lacks, LookupError, OSError, SystemExit) as lack:
        return Proved(able=False, word=str(lack))


def _client_credentials(site: Site) -> str:
    return _kind(member(site.issue(site.clients.service), "access_token"))


def _introspection(site: Site) -> str:
    token = member(site.issue(site.clients.opaque), "access_token")
    _demand(member(site.introspect(token), "active") == "True", "a good token is not active")
    _demand(member(site.introspect(token[:-4] + "AAAA"), "active") == "False", "a bad one is")
    return f"of {_kind(token)}"


def _code_flow(site: Site) -> str:
    with closing(site.sign_in(site)) as browser:
        return _code_flow_of(site, browser)


def _code_flow_of(site: Site, browser: HttpSession) -> str:
    verifier, challenge = pkce_pair()
    wrong = site.exchange(code_from(site, browser, challenge), pkce_pair()[0])
    _demand(_refused(wrong), "any code_verifier will do")
    code = code_from(site, browser, challenge)
    answer = site.exchange(code, verifier)
    kinds = [_kind(member(answer, name)) for name in ("access_token", "id_token")]
    member(answer, "refresh_token")
    _demand(_refused(site.exchange(code, verifier)), "a code can be used twice")
    return f"access token: {kinds[0]}, ID token: {kinds[1]}, refresh token"


def _refresh(site: Site) -> str:
    with closing(site.sign_in(site)) as browser:
        (first,) = refresh_tokens(site, browser, 1)
    answer = site.refresh(first)
    second = member(answer, "refresh_token")
    _demand(first != second, "it does not rotate")
    member(site.refresh(second), "refresh_token")
    _demand(_refused(site.refresh(first)), "a refresh token can be used for ever")
    gives = f"access token: {_kind(member(answer, 'access_token'))}"
    return f"{gives}, ID token: {_id_token(answer)}"


def _id_token(answer: Answer) -> str:
    document: dict[str, object] = msgspec.json.decode(answer.body)
    return _kind(str(document["id_token"])) if "id_token" in document else "none"


def _kind(token: str) -> str:
    if not (token.startswith("ey") and token.count(".") == 2):
        return "opaque"
    head = token.partition(".")[0]
    header: dict[str, object] = msgspec.json.decode(
        urlsafe_b64decode(head + "=" * (-len(head) % 4))
    )
    return f"{header['alg']} JWT"


def _refused(answer: Answer) -> bool:
    return answer.status in {400, 401, 403} and "_token" not in answer.body


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _Lacks(otherwise)


_TRIALS: Final[Mapping[str, Callable[[Site], str]]] = MappingProxyType(
    {
        "client_credentials": _client_credentials,
        "introspection": _introspection,
        "refresh": _refresh,
        "code_flow": _code_flow,
    }
)
