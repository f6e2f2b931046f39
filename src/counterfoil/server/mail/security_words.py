"""What letters say of how one signs in, in each language of the catalogue."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from counterfoil.server.mail.letter_text import Words
from counterfoil.server.records.letter import LetterKind

SECURITY: Final[Mapping[str, Mapping[LetterKind, Words]]] = MappingProxyType(
    {
        "en": MappingProxyType(
            {
                LetterKind.SECOND_FACTOR_ON: Words(
                    "A second factor is on",
                    (
                        "From now on your account at {place} asks for a code of an authenticator "
                        "app besides your password.",
                        "If it was not you, somebody knows your password: ask for help at {place} "
                        "at once.",
                    ),
                    "See how you sign in",
                ),
                LetterKind.SECOND_FACTOR_OFF: Words(
                    "A second factor is off",
                    (
                        "The authenticator app and the recovery codes of your account at {place} "
                        "are good no more. Your password alone signs you in.",
                        "If neither you nor somebody whom you asked did this, change your "
                        "password and set an app up again:",
                    ),
                    "See how you sign in",
                ),
                LetterKind.PASSKEY_ADDED: Words(
                    "A passkey was added",
                    (
                        "From now on your account at {place} can be signed in to with one more "
                        "passkey.",
                        "If it was not you, somebody has got in. Choose a new password here, and "
                        "have your passkeys removed with it:",
                    ),
                    "Choose a new password",
                ),
                LetterKind.PASSKEY_REMOVED: Words(
                    "A passkey was removed",
                    (
                        "A passkey of your account at {place} is good no more.",
                        "If you did not do this, change your password and look at your passkeys:",
                    ),
                    "See how you sign in",
                ),
                LetterKind.RECOVERY_CODE_USED: Words(
                    "A recovery code was used",
                    (
                        "Somebody signed in to your account at {place} with your password and a "
                        "recovery code. {left} codes are left.",
                        "If it was not you, they have both. Change your password and make new "
                        "codes:",
                    ),
                    "See how you sign in",
                ),
                LetterKind.MAILED_CODE: Words(
                    "Your code",
                    (
                        "Somebody who is signed in to your account at {place}, or knows its "
                        "password, asked for this code. If it was you, type it there:",
                        "{code}",
                        "It works once, within {minutes} minutes, in the browser in which it was "
                        "asked for. A newer one ends it. Tell it to nobody: we never ask for it in "
                        "any other way.",
                        "If it was not you, change your password at once:",
                    ),
                    "Change your password",
                ),
                LetterKind.MAILED_CODES_ON: Words(
                    "Codes are sent to you by mail",
                    (
                        "From now on a code that is sent to this address lets you in to your "
                        "account at {place} after your password.",
                        "If it was not you, somebody has got in: change your password, and switch "
                        "the codes off.",
                    ),
                    "See how you sign in",
                ),
                LetterKind.MAILED_CODES_OFF: Words(
                    "Codes are sent to you by mail no more",
                    (
                        "No code that is sent by mail lets you in to your account at {place} any "
                        "more: you switched that off, or a new password was chosen by mail, or "
                        "whoever runs the place took it away.",
                        "You can switch it on again, or better, set up an app or a passkey:",
                    ),
                    "See how you sign in",
                ),
                LetterKind.IDENTITY_LINKED: Words(
                    "An account elsewhere signs in here",
                    (
                        "From now on your account at {place} can be signed in to by an account at "
                        "{provider}.",
                        "If it was not you, somebody has got in. Unlink it here, and sign out "
                        "everywhere else:",
                    ),
                    "See your accounts elsewhere",
                ),
                LetterKind.IDENTITY_UNLINKED: Words(
                    "An account elsewhere was unlinked",
                    (
                        "An account at {provider} signs in to your account at {place} no more.",
                        "If you did not do this, somebody has got in. See which ones are left, and "
                        "sign out everywhere else:",
                    ),
                    "See your accounts elsewhere",
                ),
            }
        ),
        "de": MappingProxyType(
            {
                LetterKind.SECOND_FACTOR_ON: Words(
                    "Ein zweiter Faktor ist eingeschaltet",
                    (
                        "Ab jetzt verlangt Ihr Konto bei {place} außer dem Passwort einen Code "
                        "aus einer Authenticator-App.",
                        "Wenn Sie das nicht waren, kennt jemand Ihr Passwort: Bitten Sie bei "
                        "{place} sofort um Hilfe.",
                    ),
                    "Ansehen, wie Sie sich anmelden",
                ),
                LetterKind.SECOND_FACTOR_OFF: Words(
                    "Ein zweiter Faktor ist ausgeschaltet",
                    (
                        "Die Authenticator-App und die Wiederherstellungscodes Ihres Kontos bei "
                        "{place} gelten nicht mehr. Ihr Passwort allein meldet Sie an.",
                        "Wenn das weder Sie waren noch jemand, den Sie darum gebeten haben, ändern "
                        "Sie Ihr Passwort, und richten Sie wieder eine App ein:",
                    ),
                    "Ansehen, wie Sie sich anmelden",
                ),
                LetterKind.PASSKEY_ADDED: Words(
                    "Ein Passkey wurde hinzugefügt",
                    (
                        "Ab jetzt kann man sich bei {place} mit einem weiteren Passkey an Ihrem "
                        "Konto anmelden.",
                        "Wenn Sie das nicht waren, ist jemand eingedrungen. Wählen Sie hier ein "
                        "neues Passwort, und lassen Sie dabei Ihre Passkeys entfernen:",
                    ),
                    "Neues Passwort wählen",
                ),
                LetterKind.PASSKEY_REMOVED: Words(
                    "Ein Passkey wurde entfernt",
                    (
                        "Ein Passkey Ihres Kontos bei {place} gilt nicht mehr.",
                        "Wenn Sie das nicht getan haben, ändern Sie Ihr Passwort, und sehen Sie "
                        "nach Ihren Passkeys:",
                    ),
                    "Ansehen, wie Sie sich anmelden",
                ),
                LetterKind.RECOVERY_CODE_USED: Words(
                    "Ein Wiederherstellungscode wurde benutzt",
                    (
                        "Jemand hat sich bei {place} mit Ihrem Passwort und einem "
                        "Wiederherstellungscode angemeldet. {left} Codes sind übrig.",
                        "Wenn Sie das nicht waren, hat jemand beides. Ändern Sie Ihr Passwort, und "
                        "erzeugen Sie neue Codes:",
                    ),
                    "Ansehen, wie Sie sich anmelden",
                ),
                LetterKind.MAILED_CODE: Words(
                    "Ihr Code",
                    (
                        "Jemand, der an Ihrem Konto bei {place} angemeldet ist oder das Passwort "
                        "kennt, hat diesen Code angefordert. Wenn Sie das waren, geben Sie ihn "
                        "dort ein:",
                        "{code}",
                        "Er gilt einmal, {minutes} Minuten lang, in dem Browser, in dem er "
                        "angefordert wurde. Ein neuerer beendet ihn. Verraten Sie ihn niemandem: "
                        "Wir fragen auf keinem anderen Weg danach.",
                        "Wenn Sie das nicht waren, ändern Sie sofort Ihr Passwort:",
                    ),
                    "Passwort ändern",
                ),
                LetterKind.MAILED_CODES_ON: Words(
                    "Codes kommen per Mail zu Ihnen",
                    (
                        "Ab jetzt lässt Sie bei {place} nach Ihrem Passwort ein Code ein, der an "
                        "diese Adresse geschickt wird.",
                        "Wenn Sie das nicht waren, ist jemand eingedrungen: Ändern Sie Ihr "
                        "Passwort, und schalten Sie die Codes aus.",
                    ),
                    "Ansehen, wie Sie sich anmelden",
                ),
                LetterKind.MAILED_CODES_OFF: Words(
                    "Codes kommen nicht mehr per Mail zu Ihnen",
                    (
                        "Bei {place} lässt Sie kein Code mehr ein, der per Mail kommt: Sie haben "
                        "das ausgeschaltet, oder ein neues Passwort wurde per Mail gewählt, oder "
                        "wer den Dienst betreibt, hat es weggenommen.",
                        "Sie können es wieder einschalten oder, besser, eine App oder einen "
                        "Passkey einrichten:",
                    ),
                    "Ansehen, wie Sie sich anmelden",
                ),
                LetterKind.IDENTITY_LINKED: Words(
                    "Ein Konto anderswo meldet hier an",
                    (
                        "Ab jetzt kann man sich an Ihrem Konto bei {place} mit einem Konto bei "
                        "{provider} anmelden.",
                        "Wenn Sie das nicht waren, ist jemand eingedrungen. Lösen Sie hier die "
                        "Verknüpfung, und melden Sie sich überall sonst ab:",
                    ),
                    "Ihre Konten anderswo ansehen",
                ),
                LetterKind.IDENTITY_UNLINKED: Words(
                    "Ein Konto anderswo meldet hier nicht mehr an",
                    (
                        "Ein Konto bei {provider} meldet nicht mehr an Ihrem Konto bei {place} an.",
                        "Wenn Sie das nicht getan haben, ist jemand eingedrungen. Sehen Sie nach, "
                        "welche es noch gibt, und melden Sie sich überall sonst ab:",
                    ),
                    "Ihre Konten anderswo ansehen",
                ),
            }
        ),
    }
)
