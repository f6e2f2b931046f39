"""The order of the checks, on every token and on every hit (RFC 9068 §4)."""

import threading

import pytest

from counterfoil.guard import Credentials, Guard, Issuer, Rejected, Staleness, Undecided
from counterfoil.guard.policy import Options
from counterfoil.guard.token_cache import Verified
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.binding import UNBOUND, Binding
from counterfoil.oauth.feed import Position
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended
from tests.guard.desk import ISSUER, NOW, Desk
from tests.guard.issuer import AUDIENCE


def test_a_good_token_is_understood(desk: Desk):
    """S63, S111: what stands in the token is the security context."""
    token = desk.guard.check(desk.token())
    assert token.subject == "u1"
    assert token.client_id == "c1"
    assert token.scopes == {"notes:read", "notes:write"}
    assert token.audience == (AUDIENCE,)
    assert token.issuer == ISSUER
    assert token.issued_at == int(desk.clock.now)
    assert token.expires_at == int(desk.clock.now) + 600
    assert token.fingerprint == "t1"
    assert token.family == "f1"
    assert token.claims["gen"] == [0, 0]


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256", "RS256"])
def test_every_pinned_algorithm_works(algorithm: str):
    desk = Desk(algorithm=algorithm)
    assert desk.reason(desk.token()) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://other.example"}, Reason.WRONG_ISSUER),
        ({"aud": "https://other.example"}, Reason.WRONG_AUDIENCE),
        ({"jti": None}, Reason.MALFORMED),
        ({"client_id": None}, Reason.MALFORMED),
        ({"exp": "soon"}, Reason.MALFORMED),
        ({"typ": "JWT"}, Reason.WRONG_TYPE),
        ({"key": PrivateKey.generate()}, Reason.UNKNOWN_KEY),
    ],
)
def test_what_is_wrong_is_named(desk: Desk, changes: dict[str, object], reason: Reason):
    """S109."""
    assert desk.reason(desk.token(**changes)) is reason


def test_a_token_seen_before_is_the_same_object(desk: Desk):
    text = desk.token()
    assert desk.guard.check(text) is desk.guard.check(text)


def test_expiry_is_checked_on_every_hit(desk: Desk):
    """S16, S36: also for a token that was verified before."""
    text = desk.token()
    assert desk.reason(text) is None
    desk.clock.now += 599.9
    desk.state.notices.prove(desk.book.head(desk.clock.now), desk.clock.now)
    assert desk.reason(text) is None
    desk.clock.now += 0.1
    assert desk.reason(text) is Reason.EXPIRED


def test_the_clock_may_be_ten_seconds_behind(desk: Desk):
    """S28: also when the clock is set back after the token was verified."""
    text = desk.token()
    assert desk.reason(text) is None
    desk.clock.now -= 10
    assert desk.reason(text) is None
    desk.clock.now -= 1
    assert desk.reason(text) is Reason.ISSUED_IN_FUTURE
    assert desk.refusal(text).fingerprint == "t1"


def test_a_token_is_not_used_before_its_time(desk: Desk):
    """RFC 7519 §4.1.5: with the same leeway."""
    text = desk.token(nbf=int(desk.clock.now) + 30)
    assert desk.reason(text) is Reason.ISSUED_IN_FUTURE
    desk.clock.now += 20
    assert desk.reason(text) is None


@pytest.mark.parametrize(
    ("kind", "name", "generation", "reason"),
    [
        (Ended.TOKEN, "t1", 0, Reason.REVOKED),
        (Ended.FAMILY, "f1", 0, Reason.REVOKED),
        (Ended.CLIENT, "c1", 1, Reason.REVOKED),
        (Ended.API, AUDIENCE, 1, Reason.REVOKED),
        (Ended.TOKEN, "t2", 0, None),
        (Ended.FAMILY, "f2", 0, None),
        (Ended.CLIENT, "c1", 0, None),
        (Ended.KEY, "another", 0, None),
    ],
)
def test_what_was_ended_is_refused_from_the_next_check(
    desk: Desk, kind: Ended, name: str, generation: int, reason: Reason | None
):
    """S37, S45, S48: a token that is remembered is asked about as one that is new."""
    seen = desk.token()
    assert desk.reason(seen) is None
    desk.end(kind, name, generation)
    assert desk.reason(seen) is reason
    assert desk.reason(desk.token()) is reason


