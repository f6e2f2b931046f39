"""The settings for sending mail."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Struct

from counterfoil.oauth.opaque import Secret
from counterfoil.server.settings.addresses import SettingsError
from counterfoil.server.settings.meaning import DAY, MINUTE, number, seconds, words
from counterfoil.server.settings.noticing import Noticing

_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_LONGEST_PASSWORD: Final = 4096
_SENDER: Final = re.compile(r"(?:[^<>@]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)")


class MailServer(Struct, frozen=True, kw_only=True):
    """Where mail is handed over, as whoever connects needs it. The ``repr`` shows no password."""

    host: str
    port: int
    tls: Literal["starttls", "tls", "none"]
    user: str
    password: Secret | None
    ca_file: Path | None
    timeout: int
    own_name: str


class Mailing(Noticing, frozen=True, kw_only=True):
    """A part of the table, on top of another: a struct has one base."""

    mail_host: Annotated[
        str,
        words(
            "The mail server (SMTP) that sends what people are told. Without it there is no mail, "
            "and nobody can have a new password sent; in development mail is shown at "
            "`/development/mail`."
        ),
    ] = ""
    mail_port: Annotated[
        int, number("Its port; 0: 587, 465 or 25, as `mail_tls` says.", 0, 65535)
    ] = 0
    mail_tls: Annotated[
        Literal["starttls", "tls", "none"],
        words(
            "How the line to it is made safe: `tls` from the first byte, or `starttls`; a server "
            "that does not offer it gets nothing. `none` is for a server on this machine."
        ),
    ] = "starttls"
    mail_user: Annotated[str, words("The name under which we sign in there.")] = ""
    mail_password: Annotated[
        Secret | None, words("The password for that. It is read from the environment only.")
    ] = None
    mail_password_file: Annotated[
        Path | None, words("A file that holds the password, instead.")
    ] = None
    mail_ca_file: Annotated[
        Path | None,
        words("Certificates of who vouches for the mail server, instead of the usual ones."),
    ] = None
    mail_sender: Annotated[
        str, words("From whom mail is, as `Name <address@example.org>`, or the address alone.")
    ] = ""
    mail_timeout: Annotated[
        int, seconds("How long one step of handing a letter over may take.", 1, 60)
    ] = 20
    mail_lifetime: Annotated[
        int,
        seconds(
            "A letter that could not be sent for so long is given up; one with a link when the "
            "link expires.",
            MINUTE,
            30 * DAY,
        ),
    ] = 2 * DAY
    mail_most: Annotated[
        int,
        number("Letters that wait at most. Whoever asks for one then is asked to come back.", 1),
    ] = 10_000
    action_link_lifetime: Annotated[
        int, seconds("How long a link is good that was sent by mail.", 5 * MINUTE, DAY)
    ] = 60 * MINUTE
    recoveries_per_hour: Annotated[
        int,
        number(
            "New passwords, accounts and changes of address that may be asked for in an hour for "
            "one e-mail address, known or not; from one network address ten times as many. Each "
            "process counts for itself.",
            1,
            None,
            "an hour",
        ),
    ] = 3

    def mail_server(self, own_name: str) -> MailServer | None:
        """Say where mail is handed over; ``None`` where nowhere. ``own_name`` is of this host.

        Raises:
            SettingsError: the file of the password cannot be read.
        """
        if not self.mail_host:
            return None
        return MailServer(
            host=self.mail_host,
            port=self.mail_port or _PORTS[self.mail_tls],
            tls=self.mail_tls,
            user=self.mail_user,
            password=self.mail_password or _password_in(self.mail_password_file),
            ca_file=self.mail_ca_file,
            timeout=self.mail_timeout,
            own_name=own_name,
        )


def check_mail(settings: Mailing) -> None:
    """Demand that the settings of mail fit each other.

    Raises:
        SettingsError: they do not; or a password would go out in the clear.
    """
    if settings.mail_password is not None and settings.mail_password_file is not None:
        raise SettingsError("mail_password and mail_password_file are both set; use one.")
    has_password = settings.mail_password is not None or settings.mail_password_file is not None
    if has_password != bool(settings.mail_user):
        raise SettingsError("mail_user and a password for it belong together; set both or none.")
    if settings.mail_host and not settings.mail_sender:
        raise SettingsError("mail_host is set, but not mail_sender: say from whom mail is.")
    sender = settings.mail_sender
    if sender and not (sender.isprintable() and _SENDER.fullmatch(sender)):
        raise SettingsError(f"mail_sender {sender!r} must be an address, or a name and <address>.")
    if settings.mail_tls == "none" and settings.mail_user:
        raise SettingsError("mail_tls is none: mail_user's password would be sent in the clear.")


def _password_in(path: Path | None) -> Secret | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise SettingsError(f"mail_password_file {path} cannot be read: {why}.") from None
    if not text or len(text) > _LONGEST_PASSWORD:
        raise SettingsError(f"mail_password_file {path} holds no password.")
    return Secret(text)
