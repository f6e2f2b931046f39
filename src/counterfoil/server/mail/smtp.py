"""Mail over SMTP (RFC 5321), by TLS from the first byte (RFC 8314 §3) or STARTTLS (RFC 3207).

Where TLS is set it is demanded: a server that does not offer it, or shows a certificate that nobody
vouches for, gets no message and no password. aiosmtplib is loaded with the first message.
"""

import asyncio
import ssl
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Final

from counterfoil.server.mail.courier import LONGEST, NotNow, Undeliverable
from counterfoil.server.settings.mailing import MailServer

_FOR_GOOD: Final = range(500, 600)


class SmtpCourier:
    """Hands each message to one server, on a connection of its own."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._context = _context(server) if server.tls != "none" else None

    async def deliver(self, message: EmailMessage) -> None:
        """Hand a message over; the server has it once this returns.

        Raises:
            NotNow: the server is not there, not itself, too slow, or busy.
            Undeliverable: it refuses this address or this message for good (5yz).
        """
        from aiosmtplib import SMTPException

        try:
            async with asyncio.timeout(LONGEST):
                await self._send(message)
        except (SMTPException, OSError) as error:
            raise _what_it_means(error) from None

    async def _send(self, message: EmailMessage) -> None:
        from aiosmtplib import send

        server = self._server
        await send(
            message,
            sender=parseaddr(str(message["From"]))[1],
            recipients=[parseaddr(str(message["To"]))[1]],
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password.reveal() if server.password else None,
            local_hostname=server.own_name,
            timeout=server.timeout,
            use_tls=server.tls == "tls",
            start_tls=server.tls == "starttls",
            tls_context=self._context,
        )


def _what_it_means(error: Exception) -> NotNow | Undeliverable:
    from aiosmtplib import (
        SMTPDataError,
        SMTPNotSupported,
        SMTPRecipientsRefused,
        SMTPResponseException,
    )

    match error:
        case SMTPRecipientsRefused():
            return _refused([each.code for each in error.recipients])
        case SMTPDataError():
            return _refused([error.code])
        case SMTPNotSupported():
            return Undeliverable("The server does not take such an address.")
        case SMTPResponseException():
            return NotNow(f"The server answered {error.code}.")
    # What is left says where and why a line could not be had; of an answer, only its code is told.
    return NotNow(f"{type(error).__name__}: {' '.join(str(error).split())}")


def _refused(codes: list[int]) -> NotNow | Undeliverable:
    words = f"The server answered {', '.join(map(str, codes))}."
    return Undeliverable(words) if all(c in _FOR_GOOD for c in codes) else NotNow(words)


def _context(server: MailServer) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=server.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
