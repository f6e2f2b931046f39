"""When an issuer can be decided on."""

from counterfoil.guard import Credentials, Issuer, Staleness
from tests.guard.desk import ISSUER, Desk


def test_with_a_feed_both_keys_and_fresh_word_are_needed(desk: Desk):
    assert desk.state.is_ready(desk.clock.now + 30)
    assert not desk.state.is_ready(desk.clock.now + 31)
    desk.state.keys.verifier = None
    assert not desk.state.is_ready(desk.clock.now)


def test_readiness_does_not_count_the_further_time():
    desk = Desk(staleness=Staleness.accept_for(60))
    assert desk.state.tolerance == 90
    assert not desk.state.is_ready(desk.clock.now + 31)


def test_without_a_feed_there_is_nothing_to_wait_for():
    assert Desk(Issuer(ISSUER, revocation="none")).state.is_ready(9e9)
    asking = Desk(Issuer(ISSUER, revocation="introspect", credentials=Credentials("a", "b")))
    assert not asking.state.is_ready(asking.clock.now)
    asking.state.introspection_endpoint = f"{ISSUER}/introspect"
    assert asking.state.is_ready(asking.clock.now)


def test_keys_of_the_feed_are_a_set_of_their_own(desk: Desk):
    assert desk.state.keys is not desk.state.feed_keys
