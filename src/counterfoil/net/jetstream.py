"""The feed on NATS JetStream: put into a stream by the server, heard live and replayed by guards.

Guards listen without a consumer of their own, so that thousands of them are nothing to the
stream; one is made for a moment, to replay what was missed.
"""

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import Final, Self

from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import api
from nats.js.errors import NotFoundError

from counterfoil.net.carrier import CarrierDown, CarrierFloods, NatsServers
from counterfoil.net.nats_client import close, closing_on_failure, connect, telling
from counterfoil.net.nats_parser import MOST_BYTES
from counterfoil.oauth.feed import Carried

ANSWER_SECONDS: Final = 2.0
KEPT_SECONDS: Final = 1.0
ANSWERS_A_SECOND: Final = 64 * 1024
"""Bytes. Whoever puts hears little; reading a flood would take the time of those it serves."""
LONGEST: Final = 512 * 1024
"""Bytes that are put at once at most."""
_POSITION: Final = "Counterfoil-Position"
_AT_ONCE: Final = 256
_LEAST: Final = 64
"""Bytes that a piece takes up at least: one of none is not for nothing."""


class Keeping(Struct, frozen=True):
    """How a stream is made where there is none: for how long, and on how many servers it keeps."""

    seconds: int
    replicas: int = 1
    bytes: int = 64 * 1024 * 1024


class Stream:
    """A stream of JetStream, as whoever fills it holds it."""

    def __init__(self, client: Client, names: Carried, keeping: Keeping) -> None:
        self._client = client
        self._names = names
        self._keeping = keeping
        self._stream = client.jetstream(timeout=ANSWER_SECONDS)

    @classmethod
    async def open(cls, servers: NatsServers, names: Carried, keeping: Keeping) -> Self:
        """Connect.

        Raises:
            CarrierDown: it cannot be reached.
        """
        client = await connect(servers, 0, lambda: None, ANSWERS_A_SECOND)
        return cls(client, names, keeping)

    async def prepare(self) -> None:
        """Make the stream, where there is none; one that is there is left as it is."""
        with telling():
            try:
                await self._stream.stream_info(self._names.stream)
            except NotFoundError:
                await self._stream.add_stream(
                    name=self._names.stream,
                    description="Notices of Counterfoil",
                    subjects=[self._names.subject],
                    max_age=float(self._keeping.seconds),
                    max_bytes=self._keeping.bytes,
                    num_replicas=self._keeping.replicas,
                    discard=api.DiscardPolicy.OLD,
                    allow_direct=True,
                )

    @property
    def longest(self) -> int:
        """How many bytes may be put at once; what the server says of it may be anything."""
        said: object = self._client.max_payload
        return max(0, min(said, LONGEST)) if isinstance(said, int) else LONGEST

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._client.is_connected

    async def last(self) -> str:
        """Up to which position the feed was put here; empty if there is nothing."""
        with telling():
            try:
                found = await self._stream.get_last_msg(self._names.stream, self._names.subject)
            except NotFoundError:
                return ""
            return str((found.headers or {}).get(_POSITION, ""))

    async def put(self, data: bytes, position: str) -> None:
        """Put some of the feed, and wait until it is kept. Whoever listens hears it at once."""
        with telling():
            await self._stream.publish(
                self._names.subject,
                data,
                timeout=KEPT_SECONDS,
                stream=self._names.stream,
                headers={_POSITION: position},
            )

    async def close(self) -> None:
        """Close the connection."""
        await close(self._client)


class Listener:
    """The feed as it comes, for one guard."""

    def __init__(self, names: Carried) -> None:
        self._names = names
        self._client: Client | None = None
        self._replayed: deque[bytes] = deque()
        self._live: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._trouble: CarrierDown | None = None
        self._news = asyncio.Event()

    @classmethod
    async def open(cls, servers: NatsServers, names: Carried, first: int) -> Self:
        """Connect, and listen. ``first``: which of the servers is tried first.

        Raises:
            CarrierDown: none can be reached.
        """
        listener = cls(names)
        client = await connect(servers, first, listener._break_off)
        listener._client = client
        async with closing_on_failure(client):
            with telling():
                await client.subscribe(names.subject, cb=listener._hear)
                await client.flush(int(ANSWER_SECONDS))
        return listener

    async def replay(self, since: float) -> None:
        """Fetch what was put since a time, to be given before what comes live."""
        if self._client is not None:
            # nats-py cancels whoever waits when the connection closes; that is not meant for us.
            fetching = asyncio.create_task(self._fetch(self._client, since))
            try:
                await asyncio.wait({fetching})
            finally:
                fetching.cancel()
            if fetching.cancelled():
                raise CarrierDown("the connection was closed")
            fetching.result()

    async def next(self) -> bytes:
        """Wait for the next piece."""
        while not self._replayed and not self._live:
            if self._trouble is not None:
                raise self._trouble
            self._news.clear()
            await self._news.wait()
        data = (self._replayed or self._live).popleft()
        self._waiting_bytes -= max(len(data), _LEAST)
        return data

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await close(self._client)

    async def _fetch(self, client: Client, since: float) -> None:
        with telling():
            stream = client.jetstream(timeout=ANSWER_SECONDS)
            consumer = await stream.pull_subscribe(
                self._names.subject, stream=self._names.stream, config=_from(since)
            )
            missing = (await consumer.consumer_info()).num_pending or 0
            while missing > 0 and self._trouble is None:
                found = await consumer.fetch(min(missing, _AT_ONCE), timeout=ANSWER_SECONDS)
                if not found:
                    raise CarrierDown("not all that was kept is replayed")
                missing -= len(found)
                for message in found:
                    self._add(self._replayed, message.data)
            await consumer.unsubscribe()

    async def _hear(self, message: Msg) -> None:
        self._add(self._live, message.data)

    def _add(self, waiting: deque[bytes], data: bytes) -> None:
        size = max(len(data), _LEAST)
        if self._waiting_bytes + size > MOST_BYTES:
            self._trouble = CarrierFloods("more comes than can be read")
        else:
            waiting.append(data)
            self._waiting_bytes += size
        self._news.set()

    def _break_off(self) -> None:
        self._trouble = self._trouble or CarrierDown("the connection was closed")
        self._news.set()


def _from(since: float) -> api.ConsumerConfig:
    """A consumer in memory that nothing is owed to, and that is gone when nobody asks it."""
    return api.ConsumerConfig(
        deliver_policy=api.DeliverPolicy.BY_START_TIME,
        opt_start_time=datetime.fromtimestamp(since, UTC),
        ack_policy=api.AckPolicy.NONE,
        inactive_threshold=ANSWER_SECONDS * 5,
        num_replicas=1,
        mem_storage=True,
    )