@pytest.mark.parametrize(
    ("kind", "name", "generation"),
    [(Ended.TOKEN, "t0", 0), (Ended.KEY, "k0", 0), (Ended.CLIENT, "c0", 1), (Ended.API, "a0", 1)],
)
def test_what_ends_a_token_ends_what_it_was_exchanged_for(
    desk: Desk, kind: Ended, name: str, generation: int
):
    """RFC 8693: also where a token stands between, and at once where it is remembered."""
    parents = [("t9", "c1", 0, AUDIENCE, 0, "k9", int(NOW)), ("t0", "c0", 0, "a0", 0, "k0", 0)]
    seen = desk.token(parents=parents)
    assert desk.reason(seen) is None
    desk.end(kind, name, generation)
    assert desk.reason(seen) is desk.reason(desk.token(parents=parents)) is not None
    assert desk.reason(desk.token()) is None


def test_a_later_generation_lives(desk: Desk):
    desk.end(Ended.CLIENT, "c1", 3)
    assert desk.reason(desk.token(gen=(2, 0))) is Reason.REVOKED
    assert desk.reason(desk.token(gen=(3, 0))) is None


def test_a_withdrawn_key_is_named_before_and_after_it_leaves_the_key_set(desk: Desk):
    """S84: retiring a key at once invalidates every token it signed."""
    seen = desk.token()
    assert desk.reason(seen) is None
    desk.end(Ended.KEY, desk.key.public.kid)
    assert desk.reason(seen) is Reason.KEY_RETIRED
    desk.publish(PrivateKey.generate())
    assert desk.reason(seen) is Reason.KEY_RETIRED


def test_current_and_previous_key_verify_until_the_previous_is_gone(desk: Desk):
    """S81: and what was remembered goes with its key."""
    seen, follower = desk.token(), PrivateKey.generate()
    desk.publish(desk.key, follower)
    assert desk.reason(seen) is None
    assert desk.reason(desk.token(key=follower)) is None
    desk.publish(follower)
    assert desk.reason(seen) is Reason.UNKNOWN_KEY


def test_a_bound_token_needs_its_proof(desk: Desk):
    """RFC 9449 §7.1: a token with ``cnf`` is never a bearer token."""
    text = desk.token(cnf={"jkt": "abc"})
    for _ in range(2):
        assert desk.reason(text) is Reason.WRONG_BINDING
        assert desk.reason(text, Binding("jkt", "other")) is Reason.WRONG_BINDING
        assert desk.reason(text, Binding("jkt", "abc")) is None
    assert desk.reason(desk.token(cnf={"new": "x"}), Binding("unknown", "x")) is (
        Reason.WRONG_BINDING
    )


def test_the_default_rejects_beyond_its_budget(desk: Desk):
    text = desk.token()
    desk.clock.now += 30
    assert desk.reason(text) is None
    desk.clock.now += 0.1
    assert desk.reason(text) is Reason.STALE
    desk.state.notices.prove(desk.book.head(desk.clock.now), desk.clock.now)
    assert desk.reason(text) is None


def test_what_is_wrong_with_the_set_up_is_told_to_the_operator(desk: Desk):
    """A slash too much in the audience, or a guard that nobody has started, look like attacks."""
    refused = desk.refusal(desk.token(aud="https://other.example"))
    assert str(refused) == f"this guard's audience is {AUDIENCE!r}"
    elsewhere = desk.token(iss="https://other.example")
    assert str(desk.refusal(elsewhere)) == f"the issuer of this guard is {ISSUER}"
    several = Desk(others=(Issuer("https://b.example"),))
    assert str(several.refusal(elsewhere)) == f"this guard's are {ISSUER}, https://b.example"
    with pytest.raises(Rejected, match=r"keys of .* not here yet: was the guard started\?"):
        Guard(ISSUER, audience=AUDIENCE).check(desk.token())


