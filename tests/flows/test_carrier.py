"""Notices carried by NATS, whole: a server in a process of its own, a real NATS, real guards."""

import logging
import os
import select
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from counterfoil.guard import Carrier, Credentials, Guard, Issuer
from counterfoil.net.carrier import NatsServers, NatsUrl
from counterfoil.net.event_stream import event
from counterfoil.net.jetstream import Keeping, Stream
from counterfoil.oauth.binding import UNBOUND
from counterfoil.oauth.feed import Position
from counterfoil.oauth.feed import carried as feed_names
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.protocol.restoring import Cause, begin_anew
from counterfoil.server.protocol.waiting import wait_for
from counterfoil.server.records.event import EventKind
from tests.flows.serving import fresh, refusal, refusal_of, served, until
from tests.flows.test_restore import GONE
from tests.guard.issuer import AUDIENCE, TinyIssuer
from tests.installation import NOTES, Installation
from tests.nats import Nats, running

pytestmark = [pytest.mark.anyio, pytest.mark.nats]


@pytest.fixture(scope="module")
def nats() -> Iterator[Nats]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory, nats: Nats
) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("data"), nats=nats.url) as place:
        yield place


def by_carrier(place: Installation, *servers: str, silence: float = 10.0) -> Guard:
    issuer = Issuer(
        place.issuer,
        credentials=Credentials("service", place.secrets["service"]),
        carrier=Carrier(servers, silence=silence),
    )
    return Guard(issuers=[issuer], audience=NOTES)


def rides(guard: Guard) -> bool:
    """Whether it goes by its carrier now, and not by the issuer's own feed."""
    (line,) = guard._follower._lines
    return line._carriage is not None and line._carriage.rides


async def end_something(place: Installation) -> Position:
    notice = Notice(Ended.TOKEN, "some-handle", 10**10)
    return await place.authority.store.transact(lambda tx: tx.notices.append([notice]))


async def revoked(place: Installation) -> str:
    """A token that was good, and ended."""
    token = await place.service_token()
    answer = await place.post("/revoke", "service", token=token)
    assert answer.status_code == 200
    return token


async def health(place: Installation) -> dict[str, str]:
    async with place.browser() as anyone:
        answer = await anyone.get("/health/ready")
    assert answer.status_code == 200
    return dict(answer.json())


async def test_what_is_ended_is_refused_by_guards_that_hear_it_from_nats_alone(
    place: Installation, nats: Nats
):
    """S40: the server has no line to them."""
    with ExitStack() as stack:
        guards = [stack.enter_context(by_carrier(place, nats.url)) for _ in range(4)]
        for guard in guards:
            await until(lambda guard=guard: rides(guard), 10)
        token = await place.service_token()
        assert [refusal(guard, token) for guard in guards] == [None] * 4
        answer = await place.post("/revoke", "service", token=token)
        assert answer.status_code == 200
        for guard in guards:
            assert (await refusal_of(guard, token)).reason is Reason.REVOKED
        assert all(rides(guard) for guard in guards)
    assert await health(place) == {"status": "ready", "carrier": "carries"}


async def test_a_receipt_claims_nothing_of_guards_that_nobody_can_ask(
    place: Installation, nats: Nats
):
    """A wait says that there may be more; a request may demand its receipt all the same."""
    with by_carrier(place, nats.url) as carried, Guard(place.issuer, audience=NOTES) as direct:
        await until(lambda: rides(carried), 10)
        notices = next(iter(direct._states.values())).notices
        await fresh(direct)
        before = notices.fresh_at
        await until(lambda: notices.fresh_at > before)
        receipt = await end_something(place)
        found = await wait_for(place.authority.store, receipt, 30)
        assert (found.reached, found.known, found.anonymous) == (True, 0, 1)
        assert (found.others, found.lost, found.carried) == (0, (), True)
        token = await place.service_token()
        state = carried._states[place.issuer]
        await until(lambda: state.notices.has_proved(receipt))
        assert carried.check(token, UNBOUND, receipt).client_id == "service"


async def test_without_a_carrier_a_receipt_says_nothing_of_one(tmp_path: Path):
    async with served(tmp_path) as place:
        found = await wait_for(place.authority.store, await end_something(place), 5)
        assert (found.reached, found.carried) == (True, False)
        assert await health(place) == {"status": "ready"}


