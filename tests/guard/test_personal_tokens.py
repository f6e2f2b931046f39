"""Personal tokens at the guard: asked about once in a while, ended by notices in between (S11)."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from counterfoil.guard import Credentials, Guard, Issuer, Options, Rejected, Staleness, Token
from counterfoil.oauth.feed import Position
from counterfoil.oauth.opaque import Kind, spell
from counterfoil.oauth.personal_token import CLIENT_ID, KEPT_SECONDS
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.oauth.url_binding import Requested
from tests.guard.desk import Clock
from tests.guard.issuer import AUDIENCE, TinyIssuer

pytestmark = pytest.mark.anyio
CREDENTIALS = Credentials("guard", "s ecret")
WEEK = 7 * 24 * 3600


def personal(kind: Kind = Kind.PERSONAL_TOKEN) -> str:
    return spell(kind, secrets.token_bytes(32)).reveal()


def shown_from(address: str) -> Callable[[], Requested]:
    return lambda: Requested("GET", f"{AUDIENCE}/notes", address)


class Asking:
    """A guard that asks a small issuer, which says of every token what a test wants."""

    def __init__(self, issuer: TinyIssuer, **options: Any) -> None:
        self.issuer = issuer
        self.clock = Clock(issuer.claims()["iat"])
        trusted = Issuer(issuer.url, credentials=CREDENTIALS, personal=True)
        self.guard = Guard(
            issuers=[trusted], audience=AUDIENCE, options=Options(clock=self.clock, **options)
        )
        self.state = self.guard._states[issuer.url]
        self.forms: list[str] = []
        self.says()

    def says(self, **changes: object) -> None:
        claims = self.issuer.claims(client_id=CLIENT_ID, exp=int(self.clock.now) + WEEK) | changes
        answer = {"active": True, "token_type": "Bearer", **claims}

        def active(form: str) -> object:
            self.forms.append(form)
            return answer

        self.issuer.active = active

    @property
    def asked(self) -> int:
        return self.issuer.counts.get("introspect", 0)

    async def reason(self, token: str, address: str = "192.0.2.7") -> Reason | None:
        try:
            await self.guard.decide(token, where=shown_from(address))
        except Rejected as rejected:
            return rejected.reason
        return None


@pytest.fixture
def asking(issuer: TinyIssuer) -> Asking:
    asking = Asking(issuer)
    with asking.guard:
        assert asking.guard.wait_until_fresh(10)
    # The line is at rest from here on: a test says itself what was heard over it.
    asking.state.notices.fresh_at = float("inf")
    return asking


@pytest.fixture(autouse=True)
async def closed(asking: Asking) -> Any:
    yield
    await asking.guard.aclose()


async def test_one_question_for_minutes_and_then_no_io_at_all(asking: Asking):
    """S11: no I/O, and yet ended at once."""
    token = personal()
    assert await asyncio.gather(*(asking.reason(token) for _ in range(20))) == [None] * 20
    found = asking.guard.check(token, where=shown_from("192.0.2.7"))
    assert isinstance(found, Token)
    assert (found.client_id, found.fingerprint) == (CLIENT_ID, "t1")
    asking.clock.now += KEPT_SECONDS - 1
    assert asking.guard.check(token) is found
    assert asking.asked == 1
    asking.clock.now += 1
    assert await asking.reason(token) is None
    assert asking.asked == 2


async def test_a_notice_ends_it_with_no_question(asking: Asking):
    token = personal()
    assert await asking.reason(token) is None
    asking.state.notices._proven.apply(Notice(Ended.TOKEN, "t1", 10**10))
    with pytest.raises(Rejected) as refused:
        asking.guard.check(token)
    assert refused.value.reason is Reason.REVOKED
    assert asking.asked == 1


async def test_the_next_generation_of_the_api_ends_it(asking: Asking):
    asking.says(gen=(0, 3))
    token = personal()
    assert await asking.reason(token) is None
    asking.state.notices._proven.apply(Notice(Ended.API, AUDIENCE, 10**10, 4))
    assert await asking.reason(token) is Reason.REVOKED


async def test_an_api_that_shortens_its_lifetime_does_not_end_what_people_made(asking: Asking):
    """S26 is of tokens that renew themselves; the maker of this one said how long it lives."""
    asking.says(gen=(0, 3), iat=int(asking.clock.now) - 100)
    asking.state.notices._proven.apply(Notice(Ended.API, AUDIENCE, 10**10, 4, 60))
    assert await asking.reason(personal()) is None


async def test_a_guard_that_is_behind_asks_instead_of_going_by_an_old_answer(asking: Asking):
    token = personal()
    assert await asking.reason(token) is None
    asking.state.notices.fresh_at = float("-inf")
    asking.clock.now += 6
    assert await asking.reason(token) is None
    assert asking.asked == 2
    asking.issuer.active = lambda _form: False
    asking.clock.now += 6
    assert await asking.reason(token) is Reason.REVOKED
    asking.issuer.active = lambda _form: 503
    asking.clock.now += 6
    assert await asking.reason(token) is Reason.STALE


async def test_the_receipt_of_an_ending_is_not_answered_from_memory(asking: Asking):
    token = personal()
    assert await asking.reason(token) is None
    asking.issuer.active = lambda _form: False
    with pytest.raises(Rejected) as refused:
        await asking.guard.decide(token, at_least=Position("e1", 10**6))
    assert refused.value.reason is Reason.REVOKED


async def test_it_is_good_from_its_networks_alone(asking: Asking):
    asking.says(networks=["192.0.2.0/24", "2001:db8::/32"])
    token = personal()
    assert await asking.reason(token, "203.0.113.7") is Reason.WRONG_ADDRESS
    assert await asking.reason(token, "192.0.2.200") is None
    assert await asking.reason(token, "2001:db8::9") is None
    assert await asking.reason(token, "203.0.113.7") is Reason.WRONG_ADDRESS
    assert await asking.reason(token, "") is Reason.WRONG_ADDRESS
    with pytest.raises(Rejected) as refused:
        asking.guard.check(token)
    assert refused.value.reason is Reason.WRONG_ADDRESS
    assert asking.asked == 1


async def test_networks_that_cannot_be_read_are_not_overlooked(asking: Asking):
    for odd in ([], ["here"], "192.0.2.0/24"):
        asking.says(networks=odd)
        assert await asking.reason(personal()) is Reason.MALFORMED


async def test_the_issuer_hears_what_is_understood_here_and_whence_it_came(asking: Asking):
    await asking.reason(personal(), "192.0.2.7")
    form = parse_qs(asking.forms[0])
    assert form["known_types"] == ["personal-token"]
    assert form["client_address"] == ["192.0.2.7"]


WRONG: dict[str, tuple[dict[str, object], Reason]] = {
    "for another api": ({"aud": "https://mail.example"}, Reason.WRONG_AUDIENCE),
    "of another issuer": ({"iss": "https://other.example"}, Reason.WRONG_ISSUER),
    "expired": ({"exp": 1}, Reason.EXPIRED),
    "without a name": ({"jti": None}, Reason.MALFORMED),
    "bound to a key": ({"cnf": {"jkt": "x"}}, Reason.WRONG_BINDING),
}


@pytest.mark.parametrize("case", WRONG)
async def test_an_answer_is_checked_as_a_token_is(asking: Asking, case: str):
    changes, reason = WRONG[case]
    asking.says(**changes)
    token = personal()
    assert await asking.reason(token) is reason
    assert await asking.reason(token) is reason


MISSPELLED: dict[str, Callable[[str], str]] = {
    "truncated": lambda token: token[:-1],
    "another checksum": lambda token: token[:-8] + "00000000",
    "one letter changed": lambda token: token[:10] + chr(ord(token[10]) ^ 1) + token[11:],
    "the prefix alone": lambda _: "cfpt_",
    "another kind's": lambda _: personal(Kind.REFRESH_TOKEN),
    "a reference token": lambda token: token.replace("cfpt_", "cfat_"),
}


@pytest.mark.parametrize("case", MISSPELLED)
async def test_what_cannot_be_one_costs_no_question(asking: Asking, case: str):
    assert await asking.reason(MISSPELLED[case](personal())) is Reason.MALFORMED
    assert asking.asked == 0


async def test_what_is_kept_is_bounded(issuer: TinyIssuer):
    asking = Asking(issuer, cached_tokens=4)
    with asking.guard:
        assert asking.guard.wait_until_fresh(10)
        for _ in range(9):
            assert await asking.reason(personal()) is None
        kept = asking.guard._personal
        assert len(kept._young) + len(kept._old) <= 4
        await asking.guard.aclose()


async def test_where_there_is_no_event_loop_it_is_the_same(issuer: TinyIssuer):
    """Flask and Django under WSGI ask through the guard's own thread."""
    asking = Asking(issuer)
    asking.says(networks=["192.0.2.0/24"])
    token = personal()
    with asking.guard:
        assert asking.guard.wait_until_fresh(10)
        decide = asking.guard.decide_blocking
        found = await asyncio.to_thread(decide, token, where=shown_from("192.0.2.7"))
        assert found.fingerprint == "t1"
        with pytest.raises(Rejected) as refused:
            await asyncio.to_thread(decide, token, where=shown_from("203.0.113.7"))
        assert refused.value.reason is Reason.WRONG_ADDRESS
    assert asking.asked == 1


