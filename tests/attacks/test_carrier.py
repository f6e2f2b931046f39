"""A hostile carrier: whoever may write to NATS there, or runs it, and all that he can try.

The guard is never fresh without the notices, nobody is refused for a lie, and the issuer's own
feed mends it. Over a real NATS; the issuer is small, and signs what it has ended.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from counterfoil.guard import Carrier, Guard, Issuer, Options, Rejected
from counterfoil.jose import jwt
from counterfoil.jose.keys import PrivateKey
from counterfoil.net.carrier import NatsServers, NatsUrl
from counterfoil.net.event_stream import event
from counterfoil.net.jetstream import Keeping, Stream
from counterfoil.oauth.feed import HEAD_TYPE, carried
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Notice
from tests.flows.serving import until
from tests.guard.issuer import AUDIENCE, Book, TinyIssuer
from tests.nats import Nats, running

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.nats,
    pytest.mark.one_engine("no server of ours is there"),
]

SILENCE = 3.0


@pytest.fixture(scope="module")
def nats() -> Iterator[Nats]:
    with running() as server:
        yield server


class Scene:
    """An issuer, its carrier in the hands of whoever runs this test, and a guard between them."""

    def __init__(self, issuer: TinyIssuer, stream: Stream, guard: Guard) -> None:
        self.issuer = issuer
        self.stream = stream
        self.guard = guard
        self.notices = guard._states[issuer.url].notices
        self.skew = 0.0
        self.token = issuer.token()

    async def put(self, *pieces: bytes) -> None:
        await self.stream.put(b"".join(pieces), "")

    def head(self, number: int | None = None) -> bytes:
        return event("head", self.issuer.book.signed_head(time.time(), number))

    def line(self, number: int) -> bytes:
        line = self.issuer.book.line(number)
        return event("notice", line.data, line.last_id)

    @property
    def rides(self) -> bool:
        (line,) = self.guard._follower._lines
        return line._carriage is not None and line._carriage.rides

    def reason(self) -> Reason | None:
        try:
            self.guard.check(self.token)
        except Rejected as rejected:
            return rejected.reason
        return None

    async def honest_until(self, holds: Callable[[], bool]) -> None:
        """Carry heads, and all lines, until something has come about."""
        for _ in range(1000):
            if holds():
                return
            lines = [self.line(number + 1) for number in range(len(self.issuer.book.texts))]
            await self.put(*lines, self.head())
            await asyncio.sleep(0.01)
        pytest.fail("it did not come about")

    async def is_mended(self, ended_at: float) -> None:
        """The issuer's own feed has told all, and nobody was ever let pass on false word."""
        await until(lambda: self.reason() is Reason.REVOKED)
        await until(lambda: self.notices.fresh_at > ended_at)
        assert not self.rides
        assert self.issuer.counts["snapshot"] == 1


@pytest.fixture
async def scene(nats: Nats) -> AsyncIterator[Scene]:
    with TinyIssuer() as issuer:
        cluster = NatsServers((NatsUrl(nats.url),))
        stream = await Stream.open(cluster, carried(issuer.url), Keeping(3600))
        await stream.prepare()
        scenes: list[Scene] = []
        trusted = Issuer(issuer.url, carrier=Carrier((nats.url,), silence=SILENCE))
        options = Options(clock=lambda: time.time() + (scenes[0].skew if scenes else 0))
        with Guard(issuers=[trusted], audience=AUDIENCE, options=options) as guard:
            scenes.append(Scene(issuer, stream, guard))
            await until(lambda: guard.wait_until_fresh(0))
            await scenes[0].honest_until(lambda: scenes[0].rides)
            assert scenes[0].reason() is None
            yield scenes[0]
        await stream.close()


def lies(scene: Scene) -> list[Notice]:
    far = int(time.time()) + 10**6
    return [
        Notice(Ended.FAMILY, "f1", far),
        Notice(Ended.TOKEN, "t1", far),
        Notice(Ended.API, AUDIENCE, far, 10**9),
        Notice(Ended.CLIENT, "c1", far, 10**9),
        Notice(Ended.KEY, scene.issuer.key.public.kid, far),
    ]


async def test_nobody_is_refused_for_a_lie(scene: Scene):
    """Not for a moment: who may write there could otherwise end every token, over and over."""
    epoch = scene.issuer.book.epoch
    for number, lie in enumerate(lies(scene), 1):
        await scene.put(event("notice", lie.text(), f"{epoch}:{number}"))
    seen = set[Reason | None]()
    for _ in range(50):
        await scene.put(scene.head())
        seen.add(scene.reason())
        await asyncio.sleep(0.005)
    assert seen == {None}
    assert scene.rides, "what no head speaks of is no reason to go"


