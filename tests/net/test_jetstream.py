"""The feed in a stream of a real NATS: put, found again, heard live, and replayed."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pytest

from counterfoil.net.carrier import CarrierDown, CarrierFloods, NatsServers, NatsUrl
from counterfoil.net.jetstream import LONGEST, Keeping, Listener, Stream
from counterfoil.net.nats_parser import MOST_AT_ONCE, MOST_BYTES
from counterfoil.oauth.feed import Carried, carried
from tests.nats import Nats, running

pytestmark = [pytest.mark.anyio, pytest.mark.nats]

KEEPING = Keeping(seconds=3600)


@pytest.fixture(scope="module")
def nats() -> Iterator[Nats]:
    with running() as server:
        yield server


@pytest.fixture
def names() -> Carried:
    """Of an issuer of this test's own."""
    return carried(f"https://{uuid4()}.example")


def at(nats: Nats) -> NatsServers:
    return NatsServers((NatsUrl(nats.url),))


@asynccontextmanager
async def stream(nats: Nats, names: Carried) -> AsyncIterator[Stream]:
    stream = await Stream.open(at(nats), names, KEEPING)
    try:
        await stream.prepare()
        yield stream
    finally:
        await stream.close()


@asynccontextmanager
async def listener(nats: Nats, names: Carried) -> AsyncIterator[Listener]:
    listener = await Listener.open(at(nats), names, 0)
    try:
        yield listener
    finally:
        await listener.close()


async def test_what_was_put_last_is_found_again(nats: Nats, names: Carried):
    async with stream(nats, names) as one:
        assert await one.last() == ""
        await one.put(b"first", "e:1")
        await one.put(b"second", "e:7")
        assert one.longest == LONGEST
    async with stream(nats, names) as other:
        assert await other.last() == "e:7"


async def test_issuers_do_not_hear_each_other(nats: Nats, names: Carried):
    others = carried("https://other.example")
    assert not set(names.stream + names.subject) & {" ", "*", ">"}
    async with stream(nats, names) as mine, stream(nats, others) as theirs:
        async with listener(nats, names) as listening:
            await theirs.put(b"theirs", "e:1")
            await mine.put(b"mine", "e:1")
            assert await listening.next() == b"mine"
        assert await mine.last() == "e:1"


async def test_what_was_missed_comes_first_and_in_order(nats: Nats, names: Carried):
    """More than one look at the stream brings at once, while more is put."""
    begun = time.time()
    async with stream(nats, names) as filled:
        for number in range(300):
            await filled.put(b"%d" % number, f"e:{number}")
        async with listener(nats, names) as listening:
            await filled.put(b"300", "e:300")
            await listening.replay(begun - 1)
            await filled.put(b"301", "e:301")
            heard = [b""]
            async with asyncio.timeout(30):
                while heard[-1] != b"301":
                    heard.append(await listening.next())
    # What came while it listened and was not yet replayed comes twice: numbers tell.
    assert list(dict.fromkeys(heard[1:])) == [b"%d" % number for number in range(302)]


async def test_nothing_is_replayed_from_before(nats: Nats, names: Carried):
    async with stream(nats, names) as filled:
        await filled.put(b"before", "e:1")
        async with listener(nats, names) as listening:
            await listening.replay(time.time() + 5)
            await filled.put(b"after", "e:2")
            assert await listening.next() == b"after"


async def test_a_stream_that_is_there_is_left_as_it_is(nats: Nats, names: Carried):
    async with stream(nats, names) as one:
        await one.put(b"kept", "e:1")
        other = await Stream.open(at(nats), names, Keeping(seconds=60, bytes=1024))
        await other.prepare()
        await other.close()
        info = await one._stream.stream_info(names.stream)
        assert (info.config.max_age, info.config.max_bytes) == (3600, KEEPING.bytes)


async def test_without_a_stream_nothing_can_be_put_or_replayed(nats: Nats, names: Carried):
    looking = await Stream.open(at(nats), names, KEEPING)
    assert await looking.last() == ""
    with pytest.raises(CarrierDown):
        await looking.put(b"lost", "e:1")
    await looking.close()
    async with listener(nats, names) as listening:
        with pytest.raises(CarrierDown):
            await listening.replay(time.time() - 5)


async def test_a_stream_of_another_is_not_filled(nats: Nats, names: Carried):
    """Whoever has made one for all subjects would be sent what is meant for guards."""
    other = await Stream.open(
        at(nats), Carried("everything", names.subject.rpartition(".")[0] + ".*"), KEEPING
    )
    await other.prepare()
    looking = await Stream.open(at(nats), names, KEEPING)
    with pytest.raises(CarrierDown, match="stream"):
        await looking.put(b"x", "e:1")
    await looking.close()
    await other.close()


async def test_a_listener_whose_server_goes_is_told(names: Carried):
    with running() as nats:
        async with stream(nats, names) as filled, listener(nats, names) as listening:
            await filled.put(b"last", "e:1")
            assert await listening.next() == b"last"
            waiting = asyncio.create_task(listening.next())
            await asyncio.sleep(0)
            nats.stop()
            with pytest.raises(CarrierDown, match="closed"):
                await waiting
            with pytest.raises(CarrierDown):
                await listening.replay(time.time() - 5)
            with pytest.raises(CarrierDown):
                await filled.put(b"lost", "e:2")


