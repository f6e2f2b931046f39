"""One connection to NATS, by nats-py: bounded, impatient, and silent before TLS where TLS is asked.

Who stands on the line, or runs the server, is not trusted.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

from nats import errors
from nats.aio.client import Client

from counterfoil.net.carrier import CarrierDown, NatsServers, NatsUrl
from counterfoil.net.nats_parser import Parser

CONNECT_SECONDS: Final = 3
CLOSE_SECONDS: Final = 1.0
_PING_SECONDS: Final = 5
_SHOWN: Final = 200
_FAILURES: Final = (
    errors.Error, OSError, TimeoutError,
    AttributeError, LookupError, TypeError, ValueError,  # of answers that are not as they should be
)  # fmt: skip


class _Client(Client):
    """``demand_tls``: say nothing to a server that does not speak TLS, whatever it says of it.

    ``a_second``: how many bytes are read. Nothing is kept of what a server tells of others.
    ``on_close`` is called when the connection is closed, by whomever.
    """

    def __init__(self, *, demand_tls: bool, a_second: float, on_close: Callable[[], None]) -> None:
        super().__init__()
        self._demand_tls = demand_tls
        self._ps = Parser(self, a_second)
        self._on_close = on_close

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        # Where the line was lost while something was still to be written, nats-py leaves off here:
        # it lets nothing go, calls nobody back, and whoever listens would wait for ever.
        is_news = do_cbs and not self.is_closed
        try:
            await super()._close(status, do_cbs)
        except OSError:
            if self._transport is not None:
                self._transport.close()  # type: ignore[no-untyped-call]  # nats-py has no types for it
        finally:
            if is_news:
                self._on_close()

    async def _send_ping(self, future: "asyncio.Future[bool] | None" = None) -> None:
        # nats-py writes it past what waits to be written: the answer would say nothing of that, and
        # whoever had subscribed and flushed could miss what was put right afterwards.
        await self._flush_pending(force_flush=True)
        await super()._send_ping(future)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # nats-py takes what the server says of itself for the word on whether to encrypt.
        if self._demand_tls and initial_connection and info.get("tls_required") is not True:
            raise errors.SecureConnWantedError
        # nats-py compares each with all that it was ever told, and forgets none.
        info.pop("connect_urls", None)
        await super()._process_info(info, initial_connection)


@contextmanager
def telling() -> Iterator[None]:
    """Turn whatever fails with NATS into a ``CarrierDown`` of one line."""
    try:
        yield
    except _FAILURES as error:
        raise CarrierDown(shown(error)) from None


def shown(error: BaseException) -> str:
    """Say what went wrong in one line; what a stranger has written cannot begin another."""
    text = "no answer in time" if isinstance(error, TimeoutError) else str(error)
    text = text or type(error).__name__
    return "".join(each if each.isprintable() else "?" for each in text)[:_SHOWN]


async def connect(
    servers: NatsServers,
    first: int,
    on_close: Callable[[], None],
    a_second: float = float("inf"),
) -> Client:
    """Connect to one of the servers, the one at place ``first`` being tried first.

    ``a_second``: a server that sends more bytes than that, in the long run, is left. A connection
    that breaks is closed, and ``on_close`` is called: it is for the caller to connect again. What
    the server tells of other servers is not followed.

    Raises:
        CarrierDown: none can be used.
    """
    failures: list[str] = []
    for place in range(len(servers.urls)):
        url = servers.urls[(first + place) % len(servers.urls)]
        try:
            client = _Client(demand_tls=url.is_encrypted, a_second=a_second, on_close=on_close)
            return await _connected(client, servers, url)
        except CarrierDown as error:
            failures.append(f"{url}: {error}")
    raise CarrierDown("; ".join(failures))


async def _connected(client: Client, servers: NatsServers, url: NatsUrl) -> Client:
    told: list[BaseException] = []
    with telling():
        options = {**await asyncio.to_thread(_options, servers), **url.login()}
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(
                    url.bare,
                    error_cb=_noting(told),
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=CONNECT_SECONDS,
                    ping_interval=_PING_SECONDS,
                    **options,
                )
            if not client.is_connected:  # as after an end where an answer was due
                raise errors.UnexpectedEOF
        except errors.NoServersError:
            await close(client)
            raise CarrierDown(shown(told[-1]) if told else "no answer") from None
        except BaseException:
            await close(client)
            raise
    return client


def _options(servers: NatsServers) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=servers.ca_file)
    if servers.certificate_file is not None:
        context.load_cert_chain(servers.certificate_file)
    options: dict[str, Any] = {"tls": context}
    if servers.credentials_file is not None:
        options["user_credentials"] = str(servers.credentials_file)
    return options


def _noting(told: list[BaseException]) -> Callable[[BaseException], Any]:
    """Keep nats-py from logging what goes wrong: the caller says it, once."""

    async def note(error: BaseException) -> None:
        told[:] = [error]

    return note


async def close(client: Client) -> None:
    """Close a connection, whatever it is about."""
    with suppress(Exception):
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.close()


@asynccontextmanager
async def closing_on_failure(client: Client) -> AsyncIterator[None]:
    """Close the connection where what is begun with it does not come about."""
    try:
        yield
    except BaseException:
        await close(client)
        raise
