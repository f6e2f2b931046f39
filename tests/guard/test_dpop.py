"""DPoP in front of an API: one proof, one request, one time (RFC 9449 §4.3, §7, §9)."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import FastAPI

from counterfoil.guard import Guard, Options, Proofs, Rejected, Token
from counterfoil.guard.asgi import GuardMiddleware
from counterfoil.guard.dpop import ProofWatch
from counterfoil.guard.fastapi import Guarded
from counterfoil.oauth.dpop import KEPT, Target
from counterfoil.oauth.nonces import KEY_BYTES, STEP
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import NOW, Clock
from tests.guard.issuer import AUDIENCE, TinyIssuer
from tests.guard.test_asgi import Served, notes_app
from tests.proofs import Holder

URL = "https://api.example/notes"
TARGET = Target("GET", URL, "t0ken")
ALGS = 'algs="ES256 EdDSA PS256 RS256"'


class Bench:
    """A watch on a clock that is set by hand, and a holder of a key."""

    def __init__(self, **policy: Any) -> None:
        self.clock = Clock()
        self.watch = ProofWatch(Proofs(**policy), self.clock, bytes)
        self.holder = Holder()

    def proof(self, **changes: Any) -> str:
        return self.holder.proof("GET", URL, self.clock.now, "t0ken", **changes)

    def use(self, proof: str) -> None:
        self.watch.take(self.watch.read([proof], TARGET))

    def refusal(self, proof: str) -> Reason | None:
        try:
            self.use(proof)
        except Rejected as rejected:
            return rejected.reason
        return None


def test_a_proof_is_good_once():
    bench = Bench()
    proof = bench.proof()
    assert bench.refusal(proof) is None
    assert bench.refusal(proof) is Reason.PROOF_REPLAYED
    assert bench.refusal(bench.proof()) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"htm": "POST"}, Reason.PROOF_MISMATCH),
        ({"htu": "https://api.example/other"}, Reason.PROOF_MISMATCH),
        ({"ath": "other"}, Reason.PROOF_MISMATCH),
        ({"iat": NOW - 61}, Reason.PROOF_EXPIRED),
        ({"iat": NOW + 11}, Reason.PROOF_EXPIRED),
        ({"jti": ""}, Reason.PROOF_INVALID),
        ({"header": {"alg": "none"}}, Reason.PROOF_INVALID),
    ],
)
def test_a_proof_is_for_this_request_and_for_now(changes: dict[str, Any], reason: Reason):
    assert Bench().refusal(Bench().proof(**changes)) is reason


def test_one_that_is_read_and_not_taken_is_not_used_up():
    """Whoever has no token that stands cannot fill the memory."""
    bench = Bench(remembered=1)
    for _ in range(3):
        bench.watch.read([bench.proof()], TARGET)
    assert bench.refusal(bench.proof()) is None


def test_a_full_memory_refuses_rather_than_forgets():
    bench = Bench(remembered=2)
    proofs = [bench.proof() for _ in range(2)]
    assert [bench.refusal(proof) for proof in proofs] == [None, None]
    assert bench.refusal(bench.proof()) is Reason.TOO_MANY_PROOFS
    assert [bench.refusal(proof) for proof in proofs] == [Reason.PROOF_REPLAYED] * 2
    bench.clock.now += KEPT
    assert bench.refusal(bench.proof()) is None


def test_nothing_is_forgotten_while_it_is_timely():
    """Also where a clock is ahead, and where ours is set back."""
    bench = Bench()
    proof = bench.proof(iat=NOW + 10)
    assert bench.refusal(proof) is None
    for seconds in (0, 10, 69, 70, 71):
        bench.clock.now = NOW + seconds
        assert bench.refusal(proof) in {Reason.PROOF_REPLAYED, Reason.PROOF_EXPIRED}
    bench.clock.now = NOW + 5
    assert bench.refusal(proof) is Reason.PROOF_REPLAYED


def test_of_many_threads_one_takes_it():
    bench = Bench()
    proof = bench.watch.read([bench.proof()], TARGET)
    taken: list[int] = []

    def take(number: int) -> None:
        try:
            bench.watch.take(proof)
        except Rejected:
            return
        taken.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1


def test_a_nonce_is_demanded_where_the_owner_says_so():
    """§9: and one that is too old is as good as none."""
    bench = Bench(nonces=True)
    assert bench.refusal(bench.proof()) is Reason.NONCE_NEEDED
    nonce = bench.watch.nonce()
    assert bench.refusal(bench.proof(nonce=nonce)) is None
    assert bench.refusal(bench.proof(nonce="made-up")) is Reason.NONCE_NEEDED
    bench.clock.now += 2 * STEP
    assert bench.refusal(bench.proof(nonce=nonce)) is Reason.NONCE_NEEDED
    assert Bench().watch.nonce() is None


def test_processes_with_one_key_agree_on_nonces():
    key = b"k" * KEY_BYTES
    here, there = Bench(nonces=True, nonce_key=key), Bench(nonces=True, nonce_key=key)
    assert here.watch.nonce() == there.watch.nonce() != Bench(nonces=True).watch.nonce()
    assert "kkk" not in repr(here.watch.policy)


# Under a real server.


class Caller:
    """Calls an API with a token that is bound to its key."""

    def __init__(self, served: Served, issuer: TinyIssuer) -> None:
        self.served = served
        self.holder = Holder()
        self.token = issuer.token(cnf={"jkt": self.holder.thumbprint})

    def proof(self, path: str = "/notes", method: str = "GET", **changes: Any) -> str:
        url = f"{self.served.url}{path}"
        return self.holder.proof(method, url, time.time(), self.token, **changes)

    def send(
        self,
        *proofs: str,
        path: str = "/notes",
        token: str = "",
        scheme: str = "DPoP",
        **headers: str,
    ) -> httpx2.Response:
        sent = [("authorization", f"{scheme} {token or self.token}")]
        sent += [*(("dpop", proof) for proof in proofs), *headers.items()]
        with httpx2.Client(trust_env=False) as client:
            return client.get(self.served.url + path, headers=sent)

    def reason(self, *proofs: str, **more: str) -> str | None:
        answer = self.send(*proofs, **more)
        return None if answer.status_code == 200 else answer.json()["error_reason"]


def fastapi_app(guard: Guard) -> FastAPI:
    app = FastAPI(openapi_url=None)
    guarded = Guarded(app, guard, realm="notes")

    @app.get("/notes")
    def read(
        token: Annotated[Token, guarded()],
        again: Annotated[Token, guarded("notes:write")],
    ) -> dict[str, str]:
        assert again is token
        return {"subject": token.subject}

    return app


@pytest.fixture(scope="module")
def issuer() -> Iterator[TinyIssuer]:
    with TinyIssuer() as issuer:
        yield issuer


class Api:
    """Serves the same API behind the middleware, or with the dependency."""

    def __init__(self, issuer: TinyIssuer, stack: ExitStack, adapter: str) -> None:
        self.issuer = issuer
        self.stack = stack
        self.adapter = adapter

    def caller(self, **policy: Any) -> Caller:
        options = Options(proofs=Proofs(**policy))
        guard = self.stack.enter_context(Guard(self.issuer.url, audience=AUDIENCE, options=options))
        assert guard.wait_until_fresh(10)
        if self.adapter == "middleware":
            app: Any = GuardMiddleware(notes_app(), guard, realm="notes")
        else:
            app = fastapi_app(guard)
        return Caller(self.stack.enter_context(Served(app)), self.issuer)


@pytest.fixture(params=["middleware", "dependency"])
def api(request: pytest.FixtureRequest, issuer: TinyIssuer) -> Iterator[Api]:
    with ExitStack() as stack:
        yield Api(issuer, stack, request.param)


def test_a_bound_token_passes_with_its_proof_and_not_twice(api: Api):
    """§7.1, §11.1."""
    caller = api.caller()
    proof = caller.proof()
    assert caller.send(proof, path="/notes?page=2").json() == {"subject": "u1"}
    assert caller.reason(proof) == "proof_replayed"
    assert caller.reason(caller.proof(), scheme="dpop") is None


def test_a_refusal_names_the_scheme_and_its_algorithms(api: Api):
    """§7.1."""
    caller = api.caller()
    answer = caller.send()
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_dpop_proof"
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('DPoP realm="notes", error="invalid_dpop_proof", ')
    assert challenge.endswith(f'error_reason="proof_missing", {ALGS}')
    needed = caller.served.get("/notes").headers["www-authenticate"]
    assert needed == f'Bearer realm="notes", error_reason="missing", DPoP realm="notes", {ALGS}'


def test_a_bound_token_is_no_bearer_token(api: Api):
    """§7.2: with or without a proof, that scheme is a downgrade."""
    caller = api.caller()
    for proofs in ((), (caller.proof(),)):
        answer = caller.send(*proofs, scheme="Bearer")
        assert answer.json()["error_reason"] == "wrong_binding"
        assert answer.headers["www-authenticate"].startswith("DPoP ")


def test_a_bearer_token_is_no_bound_one(api: Api):
    caller = api.caller()
    caller.token = api.issuer.token()
    assert caller.reason(caller.proof()) == "wrong_binding"
    assert caller.reason(scheme="Bearer") is None
    assert caller.reason(caller.proof(), scheme="Bearer") is None


def test_a_thief_without_the_key_gets_nothing(api: Api):
    caller = api.caller()
    owner, caller.holder = caller.holder, Holder()
    assert caller.reason(caller.proof()) == "wrong_binding"
    stolen_name = {"jwk": owner.jwk, "kid": owner.thumbprint}
    assert caller.reason(caller.proof(header=stolen_name)) == "proof_invalid"


def test_a_proof_is_for_one_url_method_and_token(api: Api):
    caller = api.caller()
    assert caller.reason(caller.proof("/admin")) == "proof_mismatch"
    assert caller.reason(caller.proof(method="POST")) == "proof_mismatch"
    other = api.issuer.token(cnf={"jkt": caller.holder.thumbprint}, jti="t2")
    assert caller.reason(caller.proof(), token=other) == "proof_mismatch"
    assert caller.reason(caller.proof(), caller.proof()) == "proof_invalid"


def test_an_owner_may_take_bound_tokens_alone(api: Api):
    caller = api.caller(required=True)
    answer = caller.send(scheme="Bearer", token=api.issuer.token())
    assert answer.json()["error_reason"] == "unbound"
    assert answer.headers["www-authenticate"].startswith("DPoP ")
    assert caller.served.get("/notes").headers["www-authenticate"].startswith("DPoP ")
    assert caller.reason(caller.proof()) is None


def test_an_owner_may_say_where_clients_reach_the_api(api: Api):
    """The Host header, which the caller writes, is not asked then."""
    caller = api.caller(public_url="https://api.example/v1/")
    assert caller.reason(caller.proof()) == "proof_mismatch"
    assert caller.reason(caller.proof(htu="https://api.example/notes")) == "proof_mismatch"
    public = "https://api.example/v1/notes"
    assert caller.reason(caller.proof(htu=public), host="evil.example") is None


def test_a_named_proxy_says_at_which_url_the_client_called(api: Api):
    caller = api.caller()
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-host": "api.example"}
    assert caller.reason(caller.proof(htu=URL), **forwarded) is None
    assert caller.reason(caller.proof(), **forwarded) == "proof_mismatch"


def test_every_answer_brings_the_nonce_for_the_next(api: Api):
    """§9."""
    caller = api.caller(nonces=True)
    first = caller.send(caller.proof())
    assert first.status_code == 401
    assert first.json()["error"] == "use_dpop_nonce"
    assert 'error="use_dpop_nonce"' in first.headers["www-authenticate"]
    nonce = first.headers["dpop-nonce"]
    second = caller.send(caller.proof(nonce=nonce))
    assert second.status_code == 200
    assert second.headers["dpop-nonce"]
    assert "dpop-nonce" not in api.caller().send().headers


def test_a_full_memory_is_a_503_and_bearer_tokens_go_on(api: Api):
    caller = api.caller(remembered=1)
    assert caller.reason(caller.proof()) is None
    answer = caller.send(caller.proof())
    assert answer.status_code == 503
    assert answer.json()["error_reason"] == "too_many_proofs"
    assert answer.headers["retry-after"] == "1"
    assert caller.reason(scheme="Bearer", token=api.issuer.token()) is None


def test_a_refused_token_uses_no_memory(api: Api):
    """A stranger signs proofs with a key of their own, and fills nothing."""
    caller = api.caller(remembered=1)
    for _ in range(3):
        assert caller.reason(caller.proof(), token=api.issuer.token(aud="x")) == "proof_mismatch"
        thief = Caller(caller.served, api.issuer)
        thief.token = caller.token
        assert thief.reason(thief.proof()) == "wrong_binding"
    assert caller.reason(caller.proof()) is None
