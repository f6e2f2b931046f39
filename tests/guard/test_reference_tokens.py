"""Opaque tokens at the guard: nothing can be known here, so their issuer is asked (S49, S64)."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from counterfoil.guard import Credentials, Guard, Issuer, Options, Rejected, Token, Undecided
from counterfoil.oauth.binding import Binding
from counterfoil.oauth.opaque import Kind, spell
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Notice
from tests.guard.desk import Clock
from tests.guard.issuer import AUDIENCE, TinyIssuer

pytestmark = pytest.mark.anyio
CREDENTIALS = Credentials("guard", "s ecret")


def reference(kind: Kind = Kind.ACCESS_TOKEN) -> str:
    return spell(kind, secrets.token_bytes(32)).reveal()


class Asking:
    """A guard that asks a small issuer, which says of every token what a test wants."""

    def __init__(self, issuer: TinyIssuer) -> None:
        self.issuer = issuer
        self.clock = Clock(issuer.claims()["iat"])
        trusted = Issuer(issuer.url, credentials=CREDENTIALS, reference=True)
        options = Options(clock=self.clock)
        self.guard = Guard(issuers=[trusted], audience=AUDIENCE, options=options)
        self.says()

    def says(self, **changes: object) -> None:
        answer = {"active": True, "token_type": "Bearer", **self.issuer.claims(**changes)}
        self.issuer.active = lambda _form: answer

    @property
    def asked(self) -> int:
        return self.issuer.counts.get("introspect", 0)

    async def reason(self, token: str, *proved: Binding) -> Reason | None:
        try:
            await self.guard.decide(token, *proved)
        except Rejected as rejected:
            return rejected.reason
        return None


@pytest.fixture
def asking(issuer: TinyIssuer) -> Iterator[Asking]:
    asking = Asking(issuer)
    with asking.guard:
        assert asking.guard.wait_until_fresh(10)
        yield asking


@pytest.fixture(autouse=True)
async def closed(asking: Asking) -> Any:
    yield
    await asking.guard.aclose()


async def test_the_token_is_what_its_issuer_says(asking: Asking):
    token = await asking.guard.decide(reference())
    assert isinstance(token, Token)
    assert (token.subject, token.client_id, token.fingerprint) == ("u1", "c1", "t1")
    assert token.scopes == {"notes:read", "notes:write"}
    assert token.audience == (AUDIENCE,)
    assert "active" not in token.claims


async def test_nothing_can_be_known_here(asking: Asking):
    """Who calls the plain function without I/O has a refusal: stale."""
    with pytest.raises(Undecided) as undecided:
        asking.guard.check(reference())
    assert undecided.value.token is None
    assert undecided.value.reason is Reason.STALE
    assert asking.asked == 0


async def test_one_question_for_seconds_however_many_ask(asking: Asking):
    token = reference()
    assert await asyncio.gather(*(asking.reason(token) for _ in range(20))) == [None] * 20
    assert await asking.reason(token) is None
    assert asking.asked == 1
    assert await asking.reason(reference()) is None
    assert asking.asked == 2
    asking.clock.now += 5
    assert await asking.reason(token) is None
    assert asking.asked == 3


async def test_an_issuer_that_says_no_is_believed(asking: Asking):
    asking.issuer.active = lambda _form: False
    assert await asking.reason(reference()) is Reason.REVOKED


async def test_an_issuer_that_says_nothing_leaves_it_open(asking: Asking):
    asking.issuer.active = lambda _form: 503
    assert await asking.reason(reference()) is Reason.STALE


WRONG: dict[str, tuple[dict[str, object], Reason]] = {
    "for another api": ({"aud": "https://mail.example"}, Reason.WRONG_AUDIENCE),
    "for no api": ({"aud": None}, Reason.MALFORMED),
    "of another issuer": ({"iss": "https://other.example"}, Reason.WRONG_ISSUER),
    "of no issuer": ({"iss": None}, Reason.WRONG_ISSUER),
    "expired": ({"exp": 1}, Reason.EXPIRED),
    "without an end": ({"exp": None}, Reason.MALFORMED),
    "without a name": ({"jti": None}, Reason.MALFORMED),
    "of tomorrow": ({"iat": 10**10}, Reason.ISSUED_IN_FUTURE),
    "bound to a key": ({"cnf": {"jkt": "x"}}, Reason.WRONG_BINDING),
    "odd": ({"sub": 7}, Reason.MALFORMED),
}


@pytest.mark.parametrize("case", WRONG)
async def test_an_answer_is_checked_as_a_token_is(asking: Asking, case: str):
    """S64: expired? right scope? for here? The issuer says; the guard decides."""
    changes, reason = WRONG[case]
    asking.says(**changes)
    assert await asking.reason(reference()) is reason


async def test_a_bound_token_passes_with_its_key(asking: Asking):
    asking.says(cnf={"jkt": "thumb"})
    token = reference()
    assert await asking.reason(token, Binding("jkt", "thumb")) is None
    assert await asking.reason(token) is Reason.WRONG_BINDING
    assert asking.asked == 1


async def test_what_was_remembered_expires_and_ends_at_once(asking: Asking):
    """An answer is kept for seconds; time and notices do not wait for them."""
    asking.says(exp=int(asking.clock.now) + 2)
    short, ended = reference(), reference()
    assert await asking.reason(short) is None
    asking.clock.now += 2
    assert await asking.reason(short) is Reason.EXPIRED
    asking.says(jti="t2")
    assert await asking.reason(ended) is None
    state = asking.guard._states[asking.issuer.url]
    state.notices._proven.apply(Notice(Ended.TOKEN, "t2", 10**10))
    assert await asking.reason(ended) is Reason.REVOKED
    assert asking.asked == 2


MISSPELLED: dict[str, Callable[[str], str]] = {
    "truncated": lambda token: token[:-1],
    "longer": lambda token: token + "0",
    "another checksum": lambda token: token[:-8] + "00000000",
    "one letter changed": lambda token: token[:10] + chr(ord(token[10]) ^ 1) + token[11:],
    "enormous": lambda token: token[:-9] + "A" * 12_000 + token[-9:],
    "beyond all bounds": lambda token: token + "A" * 100_000,
    "the prefix alone": lambda _: "cfat_",
    "another kind's": lambda _: reference(Kind.REFRESH_TOKEN),
    "not ascii": lambda token: token + "é",
}


@pytest.mark.parametrize("case", MISSPELLED)
async def test_what_cannot_be_one_is_never_asked_about(asking: Asking, case: str):
    """The checksum costs a guesser nothing to compute, but keeps chance and noise away."""
    assert await asking.reason(MISSPELLED[case](reference())) is Reason.MALFORMED
    assert asking.asked == 0


async def test_without_such_an_issuer_it_is_refused_at_once(issuer: TinyIssuer):
    plain = Guard(issuers=[Issuer(issuer.url, credentials=CREDENTIALS)], audience=AUDIENCE)
    with pytest.raises(Rejected) as refused:
        plain.check(reference())
    assert refused.value.reason is Reason.WRONG_ISSUER
    assert "reference=True" in str(refused.value)


async def test_the_developer_is_told_at_start_up(issuer: TinyIssuer):
    for option in ("reference", "registry"):
        with pytest.raises(ValueError, match="credentials"):
            Issuer(issuer.url, **{option: True})
    one = Issuer("https://one.example", credentials=CREDENTIALS, reference=True)
    two = Issuer("https://two.example", credentials=CREDENTIALS, reference=True)
    with pytest.raises(ValueError, match="only one"):
        Guard(issuers=[one, two], audience=AUDIENCE)


async def test_only_the_issuer_of_such_is_asked(issuer: TinyIssuer):
    """A token shown to another issuer would be given away to it."""
    with TinyIssuer() as other:
        other.active = lambda _form: True
        trusted = [
            Issuer(other.url, credentials=CREDENTIALS),
            Issuer(issuer.url, credentials=CREDENTIALS, reference=True),
        ]
        claims = {"active": True, **issuer.claims()}
        issuer.active = lambda _form: claims
        with Guard(issuers=trusted, audience=AUDIENCE) as guard:
            assert await asyncio.to_thread(guard.wait_until_fresh, 10)
            assert (await guard.decide(reference())).issuer == issuer.url
            await guard.aclose()
        assert other.counts.get("introspect", 0) == 0