async def test_a_lie_in_place_of_a_notice_hides_nothing(scene: Scene):
    ended_at = time.time()
    scene.issuer.end(Ended.FAMILY, "f1")
    harmless = Notice(Ended.FAMILY, "nobody", 10**10).text()
    await scene.put(event("notice", harmless, f"{scene.issuer.book.epoch}:1"), scene.head())
    await scene.is_mended(ended_at)


async def test_a_notice_that_is_held_back_shows_with_the_heads(scene: Scene):
    """S40."""
    ended_at = time.time()
    scene.issuer.end(Ended.FAMILY, "f1")
    await scene.put(scene.head())
    await scene.put(scene.head())
    await scene.is_mended(ended_at)


async def test_all_being_held_back_shows_by_the_silence(scene: Scene):
    ended_at = time.time()
    scene.issuer.end(Ended.FAMILY, "f1")
    assert scene.rides
    await scene.is_mended(ended_at)
    assert time.time() - ended_at < SILENCE + 2


async def test_old_heads_and_an_old_epoch_replayed_keep_nobody(scene: Scene):
    """A steady stream of what the issuer did sign, once."""
    old = Book(scene.issuer.url, "e0", scene.issuer.book.key)
    old.add(Notice(Ended.FAMILY, "nobody", 10**10))
    replayed = [
        scene.head(),
        event("head", old.signed_head(time.time() - 60)),
        event("notice", old.texts[0], "e0:1"),
    ]
    ended_at = time.time()
    scene.issuer.end(Ended.FAMILY, "f1")
    while scene.rides:
        await scene.put(*replayed)
        await asyncio.sleep(0.02)
        assert time.time() - ended_at < SILENCE + 2
    await scene.is_mended(ended_at)


async def test_heads_of_a_stranger_and_of_another_issuer_prove_nothing(scene: Scene):
    ended_at = time.time()
    scene.issuer.end(Ended.FAMILY, "f1")
    other = Book("https://other.example", scene.issuer.book.epoch, scene.issuer.book.key)
    for signed in (
        other.signed_head(time.time()),
        jwt.sign(scene.issuer.book.head(time.time(), 0), PrivateKey.generate(), HEAD_TYPE),
    ):
        await scene.put(event("head", signed))
    assert scene.notices.fresh_at < ended_at or scene.reason() is Reason.REVOKED
    await scene.is_mended(ended_at)


async def test_resets_and_nonsense_cost_the_issuer_no_snapshot(scene: Scene):
    nonsense = [
        event("reset", "{}"),
        b"\x00\xff\n\n",
        event("notice", "{}", "e9:9"),
        b"x" * 400_000,
    ]
    for _ in range(3):
        for piece in nonsense:
            await scene.put(piece)
    ended_at = time.time()
    scene.issuer.end(Ended.FAMILY, "f1")
    await scene.put(event("head", "a.b.c"))
    await scene.is_mended(ended_at)


async def test_a_flood_holds_up_no_check(scene: Scene):
    """More than can be read is thrown away, and the guard goes to the issuer."""
    ended_at = time.time()
    scene.issuer.end(Ended.FAMILY, "f1")
    flood = b"".join(event("notice", "x" * 900, f"e1:{number}") for number in range(9, 500))
    longest, begun = 0.0, time.time()
    while scene.rides and time.time() < begun + SILENCE + 2:
        await scene.put(flood)
        before = time.perf_counter()
        scene.reason()
        longest = max(longest, time.perf_counter() - before)
    assert longest < 1
    await scene.is_mended(ended_at)


async def test_whoever_holds_back_both_makes_it_stale(scene: Scene):
    """Then its owner's policy bites, whatever comes by the carrier."""
    scene.issuer.end(Ended.FAMILY, "f1")
    old = scene.issuer.book.signed_snapshot(time.time(), 0)
    scene.issuer.snapshot_answer = lambda: old
    scene.issuer.carrier = lambda each: [] if each.name == "notice" else [each]
    for _ in range(3):
        await scene.put(scene.head())
        await asyncio.sleep(0.05)
    await until(lambda: not scene.rides)
    before = scene.notices.fresh_at
    scene.skew = 31.0
    assert scene.reason() is Reason.STALE
    assert scene.notices.fresh_at == before


async def test_it_is_taken_back_when_it_is_honest_again(scene: Scene):
    scene.issuer.end(Ended.FAMILY, "f7")
    await scene.put(scene.head())
    await scene.put(scene.head())
    await until(lambda: not scene.rides)
    await scene.honest_until(lambda: scene.rides)
    scene.issuer.end(Ended.FAMILY, "f1")
    streams = scene.issuer.counts["stream"]
    await scene.put(scene.line(2), scene.head())
    await until(lambda: scene.reason() is Reason.REVOKED)
    assert scene.rides
    assert scene.issuer.counts["stream"] == streams
