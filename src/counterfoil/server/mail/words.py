"""What letters say, in each language. The first language is for whoever asks for none of them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from counterfoil.server.records.letter import LetterKind


class Words(Struct, frozen=True):
    """The sentences of one letter; names in braces are values of the letter.

    ``button`` is what the link is called; empty where there is none.
    """

    subject: str
    before: tuple[str, ...]
    button: str
    after: tuple[str, ...]


CATALOGUE: Final[Mapping[str, Mapping[LetterKind, Words]]] = MappingProxyType(
    {
        "en": MappingProxyType(
            {
                LetterKind.NEW_PASSWORD: Words(
                    "Choose a new password",
                    (
                        "Somebody asked for a new password for your account at {place}. "
                        "If it was you, go on here:",
                    ),
                    "Choose a new password",
                    (
                        "The link works once, within {minutes} minutes of the time of this mail, "
                        "on any device.",
                        "If it was not you, do nothing: your password stays as it is, and nobody "
                        "but you has this link.",
                    ),
                ),
                LetterKind.INVITED: Words(
                    "Choose a password",
                    ("There is an account for you at {place}. Choose a password for it here:",),
                    "Choose a password",
                    (
                        "The link works once, within {minutes} minutes of the time of this mail, "
                        "on any device. Later you get another by “Forgotten your password?” on "
                        "the sign-in page.",
                        "If you know nothing of this, do nothing.",
                    ),
                ),
                LetterKind.PASSWORD_WAS_SET: Words(
                    "Your password has been changed",
                    (
                        "A new password was chosen for your account at {place} by a link that was "
                        "sent to this address. Every browser and every app was signed out.",
                        "If it was not you, somebody else can read your mail. Make your mailbox "
                        "safe first, then choose a new password here:",
                    ),
                    "Choose a new password",
                    (),
                ),
            }
        ),
        "de": MappingProxyType(
            {
                LetterKind.NEW_PASSWORD: Words(
                    "Ein neues Passwort wählen",
                    (
                        "Jemand hat für Ihr Konto bei {place} ein neues Passwort angefordert. "
                        "Wenn Sie das waren, geht es hier weiter:",
                    ),
                    "Neues Passwort wählen",
                    (
                        "Der Link gilt einmal, {minutes} Minuten lang ab der Uhrzeit dieser Mail, "
                        "auf jedem Gerät.",
                        "Wenn Sie das nicht waren, brauchen Sie nichts zu tun: Ihr Passwort "
                        "bleibt, wie es ist, und niemand außer Ihnen hat diesen Link.",
                    ),
                ),
                LetterKind.INVITED: Words(
                    "Ein Passwort wählen",
                    ("Bei {place} gibt es ein Konto für Sie. Wählen Sie hier ein Passwort dafür:",),
                    "Passwort wählen",
                    (
                        "Der Link gilt einmal, {minutes} Minuten lang ab der Uhrzeit dieser Mail, "
                        "auf jedem Gerät. Danach gibt es einen neuen über „Forgotten your "
                        "password?“ auf der Anmeldeseite.",
                        "Wenn Sie davon nichts wissen, brauchen Sie nichts zu tun.",
                    ),
                ),
                LetterKind.PASSWORD_WAS_SET: Words(
                    "Ihr Passwort wurde geändert",
                    (
                        "Für Ihr Konto bei {place} wurde über einen Link, der an diese Adresse "
                        "ging, ein neues Passwort gewählt. Alle Browser und Apps wurden "
                        "abgemeldet.",
                        "Wenn Sie das nicht waren, liest jemand Ihre Mail mit. Sichern Sie zuerst "
                        "Ihr Postfach, und wählen Sie dann hier ein neues Passwort:",
                    ),
                    "Neues Passwort wählen",
                    (),
                ),
            }
        ),
    }
)
LANGUAGES: Final = tuple(CATALOGUE)
_MOST: Final = 20


def language_in(accepted: str) -> str:
    """Choose a language of ours by an ``Accept-Language`` header (RFC 9110 §12.5.4)."""
    best, weight = LANGUAGES[0], 0.0
    for each in accepted.split(",")[:_MOST]:
        name, _, parameter = each.partition(";")
        language = name.strip().lower().partition("-")[0]
        quality = _quality(parameter)
        if language in CATALOGUE and quality > weight:
            best, weight = language, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
