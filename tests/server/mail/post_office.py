"""A real mail server by others (aiosmtpd), on a free port of loopback, for as long as a block."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from counterfoil.oauth.opaque import Secret
from counterfoil.server.settings.mailing import MailServer
from tests.bff.certificate import certificate_for

USER, PASSWORD = "counterfoil", "a mail passw0rd"


class PostOffice:
    """Takes messages, or does not: ``recipient`` and ``data`` are what it answers to each.

    ``hangs_up``: it closes the line after a message, before it has said that it has it.
    """

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.safely: list[tuple[bool, bool]] = []
        """Of each message: whether the line was encrypted, and whoever sent it signed in."""
        self.recipients: list[str] = []
        self.recipient = "250 OK"
        self.data = "250 OK"
        self.hangs_up = False
        self.port = 0
        self.ca_file: Path | None = None

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(each, policy=default) for each in self.taken]  # type: ignore[misc]

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, server: Any, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
            self.recipients.append(address)
        return self.recipient

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        if self.data.startswith("250"):
            self.taken.append(envelope.content)
            is_encrypted = server.transport.get_extra_info("ssl_object") is not None
            self.safely.append((is_encrypted, bool(session.authenticated)))
        if self.hangs_up:
            server.transport.abort()
        return self.data

    def server(self, **fields: Any) -> MailServer:
        """How to reach it."""
        whole: dict[str, Any] = {
            "host": "localhost",
            "port": self.port,
            "tls": "none",
            "user": "",
            "password": None,
            "ca_file": self.ca_file,
            "timeout": 5,
            "own_name": "id.example",
        }
        return MailServer(**(whole | fields))


class _Counter(SMTP):
    """One connection, which is closed with the office."""

    def connection_made(self, transport: Any) -> None:
        if self.transport is None:
            self.line = transport
        super().connection_made(transport)

    async def close(self) -> None:
        if self.transport is not None:
            for each in (self.transport, self.line):
                each.abort()  # type: ignore[attr-defined]
            if self._handler_coroutine is not None:
                self._handler_coroutine.cancel()
                await asyncio.gather(self._handler_coroutine, return_exceptions=True)


def _lets_in(server: Any, session: Session, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=right, handled=right)


def signed_in(office: PostOffice, password: str = PASSWORD) -> dict[str, Any]:
    """What somebody sets who signs in."""
    return {"user": USER, "password": Secret(password)}


@asynccontextmanager
async def post_office(
    folder: Path | None = None, *, tls: str = "none"
) -> AsyncIterator[PostOffice]:
    """A server; where ``tls`` is not ``none``, with a certificate for localhost in ``folder``."""
    office = PostOffice()
    options: dict[str, Any] = {}
    context = None
    if folder is not None and tls != "none":
        files = certificate_for(folder, "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files["ssl_certfile"], files["ssl_keyfile"])
        office.ca_file = Path(files["ssl_certfile"])
        options = {"authenticator": _lets_in, "auth_require_tls": False}
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True, "auth_require_tls": True}
    loop, counters = asyncio.get_running_loop(), list[_Counter]()

    def counter() -> _Counter:
        counters.append(_Counter(office, hostname="mail.example", loop=loop, **options))
        return counters[-1]

    server = await loop.create_server(
        counter,
        "127.0.0.1",
        0,
        ssl=context if tls == "tls" else None,
    )
    office.port = server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        server.close()
        for each in counters:
            await each.close()