def test_accepting_further_still_refuses_what_is_known_to_be_dead():
    desk = Desk(staleness=Staleness.accept_for(60, budget=10))
    desk.end(Ended.FAMILY, "f2")
    desk.clock.now += 70
    assert desk.reason(desk.token()) is None
    assert desk.reason(desk.token(fam="f2")) is Reason.REVOKED
    desk.clock.now += 0.1
    assert desk.reason(desk.token()) is Reason.STALE


def test_where_only_the_issuer_knows_it_is_undecided():
    issuer = Issuer(ISSUER, credentials=Credentials("guard", "secret"))
    desk = Desk(issuer, Staleness.introspect(budget=10))
    desk.end(Ended.FAMILY, "f2")
    desk.clock.now += 10
    assert desk.reason(desk.token()) is None
    desk.clock.now += 1
    undecided = desk.refusal(desk.token())
    assert isinstance(undecided, Undecided)
    assert undecided.reason is Reason.STALE
    assert undecided.token.fingerprint == "t1"
    assert desk.reason(desk.token(fam="f2")) is Reason.REVOKED


def test_an_issuer_without_revocation_never_goes_stale():
    """S117: tokens of other servers are accepted by configuration."""
    desk = Desk(Issuer(ISSUER, revocation="none"))
    desk.clock.now += 100_000
    assert desk.reason(desk.token(fam=None, gen=None)) is None


def test_what_our_private_claims_mean_elsewhere_is_not_our_concern():
    desk = Desk(Issuer(ISSUER, revocation="none"))
    token = desk.guard.check(desk.token(fam=["the", "Smiths"], gen="1999"))
    assert token.family == ""
    assert token.claims["gen"] == "1999"


def test_several_issuers_are_told_apart():
    """S59, S117: each issuer's keys are good for its own tokens alone."""
    desk = Desk(others=(Issuer("https://two.example", revocation="none"),))
    second = PrivateKey.generate()
    state = desk.guard._states["https://two.example"]
    state.keys.take({"keys": [second.public.as_jwk()]})
    assert desk.guard.check(desk.token(iss="https://two.example", key=second)).issuer == (
        "https://two.example"
    )
    assert desk.reason(desk.token()) is None
    assert desk.reason(desk.token(key=second)) is Reason.UNKNOWN_KEY
    assert desk.reason(desk.token(iss="https://two.example")) is Reason.UNKNOWN_KEY
    assert desk.reason(desk.token(iss="https://three.example")) is Reason.WRONG_ISSUER
    assert desk.reason(desk.token(iss=None)) is Reason.WRONG_ISSUER
    assert desk.reason("a.b") is Reason.MALFORMED


def test_before_the_keys_are_here_nothing_is_decided():
    guard = Guard(ISSUER, audience=AUDIENCE)
    with pytest.raises(Exception, match="keys of") as raised:
        guard.check("a.b.c")
    assert raised.value.reason is Reason.STALE


def test_the_header_is_read_strictly(desk: Desk):
    """S95, RFC 6750 §2.1."""
    text = desk.token()
    assert desk.guard.check_header(f"Bearer {text}").fingerprint == "t1"
    for header in ([], ["Basic abc"], [f"Bearer {text}", f"Bearer {text}"]):
        with pytest.raises(Exception, match=r"access token|scheme|several"):
            desk.guard.check_header(*header)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"issuer": "http://issuer.example"},
        {"issuer": ISSUER, "audience": ""},
        {"issuer": ISSUER, "issuers": [Issuer(ISSUER)]},
        {"issuer": ISSUER, "staleness": Staleness.introspect()},
    ],
)
def test_what_cannot_work_is_refused_at_once(arguments: dict[str, object]):
    with pytest.raises(ValueError, match=r"issuer|audience|credentials|https"):
        Guard(**{"audience": AUDIENCE, **arguments})