async def test_the_oldest_token_of_an_api_is_no_exception(issuer: TinyIssuer):
    """S27: an API that takes nothing older than an hour takes no older personal token either."""
    asking = Asking(issuer, max_age=3600)
    asking.says(iat=int(asking.clock.now) - 3600)
    with asking.guard:
        assert asking.guard.wait_until_fresh(10)
        assert await asking.reason(personal()) is Reason.TOO_OLD
        await asking.guard.aclose()


async def test_the_developer_is_told_at_start_up():
    plain = Issuer("https://one.example", credentials=CREDENTIALS)
    with pytest.raises(Rejected) as refused:
        Guard(issuers=[plain], audience=AUDIENCE).check(personal())
    assert refused.value.reason is Reason.WRONG_ISSUER
    with pytest.raises(ValueError, match="credentials"):
        Issuer("https://one.example", personal=True)
    with pytest.raises(ValueError, match="feed"):
        Issuer("https://one.example", credentials=CREDENTIALS, personal=True, revocation="none")
    such = [
        Issuer(f"https://{name}.example", credentials=CREDENTIALS, personal=True)
        for name in ("one", "two")
    ]
    with pytest.raises(ValueError, match="only one"):
        Guard(issuers=such, audience=AUDIENCE, staleness=Staleness.reject())
