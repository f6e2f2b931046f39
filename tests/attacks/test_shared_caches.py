"""A cache in front of an API that gives one user what another has asked for (S99, RFC 9111)."""

import pytest

from counterfoil.guard import OwnPath, Rejected
from counterfoil.guard.demands import Demands, demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import Desk, request

pytestmark = pytest.mark.one_engine("no server of ours is there")

Answer = tuple[dict[str, str], str]


class SharedCache:
    """Keeps what it may (RFC 9111 §3, §3.5), gives it to whoever asks alike (§4.1).

    ``obeys`` no ``Vary``: as some do that are put in front of APIs.
    """

    def __init__(self, *, obeys_vary: bool = True) -> None:
        self._obeys_vary = obeys_vary
        self._kept: list[tuple[Request, Answer]] = []

    def fetch(self, asked: Request, api: "Api") -> Answer:
        for kept, answer in self._kept:
            # A kept GET answers HEAD and ranges too.
            if kept.path == asked.path and self._is_alike(kept, asked, answer):
                return answer
        answer = api.answer(asked)
        control = answer[0].get("cache-control", "")
        if "no-store" not in control and "private" not in control and "public" in control:
            self._kept.append((asked, answer))
        return answer

    def _is_alike(self, kept: Request, asked: Request, answer: Answer) -> bool:
        if not self._obeys_vary:
            return True
        names = [name.strip().lower().encode() for name in answer[0]["vary"].split(",")]
        return all(kept.values(name) == asked.values(name) for name in names)


class Api:
    """Says whose notes these are; ``own`` is what the app itself says to caches."""

    def __init__(self, gate: Gate, own: dict[str, str], demands: Demands = ()) -> None:
        self._gate, self._own, self._demands = gate, own, demands

    def answer(self, asked: Request) -> Answer:
        try:
            body = f"notes of {self._gate.admit_blocking(asked, self._demands).subject}"
        except Rejected as rejected:
            refusal = self._gate.refusal(rejected, asked)
            return dict(refusal.headers), refusal.body.decode()
        return self._own | self._gate.further_headers(asked, self._own.get), body


KINDS = [
    {"method": "GET"}, {"method": "HEAD"}, {"range": "bytes=0-4"}, {"accept": "text/html"},
    {"if_none_match": '"x"'},
]  # fmt: skip


@pytest.mark.parametrize("own", [{}, {"cache-control": "public, max-age=60"}])
@pytest.mark.parametrize("kind", KINDS)
def test_nobody_gets_anothers_answer(desk: Desk, own: dict[str, str], kind: dict[str, str]):
    """S99, S119: without the app's word nothing is kept; where it says public, by token."""
    cache, api = SharedCache(), Api(desk.gate(), own)
    ada, eve = desk.token(sub="ada", jti="t1"), desk.token(sub="eve", jti="t2")
    assert cache.fetch(request(token=ada), api)[1] == "notes of ada"
    assert cache.fetch(request(token=eve, **kind), api)[1] == "notes of eve"
    assert "notes" not in cache.fetch(request(**kind), api)[1]


def test_a_refusal_is_never_kept_for_others(desk: Desk):
    cache, api = SharedCache(obeys_vary=False), Api(desk.gate(), {})
    assert "missing" in cache.fetch(request(), api)[1]
    assert cache.fetch(request(token=desk.token()), api)[1] == "notes of u1"


def test_a_cache_that_knows_no_vary_meets_an_address_for_each_user(desk: Desk):
    """S99: the last line: where the id stands in the address, no two users share a key."""
    own, demands = {"cache-control": "public, max-age=60"}, demands_of(OwnPath("/users/{id}"))
    cache, api = SharedCache(obeys_vary=False), Api(desk.gate(), own, demands)
    ada, eve = desk.token(sub="ada", jti="t1"), desk.token(sub="eve", jti="t2")
    assert cache.fetch(request("/users/ada", token=ada), api)[1] == "notes of ada"
    assert cache.fetch(request("/users/eve", token=eve), api)[1] == "notes of eve"
    refused = api.answer(request("/users/ada", token=eve))[1]
    assert Reason.ANOTHER_USER in refused


def test_a_cache_behind_the_guard_is_asked_after_the_token(desk: Desk):
    """S99: what the app caches itself, by address, is served to nobody without their token."""
    cached = {"/users/ada": "notes of ada"}
    gate, demands = desk.gate(), demands_of(OwnPath("/users/{id}"))

    def served(asked: Request) -> str:
        gate.admit_blocking(asked, demands)
        return cached[asked.path]

    assert served(request("/users/ada", token=desk.token(sub="ada"))) == "notes of ada"
    for token in (desk.token(sub="eve"), "", desk.token(sub="ada", exp=1)):
        with pytest.raises(Rejected):
            served(request("/users/ada", token=token))


@pytest.mark.parametrize("path", ["/users/ada/../eve", "/users/eve%2f..%2fada", "/users/EVE"])
def test_an_address_that_two_would_read_differently_is_nobodys(desk: Desk, path: str):
    for user in ("ada", "eve"):
        with pytest.raises(Rejected) as refused:
            desk.gate().admit_blocking(
                request(path, token=desk.token(sub=user)), demands_of(OwnPath("/users/{id}"))
            )
        assert refused.value.reason is Reason.ANOTHER_USER
