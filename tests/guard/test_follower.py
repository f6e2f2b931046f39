"""The background thread: it starts once, stops promptly, and lives on in a forked child."""

import gc
import os
import threading
import time
import weakref

import pytest

from counterfoil.guard import Credentials, Guard, Issuer, Rejected
from counterfoil.jose.keys import KeySet, PrivateKey
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended
from tests.guard.issuer import AUDIENCE, TinyIssuer


def threads(*others: threading.Thread) -> list[threading.Thread]:
    """The threads of guards; ``others`` are those of apps that run until the process ends."""
    every = [each for each in threading.enumerate() if each.name == "counterfoil-guard"]
    return [each for each in every if each not in others]


def test_it_starts_once_and_stops_promptly(issuer: TinyIssuer):
    guard, others = Guard(issuer.url, audience=AUDIENCE), threads()
    assert not guard.is_started
    guard.start()
    guard.start()
    (thread,) = threads(*others)
    assert thread.daemon
    assert guard.wait_until_fresh(10)
    begun = time.monotonic()
    guard.stop()
    guard.stop()
    assert time.monotonic() - begun < 1
    assert threads(*others) == []
    assert not guard.is_started


def test_it_can_be_started_again(issuer: TinyIssuer):
    guard = Guard(issuer.url, audience=AUDIENCE)
    for _ in range(2):
        with guard:
            fresh_at = guard._states[issuer.url].notices.fresh_at
            assert guard._follower.wait_until(
                lambda before=fresh_at: guard._states[issuer.url].notices.fresh_at > before, 10
            )
    assert issuer.counts["snapshot"] == 1


def test_one_that_has_stopped_is_stale_at_once(issuer: TinyIssuer):
    """It says goodbye to its issuer, and so nobody waits for it any more."""
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        assert guard.check(issuer.token())
    with pytest.raises(Rejected) as refused:
        guard.check(issuer.token())
    assert refused.value.reason is Reason.STALE
    issuer.end(Ended.FAMILY, "f1")
    with guard:
        assert guard.wait_until_fresh(10)
        with pytest.raises(Rejected) as refused:
            guard.check(issuer.token())
        assert refused.value.reason is Reason.REVOKED


def test_stopped_before_anything_came(issuer: TinyIssuer):
    others = threads()
    for _ in range(5):
        guard = Guard(issuer.url, audience=AUDIENCE)
        guard.start()
        guard.stop()
    assert threads(*others) == []


def test_waiting_ends_in_time():
    with Guard("http://127.0.0.1:9", audience=AUDIENCE) as guard:
        assert not guard.wait_until_fresh(0.05)


def test_a_guard_that_was_dropped_is_not_kept_alive_by_the_fork_hook():
    guard = Guard("https://a.example", audience=AUDIENCE)
    reference = weakref.ref(guard)
    del guard
    gc.collect()
    assert reference() is None


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_follows_by_itself(issuer: TinyIssuer):
    """What is ended after the fork is refused in the child, whose thread the fork did not copy."""
    token = issuer.token()
    with Guard(issuer.url, audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        guard.check(token)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            answer = b"?"
            try:
                guard.check(token)
                os.write(write, b"1")
                answer = (
                    b"r" if guard._follower.wait_until(lambda: refused(guard, token), 10) else b"a"
                )
            finally:
                os.write(write, answer)
                os._exit(0)
        assert os.read(read, 1) == b"1"
        issuer.end(Ended.FAMILY, "f1")
        assert os.read(read, 1) == b"r"
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)
        assert guard._follower.wait_until(lambda: refused(guard, token), 10)


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_reports_what_it_saw_itself(issuer: TinyIssuer):
    """S106: what was seen before the fork is told once, by the parent."""
    trusted = Issuer(issuer.url, credentials=Credentials("guard", "secret"), reports=True)
    with Guard(issuers=[trusted], audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        token = guard.check(issuer.token())
        guard.saw(token, "192.0.2.7")
        child = os.fork()
        if child == 0:
            try:
                guard.saw(token, "198.51.100.9")
                guard.stop()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        [report] = issuer.reports
        assert b"192.0.2.7" not in report
        assert b"198.51.100.9" in report
    assert b"192.0.2.7" in issuer.reports[1]


def refused(guard: Guard, token: str) -> bool:
    try:
        guard.check(token)
    except Rejected:
        return True
    return False


def test_waking_a_guard_that_does_not_run_does_nothing(issuer: TinyIssuer):
    """A token with a key that is missed comes before the start, or after the end."""
    stranger = issuer.token(key=PrivateKey.generate())
    guard = Guard(issuer.url, audience=AUDIENCE)
    state = guard._states[issuer.url]
    state.keys.take(KeySet([issuer.key.public]).as_jwks())
    for _ in range(2):
        state.keys.looked(time.time() - 60)
        with pytest.raises(Rejected) as refused:
            guard.check(stranger)
        assert refused.value.reason is Reason.UNKNOWN_KEY
        assert state.keys.due <= time.time(), "and is looked for when it runs"
        with guard:
            assert guard.wait_until_fresh(10)


def test_what_a_guard_that_never_ran_would_have_to_fetch_is_refused(issuer: TinyIssuer):
    guard = Guard(issuers=[Issuer(issuer.url, revocation="status_list")], audience=AUDIENCE)
    guard._states[issuer.url].keys.take(KeySet([issuer.key.public]).as_jwks())
    status = {"status_list": {"idx": 1, "uri": issuer.list_of(bytes(8))}}
    with pytest.raises(Rejected) as refused:
        guard.decide_blocking(issuer.token(status=status, fam=None, gen=None))
    assert refused.value.reason is Reason.STALE
    assert "list" not in issuer.counts
