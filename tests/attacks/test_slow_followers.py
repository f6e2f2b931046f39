"""Followers that connect and do not read: they slow nobody, fill no memory, and do not stay."""

import asyncio
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import uvicorn

from counterfoil.cli.connections import Connection
from counterfoil.net.event_stream import Event, EventParser
from counterfoil.oauth.feed import Position, position_from
from counterfoil.oauth.revocations import Ended, Notice
from counterfoil.server.hub import followers
from counterfoil.server.records.store import Store
from counterfoil.server.settings import load
from counterfoil.server.storage.sqlite import SqliteStore
from tests.flows.serving import READY, START
from tests.installation import Installation, installed

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.one_engine("about lines, whatever is said on them"),
]

MANY = 30_000
UNREAD = 15
MOST_GROWTH = 40 * 1024 * 1024


@contextmanager
def process(data: Path) -> Iterator[tuple[int, int]]:
    """A real server in a process of its own; gives its pid and port."""
    command = [sys.executable, "-c", START, "serve", "--data", str(data), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            ready = READY.search(child.stdout.readline())
            assert ready is not None
            yield child.pid, int(ready[2])
        finally:
            child.terminate()
            child.wait(20)


def memory(pid: int) -> int:
    """The bytes of a process that stand in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def asking(port: int, cursor: Position) -> socket.socket:
    """A follower that has asked for the stream, with little room for what comes."""
    follower = socket.socket()
    follower.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    follower.connect(("127.0.0.1", port))
    asked = f"GET /notices HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: {cursor}\r\n\r\n"
    follower.sendall(asked.encode())
    return follower


async def events_of(follower: socket.socket) -> AsyncIterator[Event]:
    """Read what comes, chunk by chunk (RFC 9112 §7.1)."""
    follower.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=follower)
    parser = EventParser()
    try:
        while await reader.readline() != b"\r\n":
            pass
        while size := int(await reader.readline(), 16):
            for event in parser.feed(await reader.readexactly(size)):
                yield event
            await reader.readexactly(2)
    finally:
        writer.close()
        await writer.wait_closed()


async def numbers_up_to(last: int, follower: socket.socket) -> list[int]:
    numbers: list[int] = []
    async with asyncio.timeout(60):
        async with aclosing(events_of(follower)) as events:
            async for event in events:
                position = position_from(event.last_id)
                if event.name == "notice" and position is not None:
                    numbers.append(position.number)
                    if position.number == last:
                        break
    return numbers


@asynccontextmanager
async def opened(data: Path) -> AsyncIterator[Store]:
    """The server's store, as another process has it."""

    database = data / "counterfoil.db"
    store = SqliteStore.open(database, clock=time.time, random=secrets.token_bytes)
    try:
        yield store
    finally:
        await store.close()


async def append(store: Store, count: int, width: int = 22) -> Position:
    position = (await store.read(lambda tx: tx.notices.head()))[0]
    for begin in range(0, count, 2000):
        notices = [
            Notice(Ended.TOKEN, f"{begin + number:0{width}}", 10**10)
            for number in range(min(2000, count - begin))
        ]
        position = await store.transact(lambda tx, each=notices: tx.notices.append(each))
    return position


async def test_those_that_do_not_read_slow_nobody_and_fill_no_memory(tmp_path: Path):
    """S93: one that reads has all at once; one that reads late has all, in order, at its pace."""
    data = tmp_path / "data"
    load({}, {"data": data})
    with process(data) as (pid, port):
        async with opened(data) as store:
            cursor = (await store.read(lambda tx: tx.notices.head()))[0]
            unread = [asking(port, cursor) for _ in range(UNREAD)]
            reading = asking(port, cursor)
            before = memory(pid)
            waiting = asyncio.create_task(numbers_up_to(cursor.number + MANY, reading))
            last = await append(store, MANY, 400)
            expected = list(range(cursor.number + 1, last.number + 1))
            assert await waiting == expected
            assert memory(pid) - before < MOST_GROWTH
            assert await numbers_up_to(last.number, unread[0]) == expected
            for each in unread[1:]:
                each.close()


@asynccontextmanager
async def on_a_socket(place: Installation) -> AsyncIterator[int]:
    """The app of an installation behind a real uvicorn in this loop; gives its port."""
    config = uvicorn.Config(
        place.app,
        lifespan="off",
        http=Connection,
        log_level="critical",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            place.app.end_streams()
            while server.server_state.connections:  # noqa: ASYNC110  # clients have closed theirs
                await asyncio.sleep(0)
            server.should_exit = True
            await serving


async def until(number: int, place: Installation) -> None:
    async with asyncio.timeout(20):
        while len(place.authority.hub.followers) != number:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_one_that_does_not_read_is_dropped_and_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(followers, "WRITE_SECONDS", 1.0)
    async with installed(tmp_path, head_interval_ms=50) as place, on_a_socket(place) as port:
        hub, store = place.authority.hub, place.authority.store
        cursor = hub.position
        stuck, reading = asking(port, cursor), asking(port, cursor)
        await until(2, place)
        waiting = asyncio.create_task(numbers_up_to(cursor.number + MANY + 1, reading))
        await append(store, MANY)
        await until(1, place)
        await append(store, 1)
        assert len(await waiting) == MANY + 1
        stuck.close()


async def test_one_that_has_gone_leaves_its_place_at_once(tmp_path: Path):
    async with installed(tmp_path, head_interval_ms=2000) as place, on_a_socket(place) as port:
        gone = asking(port, place.authority.hub.position)
        await until(1, place)
        gone.close()
        await until(0, place)


def open_files() -> int:
    """How many files this process holds open; lines to a database come and go."""
    held = list(Path("/proc/self/fd").iterdir())
    return len([each for each in held if each.exists() and not each.is_socket()])


async def test_a_snapshot_that_nobody_reads_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(followers, "WRITE_SECONDS", 0.2)
    async with installed(tmp_path, head_interval_ms=50) as place, on_a_socket(place) as port:
        await append(place.authority.store, 40_000, 400)
        before = open_files()
        stuck = socket.socket()
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", port))
        stuck.sendall(b"GET /notices/snapshot HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await until(1, place)
        await until(0, place)
        stuck.close()
        assert open_files() <= before + 2