async def test_a_listener_whose_line_is_lost_while_it_answers_is_told(nats: Nats, names: Carried):
    """A server asks now and then whether we are there; the answer may be what is lost."""
    async with listener(nats, names) as listening:
        client = listening._client
        assert client is not None
        waiting = asyncio.create_task(listening.next())
        await asyncio.sleep(0)
        client._pending.append(b"PONG\r\n")
        client._pending_data_size += len(client._pending[0])
        client._transport._io_writer.transport.abort()
        with pytest.raises(CarrierDown, match="closed"):
            await waiting


async def test_a_server_that_does_nothing_any_more_fails_whoever_puts(names: Carried):
    with running() as nats:
        async with stream(nats, names) as filled:
            nats.freeze()
            with pytest.raises(CarrierDown, match="no answer in time"):
                await filled.put(b"lost", "e:1")
            nats.thaw()


async def test_more_than_can_be_read_is_not_kept(nats: Nats, names: Carried):
    """Memory is bounded; what was dropped is said, and what was kept comes first."""
    async with stream(nats, names) as filled, listener(nats, names) as listening:
        piece, count = b"x" * LONGEST, MOST_BYTES // LONGEST
        for number in range(count + 2):
            await filled.put(piece, f"e:{number}")
        kept = [await listening.next() for _ in range(count)]
        assert kept == [piece] * count
        with pytest.raises(CarrierDown, match="more comes than can be read"):
            await listening.next()


async def test_pieces_of_nothing_are_not_kept_without_end_either(names: Carried):
    listening = Listener(names)
    for _ in range(MOST_BYTES // 16):
        listening._add(listening._live, b"")
    assert len(listening._live) < MOST_BYTES // 32
    for _ in range(len(listening._live)):
        assert await listening.next() == b""
    with pytest.raises(CarrierFloods):
        await listening.next()


async def test_a_flood_is_not_read_by_whoever_puts(names: Carried):
    """It has guards and clients to serve, and expects to hear next to nothing."""
    hung_up = asyncio.Event()

    async def flooding(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO {}\r\n")
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n")
        with suppress(ConnectionError):
            for _ in range(100):
                writer.write(b"MSG x 9 0\r\n\r\n" * 10_000)
                await writer.drain()
        hung_up.set()
        writer.close()

    listening = await asyncio.start_server(flooding, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        cluster = NatsServers((NatsUrl(f"nats://127.0.0.1:{port}"),))
        filled = await Stream.open(cluster, names, KEEPING)
        async with asyncio.timeout(60):
            await hung_up.wait()
        assert not filled.is_open
        assert filled._client.stats["in_msgs"] < 2 * MOST_AT_ONCE // 13
        await filled.close()


@pytest.mark.parametrize("said", ["-1", "0", "1048576", "1e300", '"x"', "true"])
async def test_a_server_that_takes_less_than_nothing_is_not_believed(names: Carried, said: str):
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"max_payload":%b}\r\n' % said.encode())
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n")
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        filled = await Stream.open(
            NatsServers((NatsUrl(f"nats://127.0.0.1:{port}"),)), names, KEEPING
        )
        assert 0 <= filled.longest <= LONGEST
        await filled.close()


def allowed(names: Carried) -> dict[str, object]:
    """Users with the permissions that docs/how-to/carry-notices-by-nats.md names."""
    server = {
        "publish": {"allow": [names.subject, "$JS.API.>"]},
        "subscribe": {"allow": ["_INBOX.>"]},
    }
    of_stream = (f"CONSUMER.*.{names.stream}.>", f"CONSUMER.MSG.NEXT.{names.stream}.>")
    guard = {
        "publish": {"allow": [f"$JS.API.{each}" for each in of_stream]},
        "subscribe": {"allow": [names.subject, "_INBOX.>"]},
    }
    mute = {"publish": {"deny": [">"]}, "subscribe": {"allow": [names.subject, "_INBOX.>"]}}
    permissions = {"server": server, "guard": guard, "mute": mute}
    return {
        "users": [
            {"user": user, "password": "x", "permissions": each}
            for user, each in permissions.items()
        ]
    }


async def test_the_permissions_that_the_handbook_names_are_enough(names: Carried):
    """A guard may not write; one that may publish nothing hears, and has nothing replayed."""
    begun = time.time()
    with running(authorization=allowed(names)) as nats:

        def as_user(user: str) -> NatsServers:
            return NatsServers((NatsUrl(nats.url.replace("//", f"//{user}:x@")),))

        filled = await Stream.open(as_user("server"), names, KEEPING)
        await filled.prepare()
        await filled.put(b"before", "e:1")
        assert await filled.last() == "e:1"
        guard = await Listener.open(as_user("guard"), names, 0)
        await guard.replay(begun - 1)
        mute = await Listener.open(as_user("mute"), names, 0)
        with pytest.raises(CarrierDown, match="no answer in time"):
            await mute.replay(begun - 1)
        await filled.put(b"after", "e:2")
        assert [await guard.next(), await guard.next(), await mute.next()] == (
            [b"before", b"after", b"after"]
        )
        liar = await Stream.open(as_user("guard"), names, KEEPING)
        with pytest.raises(CarrierDown):
            await liar.put(b"a lie", "e:3")
        assert await filled.last() == "e:2"
        for each in (guard, mute, liar, filled):
            await each.close()