def test_many_threads_may_check_while_notices_come_in(desk: Desk):
    """No token that was ended is accepted after its notice, none that was not is refused."""
    tokens = [desk.token(jti=f"t{n}", fam=f"f{n}") for n in range(40)]
    ended: list[int] = []
    wrong: list[str] = []
    go = threading.Event()

    def check() -> None:
        go.wait()
        while len(ended) < len(tokens):
            for number, text in enumerate(tokens):
                was_ended = number in ended
                reason = desk.reason(text)
                if (was_ended and reason is None) or (reason and number > len(ended)):
                    wrong.append(f"{number}: {reason}")

    threads = [threading.Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    go.set()
    for number in range(len(tokens)):
        desk.end(Ended.FAMILY, f"f{number}")
        ended.append(number)
        if number % 5 == 0:
            desk.state.notices.prove(desk.book.head(desk.clock.now), desk.clock.now)
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_guard_beside_its_issuer_reads_the_state_that_it_is_given(desk: Desk):
    """Its checks are those of any guard; it has nobody to follow."""
    beside = Guard.beside(desk.state, audience=AUDIENCE, options=Options(clock=desk.clock))
    text = desk.token()
    assert beside.check(text).fingerprint == "t1"
    desk.end(Ended.FAMILY, "f1")
    with pytest.raises(Rejected) as refused:
        beside.check(text)
    assert refused.value.reason is Reason.REVOKED
    assert beside.wait_until_fresh(0), "there is nothing to wait for"


def test_until_a_receipt_is_proved_the_guard_is_stale_for_that_request(desk: Desk):
    """Heard is not enough: whoever stands on the line could have put another notice there."""
    token, receipt = desk.token(), Position("e1", 1)
    assert desk.reason(token) is None
    assert desk.reason(token, UNBOUND, Position("e1", 0)) is None
    assert desk.reason(token, UNBOUND, receipt) is Reason.STALE
    desk.end(Ended.FAMILY, "another")
    assert desk.reason(token, UNBOUND, receipt) is Reason.STALE
    desk.state.notices.prove(desk.book.head(desk.clock.now), desk.clock.now)
    assert desk.reason(token, UNBOUND, receipt) is None
    assert desk.reason(token, UNBOUND, Position("e1", 2)) is Reason.STALE
    assert desk.reason(token) is None, "other requests go on as before"


def test_a_receipt_of_another_history_is_never_reached(desk: Desk):
    assert desk.reason(desk.token(), UNBOUND, Position("another", 0)) is Reason.STALE


def test_what_is_known_to_be_dead_stays_so_whatever_receipt_comes_with_it(desk: Desk):
    desk.end(Ended.FAMILY, "f1")
    for receipt in (None, Position("e1", 0), Position("e1", 99)):
        assert desk.reason(desk.token(), UNBOUND, receipt) is Reason.REVOKED


def test_an_issuer_that_publishes_nothing_reaches_no_receipt():
    desk = Desk(Issuer(ISSUER, revocation="none"))
    assert desk.reason(desk.token()) is None
    assert desk.reason(desk.token(), UNBOUND, Position("e1", 0)) is Reason.STALE


def test_where_the_owner_chose_to_ask_a_receipt_makes_it_ask():
    credentials = Credentials("guard", "secret")
    desk = Desk(Issuer(ISSUER, credentials=credentials), Staleness.introspect())
    token = desk.token()
    assert desk.guard.check(token)
    with pytest.raises(Undecided):
        desk.guard.check(token, UNBOUND, Position("e1", 1))


def test_a_far_expiry_counts_no_further_than_the_greatest_age():
    """S27: twenty years are refused after an hour, everywhere at this guard."""
    desk = Desk()
    gate = desk.gate(max_age=3600)
    token = desk.token(exp=int(NOW) + 20 * 365 * 86400)
    desk.clock.now = NOW + 3599
    desk.state.notices.begin(desk.book.snapshot(desk.clock.now), desk.clock.now)
    assert gate.guard.check(token).subject == "u1"
    desk.clock.now = NOW + 3600
    with pytest.raises(Rejected) as refused:
        gate.guard.check(token)
    assert refused.value.reason is Reason.TOO_OLD
    with pytest.raises(ValueError, match="max_age"):
        Options(max_age=0)


def test_what_has_expired_has_expired_whatever_its_age():
    desk = Desk()
    gate = desk.gate(max_age=3600)
    token = desk.token(exp=int(NOW) + 10)
    desk.clock.now = NOW + 10
    with pytest.raises(Rejected) as refused:
        gate.guard.check(token)
    assert refused.value.reason is Reason.EXPIRED


def test_a_broader_scope_will_do():
    """M20: both where an endpoint demands it and where the app asks the token."""
    desk = Desk()
    guard = desk.gate(implied={"notes": ("notes:read",)}).guard
    token = guard.check(desk.token(scope="notes"))
    token.require("notes:read", "notes")
    assert token.claims["scope"] == "notes"
    with pytest.raises(Rejected):
        token.require("notes:write")


def test_what_was_ended_costs_one_signature_however_often_it_comes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    """A refusal must not be dearer than an acceptance: who repeats it would slow down others."""
    verify, verified = desk.guard._verification.verify, []

    def counted(unverified: str) -> Verified:
        verified.append(unverified)
        return verify(unverified)

    monkeypatch.setattr(desk.guard._verification, "verify", counted)
    token = desk.token()
    desk.end(Ended.FAMILY, "f1")
    for _ in range(5):
        assert desk.reason(token) is Reason.REVOKED
    assert verified == [token]
    forged = f"{token[:-8]}AAAAAAAA"
    for _ in range(5):
        assert desk.reason(forged) is Reason.BAD_SIGNATURE
    assert verified == [token, *[forged] * 5], "nothing is remembered that nobody has signed"


def test_what_has_expired_takes_nobodys_place(desk: Desk):
    """Old logs are full of tokens with a good signature; who is served now is remembered."""
    for number in range(50):
        expired = desk.token(jti=f"t{number}", exp=int(desk.clock.now) - 1)
        assert desk.reason(expired) is Reason.EXPIRED
    assert len(desk.guard._cache) == 0


def test_whoever_has_a_key_that_leaked_takes_nobodys_place():
    """S43: his tokens stand in no registry, or their key is retired; he can make any number."""
    known = Credentials("guard", "s")
    desk = Desk(Issuer(ISSUER, credentials=known, registry=True))
    for number in range(20):
        assert desk.reason(desk.token(jti=f"t{number}")) is Reason.STALE, "it must be asked"
    retired = Desk()
    retired.end(Ended.KEY, retired.key.public.kid)
    for number in range(20):
        assert retired.reason(retired.token(jti=f"t{number}")) is Reason.KEY_RETIRED
    assert len(desk.guard._cache) == len(retired.guard._cache) == 0


def test_what_was_ended_is_remembered_within_bounds():
    desk = Desk()
    options = Options(clock=desk.clock, cached_tokens=4)
    guard = Guard.beside(desk.state, audience=AUDIENCE, options=options)
    living = desk.token(fam="alive")
    desk.end(Ended.FAMILY, "f1")
    for number in range(50):
        with pytest.raises(Rejected):
            guard.check(desk.token(jti=f"t{number}"))
        assert guard.check(living)
        assert len(guard._cache) <= 5


def test_a_key_that_nobody_knows_is_of_the_issuer_that_is_named_with_it(desk: Desk):
    """What is fetched again for a stranger's token would be fetched at his will."""
    stranger = PrivateKey.generate()
    named = desk.token(iss="https://other.example", key=stranger)
    assert desk.reason(named) is Reason.WRONG_ISSUER
    assert desk.reason(desk.token(key=stranger)) is Reason.UNKNOWN_KEY
