"""Writing: a letter becomes a message of two parts, plain text and HTML (RFC 5322, RFC 2046).

What comes from outside stands in the address alone, and in values that HTML escapes; the library
refuses a line's end in a header. Nothing is loaded from anywhere when the message is read. Jinja2
is loaded with the first letter.
"""

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from counterfoil.server.mail.courier import Undeliverable
from counterfoil.server.mail.words import CATALOGUE
from counterfoil.server.records.language import ENGLISH
from counterfoil.server.records.letter import Letter

if TYPE_CHECKING:
    from jinja2 import Environment

_WORD: Final = r"[^\s\x00-\x1f\x7f<>()\[\]\\,;:\"@]"
_ADDRESS: Final = re.compile(f"{_WORD}{{1,64}}@{_WORD}{{1,190}}")
_LINK: Final = "link"


class Writer:
    """Writes the letters of one issuer; ``sender`` is an address, or a name with one in ``<>``."""

    def __init__(self, issuer: str, sender: str) -> None:
        self._place = urlsplit(issuer).netloc
        self._host = urlsplit(issuer).hostname or "localhost"
        self._sender = sender_in(sender)

    @cached_property
    def _templates(self) -> "Environment":
        from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

        return Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def write(self, letter: Letter) -> EmailMessage:
        """Write a letter; the same letter is the same message, whenever it is written.

        Raises:
            Undeliverable: its address cannot be one.
        """
        language = letter.language if letter.language in CATALOGUE else ENGLISH
        words = CATALOGUE[language][letter.kind]
        values = {"place": self._place, **letter.values}
        message = EmailMessage(SMTP)
        message["From"] = self._sender
        message["To"] = address_in(letter.to)
        message["Subject"] = words.subject
        message["Date"] = datetime.fromtimestamp(letter.written_at, UTC)
        message["Message-ID"] = f"<{letter.id}@{_spelled(self._host)}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
        message["Content-Language"] = language
        shown = {
            "language": language,
            "subject": words.subject,
            "before": [each.format_map(values) for each in words.before],
            "button": words.button,
            "link": letter.values.get(_LINK, ""),
            "after": [each.format_map(values) for each in words.after],
            "place": self._place,
        }
        message.set_content(self._templates.get_template("letter.txt").render(shown))
        page = self._templates.get_template("letter.html").render(shown)
        message.add_alternative(page, subtype="html")
        return message


def address_in(text: str) -> Address:
    """Give an address, for a header.

    Raises:
        Undeliverable: it cannot be one.
    """
    if _ADDRESS.fullmatch(text) is None or not text.isprintable():
        raise Undeliverable("This cannot be an address.")
    local, _, domain = text.rpartition("@")
    try:
        return Address("", local, _spelled(domain))
    except (ValueError, UnicodeError):
        raise Undeliverable("This cannot be an address.") from None


def sender_in(text: str) -> Address:
    """Give the sender that a setting names.

    Raises:
        Undeliverable: it names none.
    """
    name, opening, rest = text.rpartition("<")
    if not opening:
        return address_in(text.strip())
    address = address_in(rest.strip().removesuffix(">"))
    if not name.strip().isprintable():
        raise Undeliverable("The name cannot be shown.")
    return Address(name.strip().strip('"'), address.username, address.domain)


def _spelled(domain: str) -> str:
    """Spell a domain as the wire has it (RFC 5891).

    Python's own codec keeps to the rules before (RFC 3490), by which a letter for ``faß.example``
    goes to ``fass.example``: to somebody else.
    """
    if domain.isascii():
        return domain
    import idna

    return idna.encode(domain.lower(), strict=True).decode("ascii")
