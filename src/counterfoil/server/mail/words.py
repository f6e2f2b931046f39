"""What letters say, in each language. The first language is for whoever asks for none of them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from counterfoil.server.mail.letter_text import Words
from counterfoil.server.mail.noticed_words import NOTICED
from counterfoil.server.mail.security_words import SECURITY
from counterfoil.server.records.letter import LetterKind

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
                LetterKind.REGISTRATION: Words(
                    "Your new account",
                    (
                        "Somebody wants an account at {place} with this address. If it was you, "
                        "choose your name and your password here:",
                    ),
                    "Make my account",
                    (
                        "The link works once, within {minutes} minutes, on any device.",
                        "If it was not you, do nothing: there is no account until somebody opens "
                        "this link, and nobody but you has it.",
                    ),
                ),
                LetterKind.ALREADY_REGISTERED: Words(
                    "You have an account already",
                    (
                        "Somebody typed this address for an account at {place}, which has it "
                        "already. Nothing has changed. If it was you and you have forgotten your "
                        "password, choose a new one here:",
                    ),
                    "Choose a new password",
                    ("If it was not you, do nothing.",),
                ),
                LetterKind.INVITATION: Words(
                    "You are invited",
                    ("You have been given an account at {place}. Make it yours here:",),
                    "Accept the invitation",
                    (
                        "You choose your name and your password there. The link works once, "
                        "within {days} days, on any device.",
                        "If you expect no invitation, do nothing.",
                    ),
                ),
                LetterKind.NEW_EMAIL: Words(
                    "Confirm your new address",
                    (
                        "Somebody wants their account at {place} to have this address from now "
                        "on. If it was you, go on here:",
                    ),
                    "Confirm this address",
                    (
                        "The link works once, within {minutes} minutes, where you are signed in "
                        "to that account.",
                        "If it was not you, do nothing: nothing changes.",
                    ),
                ),
                LetterKind.EMAIL_WAS_CHANGED: Words(
                    "Your account has another address",
                    (
                        "Your account at {place} had this address. It has another one from now "
                        "on, as somebody who was signed in to it wanted.",
                        "If it was not you, take the account back here, within {days} days. You "
                        "choose a new password for it, and everybody else is signed out:",
                    ),
                    "It was not me",
                    ("If it was you, do nothing.",),
                ),
                LetterKind.PASSWORD_WAS_SET: Words(
                    "Your password has been changed",
                    (
                        "A new password was chosen for your account at {place}. Every other "
                        "browser and every app was signed out.",
                        "If it was not you, somebody else knows the password or can read your "
                        "mail. Make your mailbox safe first, then choose a new password here:",
                    ),
                    "Choose a new password",
                ),
                LetterKind.REMEMBERED_REUSED: Words(
                    "A browser is not remembered any more",
                    (
                        "What a browser of yours was remembered by at {place} was used a second "
                        "time, or somewhere else. All that was opened with it has ended.",
                        "If you did not copy it yourself, somebody has: change your password.",
                    ),
                    "See how you sign in",
                ),
                **SECURITY["en"],
                **NOTICED["en"],
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
                        "auf jedem Gerät. Danach gibt es einen neuen über „Passwort "
                        "vergessen?“ auf der Anmeldeseite.",
                        "Wenn Sie davon nichts wissen, brauchen Sie nichts zu tun.",
                    ),
                ),
                LetterKind.REGISTRATION: Words(
                    "Ihr neues Konto",
                    (
                        "Jemand möchte mit dieser Adresse ein Konto bei {place}. Wenn Sie das "
                        "waren, wählen Sie hier Ihren Namen und Ihr Passwort:",
                    ),
                    "Mein Konto anlegen",
                    (
                        "Der Link gilt einmal, {minutes} Minuten lang, auf jedem Gerät.",
                        "Wenn Sie das nicht waren, brauchen Sie nichts zu tun: Es gibt kein "
                        "Konto, bis jemand diesen Link öffnet, und niemand außer Ihnen hat ihn.",
                    ),
                ),
                LetterKind.ALREADY_REGISTERED: Words(
                    "Sie haben schon ein Konto",
                    (
                        "Jemand hat diese Adresse für ein Konto bei {place} angegeben, und es "
                        "gibt dort schon eines damit. Nichts hat sich geändert. Wenn Sie das "
                        "waren und Ihr Passwort vergessen haben, wählen Sie hier ein neues:",
                    ),
                    "Neues Passwort wählen",
                    ("Wenn Sie das nicht waren, brauchen Sie nichts zu tun.",),
                ),
                LetterKind.INVITATION: Words(
                    "Sie sind eingeladen",
                    ("Für Sie gibt es ein Konto bei {place}. Hier wird es Ihres:",),
                    "Einladung annehmen",
                    (
                        "Dort wählen Sie Ihren Namen und Ihr Passwort. Der Link gilt einmal, "
                        "{days} Tage lang, auf jedem Gerät.",
                        "Wenn Sie keine Einladung erwarten, brauchen Sie nichts zu tun.",
                    ),
                ),
                LetterKind.NEW_EMAIL: Words(
                    "Ihre neue Adresse bestätigen",
                    (
                        "Jemand möchte, dass ein Konto bei {place} von nun an diese Adresse hat. "
                        "Wenn Sie das waren, geht es hier weiter:",
                    ),
                    "Diese Adresse bestätigen",
                    (
                        "Der Link gilt einmal, {minutes} Minuten lang, wo Sie in diesem Konto "
                        "angemeldet sind.",
                        "Wenn Sie das nicht waren, brauchen Sie nichts zu tun: Nichts ändert sich.",
                    ),
                ),
                LetterKind.EMAIL_WAS_CHANGED: Words(
                    "Ihr Konto hat eine andere Adresse",
                    (
                        "Ihr Konto bei {place} hatte diese Adresse. Von nun an hat es eine "
                        "andere; das wollte jemand, der darin angemeldet war.",
                        "Wenn Sie das nicht waren, holen Sie das Konto hier zurück, innerhalb von "
                        "{days} Tagen. Sie wählen ein neues Passwort, und alle anderen werden "
                        "abgemeldet:",
                    ),
                    "Das war ich nicht",
                    ("Wenn Sie das waren, brauchen Sie nichts zu tun.",),
                ),
                LetterKind.PASSWORD_WAS_SET: Words(
                    "Ihr Passwort wurde geändert",
                    (
                        "Für Ihr Konto bei {place} wurde ein neues Passwort gewählt. Alle anderen "
                        "Browser und alle Apps wurden abgemeldet.",
                        "Wenn Sie das nicht waren, kennt jemand das Passwort oder liest Ihre Mail "
                        "mit. Sichern Sie zuerst Ihr Postfach, und wählen Sie dann hier ein neues "
                        "Passwort:",
                    ),
                    "Neues Passwort wählen",
                ),
                LetterKind.REMEMBERED_REUSED: Words(
                    "Ein Browser wird nicht mehr wiedererkannt",
                    (
                        "Woran {place} einen Ihrer Browser wiedererkannte, wurde ein zweites Mal "
                        "oder anderswo benutzt. Alles, was damit geöffnet wurde, ist beendet.",
                        "Wenn Sie es nicht selbst kopiert haben, war es jemand anderes: Ändern Sie "
                        "Ihr Passwort.",
                    ),
                    "Ansehen, wie Sie sich anmelden",
                ),
                **SECURITY["de"],
                **NOTICED["de"],
            }
        ),
    }
)
