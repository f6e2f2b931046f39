"""What letters say of what was noticed, in each language of the catalogue."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from counterfoil.server.mail.letter_text import Words
from counterfoil.server.records.letter import LetterKind

NOTICED: Final[Mapping[str, Mapping[LetterKind, Words]]] = MappingProxyType(
    {
        "en": MappingProxyType(
            {
                LetterKind.SIGN_IN_NOTICED: Words(
                    "A sign-in that we do not know from you",
                    (
                        "Somebody signed in to your account at {place} in a way that we do not "
                        "know from you.",
                        "Browser: {device}",
                        "From: {where}",
                        "If it was not you, say so here. You choose a new password, and everybody "
                        "else is signed out:",
                    ),
                    "It was not me",
                    ("If it was you, do nothing. Places are guesses, and may be wrong.",),
                ),
                LetterKind.SIGN_IN_HELD: Words(
                    "Somebody has your password",
                    (
                        "Somebody typed the right password of your account at {place}, in a way "
                        "that we do not know from you. They are not in: they were asked for more.",
                        "Browser: {device}",
                        "From: {where}",
                        "If it was not you, change your password at once: go to Security there.",
                    ),
                    "See what happened",
                    ("If it was you, do nothing. Places are guesses, and may be wrong.",),
                ),
                LetterKind.TOKEN_NOTICED: Words(
                    "An app of yours is used from far away",
                    (
                        "The app {app} at {place} acts in your name from two places between which "
                        "nobody travels so fast.",
                        "From: {where}",
                        "And from: {other}",
                        "If one of them is not you, say so here. You choose a new password, and "
                        "everything else is signed out:",
                    ),
                    "It was not me",
                    ("If both are you, by a VPN say, do nothing. Places are guesses.",),
                ),
            }
        ),
        "de": MappingProxyType(
            {
                LetterKind.SIGN_IN_NOTICED: Words(
                    "Eine Anmeldung, die wir von Ihnen nicht kennen",
                    (
                        "Jemand hat sich an Ihrem Konto bei {place} auf eine Weise angemeldet, die "
                        "wir von Ihnen nicht kennen.",
                        "Browser: {device}",
                        "Von: {where}",
                        "Wenn Sie das nicht waren, sagen Sie es hier. Sie wählen ein neues "
                        "Passwort, und alle anderen werden abgemeldet:",
                    ),
                    "Das war ich nicht",
                    (
                        "Wenn Sie das waren, brauchen Sie nichts zu tun. Orte sind geraten und "
                        "können falsch sein.",
                    ),
                ),
                LetterKind.SIGN_IN_HELD: Words(
                    "Jemand hat Ihr Passwort",
                    (
                        "Jemand hat das richtige Passwort Ihres Kontos bei {place} eingegeben, auf "
                        "eine Weise, die wir von Ihnen nicht kennen. Er oder sie ist nicht "
                        "angemeldet: Es wurde nach mehr gefragt.",
                        "Browser: {device}",
                        "Von: {where}",
                        "Wenn Sie das nicht waren, ändern Sie sofort Ihr Passwort: unter "
                        "„Sicherheit“ in Ihrem Konto.",
                    ),
                    "Ansehen, was geschehen ist",
                    (
                        "Wenn Sie das waren, brauchen Sie nichts zu tun. Orte sind geraten und "
                        "können falsch sein.",
                    ),
                ),
                LetterKind.TOKEN_NOTICED: Words(
                    "Eine App von Ihnen wird von weit weg benutzt",
                    (
                        "Die App {app} bei {place} handelt in Ihrem Namen von zwei Orten aus, "
                        "zwischen denen niemand so schnell reist.",
                        "Von: {where}",
                        "Und von: {other}",
                        "Wenn Sie einer davon nicht sind, sagen Sie es hier. Sie wählen ein neues "
                        "Passwort, und alles andere wird abgemeldet:",
                    ),
                    "Das war ich nicht",
                    (
                        "Wenn beide Sie sind, über ein VPN etwa, brauchen Sie nichts zu tun. Orte "
                        "sind geraten.",
                    ),
                ),
            }
        ),
    }
)
