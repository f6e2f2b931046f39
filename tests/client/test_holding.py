"""What a holder decides, request by request, without any network."""

from typing import Any

import msgspec
import pytest

from counterfoil.client.cache import Entry, MemoryCache, read_kept
from counterfoil.client.dpop import DpopKey
from counterfoil.client.errors import CacheUnusable, NotTrusted, Refused, SignInNeeded
from counterfoil.client.flows import Flows
from counterfoil.client.holding import PAUSE, Holding, Wish
from counterfoil.client.outside import Outside
from counterfoil.client.tokens import Tokens, tokens_in
from counterfoil.net.http import Unreachable
from tests.client.conversation import ISSUER, NOW, REGISTRATION, Issuer, answer, id_token, random

ENTRY = Entry(issuer=ISSUER, client_id="app", resource="https://notes.example")
MAIL = "https://mail.example"
ANY = Wish()


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache()


def holding(clock: Clock, cache: MemoryCache, *, service: bool = False, key: Any = None) -> Holding:
    flows = Flows(REGISTRATION, Outside(clock, random), key)
    return Holding(flows, cache, ENTRY, for_itself=service)


def response(**members: Any) -> Any:
    return answer({"access_token": "a1", "token_type": "Bearer", "expires_in": 300} | members)


def tokens(**members: Any) -> Tokens:
    document = {"access_token": "a0", "token_type": "Bearer", "expires_in": 300} | members
    document = {"refresh_token": "r0"} | document
    return tokens_in({n: v for n, v in document.items() if v is not None}, "", NOW)


def test_tokens_that_are_good_cost_no_request(clock: Clock, cache: MemoryCache):
    held, issuer = holding(clock, cache), Issuer()
    held.begun_with(tokens())
    assert held.known(ANY) == tokens()
    clock.now += 239
    assert held.known(ANY) == tokens()
    clock.now += 1
    assert held.known(ANY) is None
    assert issuer.asked == []


def test_they_are_replaced_before_they_end_and_kept_before_they_are_given(
    clock: Clock, cache: MemoryCache
):
    held, issuer = holding(clock, cache), Issuer(token=response(refresh_token="r1"))
    held.begun_with(tokens())
    clock.now += 240
    assert issuer.run(held.renewed(ANY)).access_token == "a1"
    assert issuer.form["refresh_token"] == "r0"
    assert issuer.form["resource"] == "https://notes.example"
    kept = read_kept(cache, ENTRY)
    assert kept is not None
    assert kept.tokens.refresh_token == "r1"


def test_what_another_has_fetched_is_taken_without_a_request(clock: Clock, cache: MemoryCache):
    """Two processes on one cache: the second finds the work done."""
    one, other, issuer = holding(clock, cache), holding(clock, cache), Issuer(token=response())
    one.begun_with(tokens())
    other.kept()
    clock.now += 290
    issuer.run(one.renewed(ANY))
    asked = len(issuer.asked)
    assert issuer.run(other.renewed(ANY)).access_token == "a1"
    assert len(issuer.asked) == asked


def test_the_new_refresh_token_is_kept_before_the_id_token_is_looked_at(
    clock: Clock, cache: MemoryCache
):
    """Else whoever cannot verify it would have spent the old one for nothing."""
    held = holding(clock, cache)
    held.begun_with(tokens())
    clock.now += 290
    forged = response(refresh_token="r1", id_token=id_token(aud="other"))
    with pytest.raises(NotTrusted):
        Issuer(token=forged).run(held.renewed(ANY))
    kept = read_kept(cache, ENTRY)
    assert kept is not None
    assert (kept.tokens.refresh_token, kept.tokens.access_token) == ("r1", "a0")


def test_a_lost_answer_is_asked_for_again_with_the_same_refresh_token(
    clock: Clock, cache: MemoryCache
):
    """S19: and by whoever comes next, if this one gives up: the old one is what is kept."""
    held, issuer = holding(clock, cache), Issuer(token=response(refresh_token="r1"))
    held.begun_with(tokens())
    clock.now += 301
    issuer.lost = 2
    with pytest.raises(Unreachable):
        issuer.run(held.renewed(ANY))
    assert issuer.run(holding(clock, cache).renewed(ANY)).refresh_token == "r1"
    assert {each.form["refresh_token"] for each in issuer.asked if each.form} == {"r0"}


def test_a_server_that_is_away_is_no_loss_while_the_old_token_lives(
    clock: Clock, cache: MemoryCache
):
    held, issuer = holding(clock, cache), Issuer(token=response())
    held.begun_with(tokens())
    clock.now += 250
    issuer.lost = 2
    assert issuer.run(held.renewed(ANY)).access_token == "a0"
    assert held.known(ANY) is not None, "nobody waits for that server again at once"
    clock.now += PAUSE
    assert held.known(ANY) is None
    assert issuer.run(held.renewed(ANY)).access_token == "a1"


def test_a_server_that_is_away_when_the_token_was_refused_is_said(clock: Clock, cache: MemoryCache):
    held, issuer = holding(clock, cache), Issuer(token=response())
    held.begun_with(tokens())
    issuer.lost = 2
    with pytest.raises(Unreachable):
        issuer.run(held.renewed(Wish(refused="a0")))


