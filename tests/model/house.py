"""Two server processes on one database, without sockets: started, killed and asked in this process.

All that a server does by itself in the background is done here by hand, in virtual time: it signs
a head, it keeps house. Killed, a database goes on as its files stood at that moment.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import httpx2

from counterfoil.net.http import HttpClient
from counterfoil.oauth.revocations import notice_from
from counterfoil.server import assembly
from counterfoil.server.app import App
from counterfoil.server.hub.followers import GROUPS
from counterfoil.server.hub.presence import Presence
from counterfoil.server.identity.passwords import Passwords
from counterfoil.server.janitor import Janitor
from counterfoil.server.opening import Outside, open_authority, this_process
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.settings import Settings, load
from counterfoil.server.storage.sqlite import SqliteStore
from counterfoil.server.web.server import Server
from tests.installation import Clock, Installation
from tests.model import reference

T = TypeVar("T")

A_MOMENT = 1 / 1024
"""Seconds between two heads at least: no two are of the same time."""

SETTINGS: dict[str, object] = {
    "id_token_lifetime": 300,
    "refresh_idle_lifetime": reference.ONLINE.idle,
    "refresh_absolute_lifetime": reference.ONLINE.absolute,
    "offline_idle_lifetime": reference.OFFLINE.idle,
    "offline_absolute_lifetime": reference.OFFLINE.absolute,
    "refresh_window": reference.WINDOW,
    "code_lifetime": reference.CODE_LIVES,
    "session_lifetime": reference.SESSION_LIVES,
    "session_idle_lifetime": reference.SESSION_IDLE,
    "key_rotation_interval": 14_400,
    "key_publish_ahead": 3_600,
    "jwks_max_age": 300,
    "followers_per_address": 1_000,
    "token_failures_per_minute": 100_000,
}


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is that of the history: nothing in it depends on the machine."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._turned = clock

    def time(self) -> float:
        return self._turned.now


class InProcess(HttpClient):
    """The guard's HTTP, straight into an app."""

    def __init__(self, app: App) -> None:
        transport = httpx2.ASGITransport(app)
        self._client = httpx2.AsyncClient(
            transport=transport, headers={"Accept-Encoding": "identity"}
        )


class Process:
    """One server process: its app, its authority, and what looks after the house in it."""

    def __init__(self, place: Installation, stack: AsyncExitStack) -> None:
        self.place = place
        self.authority = place.authority
        self.hub = place.authority.hub
        self.http = InProcess(place.app)
        self._stack = stack
        holder = place.issuer + str(id(self))
        rotation = self.authority.rotation
        self._janitor = Janitor(self.authority.store, rotation, holder, assembly._CHORES)

    async def sign_head(self) -> None:
        """Sign how far the notices reach, and hold it ready for every follower."""
        await self.hub.catch_up()
        await self.hub._sign_head(self.place.clock)
        self.hub._tell_head(list(range(GROUPS)))

    async def keep_house(self) -> None:
        """Turn keys, end what is due, and sweep, if this process holds the lease."""
        await self._janitor.tick()

    async def note_uses(self) -> None:
        """Write down when things were last used."""
        await self.authority.activity.flush(self.authority.store)

    async def transact(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do something at this process, as a command or a page does."""
        return await self.authority.store.transact(work)

    async def number(self) -> int:
        """Up to which number the feed reaches now."""
        await self.hub.catch_up()
        return self.hub.position.number

    async def told_since(self, number: int) -> set[str]:
        """Of what kinds the notices are that came after a number."""
        rows = await self.authority.store.read(lambda tx: tx.notices.after(number, 100))
        return {notice_from(text).kind.value for _, text in rows}

    async def close(self) -> None:
        """Let go of everything."""
        await self.http.aclose()
        await self._stack.aclose()


class House:
    """The database and the processes that serve from it. ``at`` is the one that is asked."""

    def __init__(self, folder: Path, clock: Clock, passwords: Passwords) -> None:
        self.clock = clock
        self.at = 0
        self.default = 300
        self.secrets: dict[str, str] = {}
        self.processes: list[Process] = []
        self._folder = folder
        self._lives = 0
        self._passwords = passwords
        self._random = Random(20261126)

    @property
    def data(self) -> Path:
        """Where the database of this life stands."""
        return self._folder / f"life{self._lives}"

    @property
    def process(self) -> Process:
        """The process that is asked now."""
        return self.processes[self.at]

    async def open(self) -> None:
        """Start the processes."""
        values = {**SETTINGS, "data": str(self.data), "access_token_lifetime": self.default}
        for _ in range(2):
            self.processes.append(await self._process(load({}, values)))

    async def sign_heads(self) -> None:
        """Have every process sign how far the notices reach, as happens every second."""
        for process in self.processes:
            self.clock.turn(A_MOMENT)
            await process.sign_head()

    async def close(self) -> None:
        """Stop the processes in good order."""
        processes, self.processes = self.processes, []
        for process in processes:
            await process.close()

    async def kill(self, files: Path | None = None) -> None:
        """Kill the processes; new ones begin from the files as they stood at that moment."""
        if files is None:
            files = self._stand()
        await self.close()
        shutil.rmtree(self.data)
        self._lives += 1
        assert files == self.data
        await self.open()

    async def kill_before_commit(self, doing: Callable[[], Awaitable[bool]]) -> None:
        """Do something, and be killed when all of it is written and nothing is committed.

        ``doing`` says whether it was answered that it is done; then it must have been committed.
        """
        files: list[Path] = []

        def at_commit() -> bool:
            files.append(self._stand())
            return True  # it cannot be committed

        store = self.process.authority.store
        assert isinstance(store, SqliteStore)
        engine = store._commits._connection.engine
        assert engine is not None
        engine.set_commit_hook(at_commit)
        answered = await doing()
        assert not (answered and files), "answered, and not committed"
        if not files:
            engine.set_commit_hook(None)
        await self.kill(files[0] if files else None)

    def _stand(self) -> Path:
        files = self._folder / f"life{self._lives + 1}"
        shutil.copytree(self.data, files)
        return files

    async def _process(self, settings: Settings) -> Process:
        outside = Outside(self.clock, self._random.randbytes)
        stack = AsyncExitStack()

        @asynccontextmanager
        async def lifespan() -> AsyncIterator[Server]:
            """As `assembly.build`, without what goes on in the background."""
            authority: Authority = await open_authority(settings, outside)
            try:
                await authority.store.transact(partial(assembly._note, settings))
                await assembly._settle(authority)
                presence = Presence(authority.store, this_process(outside))
                yield assembly._server(authority, presence, self._passwords, outside)
            finally:
                authority.snapshots.close()
                await authority.store.close()

        app = App(lifespan)
        server = await stack.enter_async_context(app.running())
        place = Installation(app, server, self.clock)
        place.secrets = self.secrets
        return Process(place, stack)
