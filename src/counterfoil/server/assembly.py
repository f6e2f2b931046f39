"""Where the parts of a server are put together into one ASGI app."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from counterfoil.net.outward import OutwardClient
from counterfoil.server.app import App
from counterfoil.server.backchannel.delivery import Delivery
from counterfoil.server.hub.presence import Presence
from counterfoil.server.hub.publisher import Publisher
from counterfoil.server.identity import email_change, joining, recovery
from counterfoil.server.identity.breached import BadList, Breached
from counterfoil.server.identity.passwords import Passwords
from counterfoil.server.identity.throttle import Throttle
from counterfoil.server.janitor import Janitor
from counterfoil.server.mail.catching import Catcher
from counterfoil.server.mail.courier import Courier
from counterfoil.server.mail.sender import Desk, Sender
from counterfoil.server.mail.smtp import SmtpCourier
from counterfoil.server.mail.writing import Writer
from counterfoil.server.opening import REAL, Outside, keeper_of, open_authority, this_process
from counterfoil.server.pages.rendering import Pages
from counterfoil.server.protocol import encryption_keys, end_dates, shortening
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import HANDLE_BYTES, named
from counterfoil.server.protocol.own_api import other_issuer, own_api_uri, settle_own_api
from counterfoil.server.protocol.rates import Rates
from counterfoil.server.protocol.registry_feed import RegistryFeed
from counterfoil.server.protocol.status_lists import StatusLists
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.letter import LetterKind
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings, SettingsError
from counterfoil.server.upstream.line import line_of
from counterfoil.server.web.admission import Admission
from counterfoil.server.web.cookies import Cookies
from counterfoil.server.web.gate import Gate
from counterfoil.server.web.server import Server

_LOG: Final = logging.getLogger(__name__)
_FLUSH_SECONDS: Final = 5
_SALT_BYTES: Final = 16
NOBODY: Final = "Counterfoil <nobody@localhost>"
"""Who writes in development, where no mail leaves the machine."""
_CHORES: Final = (end_dates.end_due, shortening.clip_some, encryption_keys.forget_gone)


def build(settings: Settings, outside: Outside = REAL) -> App:
    """Build the ASGI app of one issuer. It opens its store when its lifespan begins."""

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Server]:
        async with AsyncExitStack() as stack:
            authority = await open_authority(settings, outside)
            stack.push_async_callback(authority.store.close)
            presence = Presence(authority.store, this_process(outside))
            await presence.begin()
            stack.push_async_callback(presence.end)
            await authority.store.transact(partial(_note, settings))
            authority.atlas.look()
            stack.callback(authority.snapshots.close)
            await _settle(authority)
            passwords = stack.enter_context(closing(_passwords(settings)))
            stack.push_async_callback(_flush_last, authority)
            stack.push_async_callback(_take_leave, authority, outside)
            publisher = _publisher(authority, outside)
            for work in (*_background(authority, outside), presence.run()):
                await stack.enter_async_context(_running(work))
            networks = settings.backchannel_logout_networks
            outward = OutwardClient.named(networks, here=settings.development)
            stack.push_async_callback(outward.aclose)
            await stack.enter_async_context(_running(Delivery(authority, outward).run()))
            if publisher is not None:
                await stack.enter_async_context(_running(publisher.run(outside.clock)))
            server = _server(authority, presence, passwords, outside)
            stack.push_async_callback(server.line.aclose)
            courier = _courier(settings)
            catcher = courier if isinstance(courier, Catcher) else None
            sender = _sender(authority, courier, outside)
            if sender is not None:
                await stack.enter_async_context(_running(sender.run()))
            yield replace(server, publisher=publisher, sender=sender, catcher=catcher)

    return App(lifespan)


def _passwords(settings: Settings) -> Passwords:
    breached = Breached(settings.breached_passwords_file)
    try:
        breached.demand_usable()
    except BadList as error:
        raise SettingsError(f"breached_passwords_file: {error}") from None
    return Passwords(settings.password_threads, settings.queue_seconds, breached)


async def _note(settings: Settings, tx: Transaction) -> None:
    await shortening.note_default(tx, settings)
    await shortening.note_limits(tx, settings)


async def _settle(authority: Authority) -> None:
    issuer = authority.issuer
    theirs = await authority.store.read(partial(_issuer_of_others, issuer=issuer))
    if theirs:
        _LOG.error(
            "others serve this database as %s, and this server as %s: none takes the other's "
            "tokens. All need the same issuer",
            theirs,
            issuer,
        )
    if not await authority.store.transact(partial(settle_own_api, issuer=issuer)):
        _LOG.error(
            "another API is registered as %s: this server cannot be administered by HTTP",
            own_api_uri(issuer),
        )


async def _issuer_of_others(tx: Transaction, issuer: str) -> str:
    """Give the issuer of those who serve besides, where it is another; this process has begun."""
    return await other_issuer(tx, issuer) if len(await tx.servers.every()) > 1 else ""


def _background(
    authority: Authority, outside: Outside
) -> tuple[Coroutine[object, object, None], ...]:
    holder = named(outside.random(HANDLE_BYTES))
    janitor = Janitor(authority.store, authority.rotation, holder, _CHORES)
    interval = authority.settings.head_interval_ms
    return (
        authority.hub.run(outside.clock, interval),
        authority.receipts.run(outside.clock),
        janitor.run(),
        _flush(authority),
        authority.atlas.run(),
    )


def _publisher(authority: Authority, outside: Outside) -> Publisher | None:
    opens = keeper_of(authority.settings)
    if opens is None:
        return None
    holder = named(outside.random(HANDLE_BYTES))
    return Publisher(authority.hub, authority.store, holder, opens)


def _courier(settings: Settings) -> Courier | None:
    """Choose who carries mail away; nobody where it is not set, but in development."""
    host = urlsplit(settings.issuer).hostname or "localhost"
    server = settings.mail_server(host)
    if server is not None:
        return SmtpCourier(server)
    return Catcher() if settings.development else None


def _sender(authority: Authority, courier: Courier | None, outside: Outside) -> Sender | None:
    if courier is None:
        return None
    settings = authority.settings
    writer = Writer(settings.issuer, settings.mail_sender or NOBODY)
    errands = {
        LetterKind.RECOVERY_ASKED: partial(recovery.answer, authority),
        LetterKind.REGISTRATION_ASKED: partial(joining.answer, authority),
        LetterKind.EMAIL_CHANGE_ASKED: partial(email_change.answer, authority),
    }
    holder = named(outside.random(HANDLE_BYTES))
    return Sender(authority.store, Desk(authority.letters, writer, courier), holder, errands)


@asynccontextmanager
async def _running(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _flush_last(authority: Authority) -> None:
    with suppress(StoreUnavailable):
        await authority.activity.flush(authority.store)


async def _take_leave(authority: Authority, outside: Outside) -> None:
    with suppress(StoreUnavailable):
        await authority.receipts.close(outside.clock())


async def _flush(authority: Authority) -> None:
    """Write down, now and then, when things were last used."""
    while True:
        await asyncio.sleep(_FLUSH_SECONDS)
        try:
            await authority.activity.flush(authority.store)
        except StoreUnavailable:
            _LOG.warning("last uses wait to be written down: the store is not available")
        except Exception:
            _LOG.exception("last uses could not be written down; they are kept for the next time")


def _server(
    authority: Authority, presence: Presence, passwords: Passwords, outside: Outside
) -> Server:
    settings = authority.settings
    return Server(
        authority=authority,
        presence=presence,
        gate=Gate(authority, outside.clock),
        pages=Pages(),
        cookies=Cookies(development=settings.development),
        passwords=passwords,
        sign_in_throttle=Throttle(settings.sign_in_rate_per_minute),
        client_throttle=Throttle(settings.token_failures_per_minute),
        device_tries=Rates(outside.random(_SALT_BYTES)),
        recoveries=Rates(outside.random(_SALT_BYTES)),
        admission=Admission(settings, outside.random(_SALT_BYTES)),
        status_lists=StatusLists(),
        registry_feed=RegistryFeed(),
        clock=outside.clock,
        random=outside.random,
        line=line_of(settings, outside.clock),
    )