def test_a_refused_token_is_not_given_again(clock: Clock, cache: MemoryCache):
    held, issuer = holding(clock, cache), Issuer(token=response(refresh_token="r1"))
    held.begun_with(tokens())
    wish = Wish(refused="a0")
    assert held.known(wish) is None
    assert issuer.run(held.renewed(wish)).access_token == "a1"
    assert held.known(wish) is not None


def test_an_end_is_an_end(clock: Clock, cache: MemoryCache):
    """invalid_grant: the entry goes, and the person is told to sign in again."""
    refused = answer({"error": "invalid_grant", "error_description": "It has ended."}, 400)
    held, issuer = holding(clock, cache), Issuer(token=refused)
    held.begun_with(tokens())
    clock.now += 290
    with pytest.raises(SignInNeeded, match=r"It has ended.*[Ss]ign in again"):
        issuer.run(held.renewed(ANY))
    assert cache.read(ENTRY) is None
    asked = len(issuer.asked)
    with pytest.raises(SignInNeeded):
        issuer.run(held.renewed(ANY))
    assert len(issuer.asked) == asked


def test_another_refusal_ends_nothing(clock: Clock, cache: MemoryCache):
    busy = answer({"error": "temporarily_unavailable"}, 429)
    held, issuer = holding(clock, cache), Issuer(token=busy)
    held.begun_with(tokens())
    clock.now += 250
    assert issuer.run(held.renewed(ANY)).access_token == "a0"
    clock.now += 51
    with pytest.raises(Refused, match="temporarily_unavailable"):
        issuer.run(held.renewed(ANY))
    assert cache.read(ENTRY) is not None


def test_one_refresh_token_serves_several_apis(clock: Clock, cache: MemoryCache):
    """RFC 8707 §2.2: each API gets a token of its own."""
    held, issuer = holding(clock, cache), Issuer(token=response(refresh_token="r1"))
    held.begun_with(tokens())
    mail = Wish(MAIL)
    assert held.known(mail) is None
    assert issuer.run(held.renewed(mail)).access_token == "a1"
    assert issuer.form["resource"] == MAIL
    assert held.known(ANY) == msgspec.structs.replace(tokens(), refresh_token="r1")
    found = holding(clock, cache)
    found.kept()
    given = found.known(mail)
    assert given is not None
    assert given.refresh_token is None


def test_a_service_asks_for_itself_and_signs_nobody_in(clock: Clock, cache: MemoryCache):
    held, issuer = holding(clock, cache, service=True), Issuer(token=response())
    assert issuer.run(held.renewed(ANY)).access_token == "a1"
    assert issuer.form["grant_type"] == "client_credentials"
    clock.now += 290
    assert held.known(ANY) is None
    assert issuer.run(held.renewed(ANY)).access_token == "a1"
    with pytest.raises(ValueError, match="of its own for each API"):
        issuer.run(held.renewed(Wish(MAIL)))


def test_a_token_that_nothing_can_replace_is_good_to_its_end(clock: Clock, cache: MemoryCache):
    """Without a refresh token there is nothing ahead to do."""
    held, issuer = holding(clock, cache), Issuer()
    held.begun_with(tokens(refresh_token=None))
    clock.now += 299
    assert issuer.run(held.renewed(ANY)).access_token == "a0"
    with pytest.raises(SignInNeeded):
        issuer.run(held.renewed(Wish(refused="a0")))
    clock.now += 1
    with pytest.raises(SignInNeeded):
        issuer.run(held.renewed(ANY))
    assert issuer.asked == []


def test_nobody_signed_in_is_said_without_a_request(clock: Clock, cache: MemoryCache):
    issuer = Issuer()
    with pytest.raises(SignInNeeded, match="nobody is signed in"):
        issuer.run(holding(clock, cache).renewed(ANY))
    assert issuer.asked == []


def test_tokens_of_a_key_that_is_gone_are_not_sent_anywhere(clock: Clock, cache: MemoryCache):
    """RFC 9449 §5: without it they are worth nothing; a refresh would only be refused."""
    bound = holding(clock, cache, key=DpopKey.in_memory())
    bound.begun_with(tokens())
    issuer = Issuer()
    later = holding(clock, cache, key=DpopKey.in_memory())
    later.kept()
    assert later.known(ANY) is None
    with pytest.raises(SignInNeeded, match="bound to a key"):
        issuer.run(later.renewed(ANY))
    assert issuer.asked == []


def test_nobody_spends_what_he_could_not_replace(clock: Clock):
    """A disk that is full, or a keyring that is locked, is met before the refresh and not after."""

    class Full(MemoryCache):
        is_full = False

        def write(self, entry: Entry, content: bytes) -> None:
            if self.is_full:
                raise CacheUnusable("no space left on device")
            super().write(entry, content)

    cache, issuer = Full(), Issuer(token=response(refresh_token="r1"))
    held = holding(clock, cache)
    held.begun_with(tokens())
    cache.is_full = True
    clock.now += 250
    assert issuer.run(held.renewed(ANY)).access_token == "a0", "the old one still lives"
    clock.now += 51
    with pytest.raises(CacheUnusable, match="no space"):
        issuer.run(held.renewed(ANY))
    assert issuer.asked == []