async def test_nats_may_come_later_and_go(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Down at the start, then there, then killed: guards refuse what ended all the time."""
    caplog.set_level(logging.INFO, "counterfoil")
    with running() as nats:
        nats.stop()
        async with served(tmp_path, nats=nats.url) as place:
            with by_carrier(place, nats.url, silence=3.0) as guard:
                await fresh(guard)
                assert (await refusal_of(guard, await revoked(place))).reason is Reason.REVOKED
                assert not rides(guard)
                assert (await health(place))["carrier"] == "down"
                nats.start()
                await until(lambda: rides(guard), 20)
                assert (await health(place))["carrier"] == "carries"
                assert (await refusal_of(guard, await revoked(place))).reason is Reason.REVOKED
                nats.stop()
                tokens = [await revoked(place) for _ in range(3)]
                await until(lambda: not rides(guard), 10)
                for token in tokens:
                    assert (await refusal_of(guard, token)).reason is Reason.REVOKED


async def test_a_new_epoch_is_learnt_from_the_issuer_whatever_is_carried(
    tmp_path: Path, nats: Nats
):
    """As after a backup was restored: what the stream keeps of the old one keeps nobody in it."""
    async with served(tmp_path, nats=nats.url) as place:
        authority = place.authority
        with by_carrier(place, nats.url) as guard:
            await until(lambda: rides(guard), 10)
            token, before = await place.service_token(), authority.hub.position.epoch
            assert refusal(guard, token) is None
            cause = Cause(EventKind.DATABASE_RESTORED, "restored", {"made_at": "1"})
            begun = await authority.store.transact(
                lambda tx: begin_anew(tx, authority.rotation, authority.issuer, cause)
            )
            assert (await refusal_of(guard, token)).reason in GONE
            notices = guard._states[place.issuer].notices

            def follows_it() -> bool:
                return notices.position is not None and notices.position.epoch == begun.epoch

            await until(follows_it, 20)
            assert begun.epoch != before
            assert (await refusal_of(guard, await revoked(place))).reason is Reason.REVOKED
            good = await place.service_token()
            await until(lambda: refusal(guard, good) is None, 10)
            with by_carrier(place, nats.url) as young:
                await fresh(young)
                await until(lambda: rides(guard) or rides(young), 20)
                for each in (guard, young):
                    assert refusal(each, good) is None
                    assert refusal(each, token) is not None


@pytest.mark.one_engine("about who waits for a carrier")
async def test_a_frozen_nats_delays_no_answer(tmp_path: Path):
    """It keeps its connections, and takes nothing: nobody but the publisher waits for it."""
    with running() as nats:
        async with served(tmp_path, nats=nats.url) as place:
            with (
                by_carrier(place, nats.url) as guard,
                Guard(place.issuer, audience=NOTES) as direct,
            ):
                await until(lambda: rides(guard), 10)
                await fresh(direct)
                nats.freeze()
                for _ in range(5):
                    token = await revoked(place)
                    assert (await refusal_of(direct, token)).reason is Reason.REVOKED
                await until(lambda: not rides(guard), 12)
                assert (await refusal_of(guard, token)).reason is Reason.REVOKED
                nats.thaw()


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
async def test_a_forked_child_goes_by_the_carrier_too(nats: Nats):
    """The fork comes while the parent watches for it: what watched there is not in the child."""
    with TinyIssuer() as issuer:
        cluster = NatsServers((NatsUrl(nats.url),))
        stream = await Stream.open(cluster, feed_names(issuer.url), Keeping(60))
        await stream.prepare()
        trusted = Issuer(issuer.url, carrier=Carrier((nats.url,)))
        with Guard(issuers=[trusted], audience=AUDIENCE) as guard:
            await until(lambda: issuer.streams == 1)
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                answer = b"?"
                try:
                    answer = b"r" if guard._follower.wait_until(lambda: rides(guard), 10) else b"a"
                finally:
                    os.write(write, answer)
                    os._exit(0)
            os.set_blocking(read, False)
            for _ in range(400):
                await stream.put(event("head", issuer.book.signed_head(time.time())), "")
                if select.select([read], [], [], 0)[0] and rides(guard):
                    break
                await anyio.sleep(0.02)
            assert os.read(read, 1) == b"r"
            await anyio.to_thread.run_sync(os.waitpid, child, 0)
            os.close(read)
            os.close(write)
        await stream.close()
