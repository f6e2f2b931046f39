"""What ends when something else changes: a password, a secret, an account, a client (S38).

The one table of it. Whoever asks a person or an administrator beforehand shows its sentences.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct


class Cause(StrEnum):
    """What changes. The words stand in events, as the reason why something ended."""

    PASSWORD_CHANGED = "password_changed"
    INTRUSION_REPORTED = "intrusion_reported"
    PASSWORD_ENDED = "password_ended"
    PASSWORD_RESET = "password_reset"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    PASSKEY_LOST = "passkey_lost"
    SECOND_FACTOR_ADDED = "second_factor_added"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    MAILED_CODES_ADDED = "mailed_codes_added"
    MAILED_CODES_REMOVED = "mailed_codes_removed"
    SECOND_FACTOR_RESET = "second_factor_reset"
    SECRET_REPLACED = "secret_replaced"
    SECRET_ROTATED = "secret_rotated"
    SECRET_REPORTED = "secret_reported"
    KEYS_REPLACED = "keys_replaced"
    KEYS_CHANGED = "keys_changed"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    USER_DELETED = "user_deleted"
    EMAIL_CHANGED = "email_changed"
    EMAIL_RESTORED = "email_restored"
    USER_DATA_CHANGED = "user_data_changed"
    CLIENT_DISABLED = "client_disabled"
    CLIENT_ENABLED = "client_enabled"


class Extent(StrEnum):
    """How much ends."""

    NOTHING = "nothing"
    ALL_BUT_THIS_BROWSER = "all but this browser"
    """All of the person but one session and what apps do in it.

    Offline families and personal tokens end too.
    """
    ALL_BUT_THIS_SESSION = "all but being signed in here"
    """As before, and what apps do in this browser ends too: a copy of its cookie may have begun it.
    """
    EVERYTHING_OF_THE_PERSON = "everything of the person"
    EVERYTHING_OF_THE_CLIENT = "everything of the client"


class Consequence(Struct, frozen=True):
    """How much ends, and the sentence that is shown before."""

    extent: Extent
    sentence: str


CONSEQUENCES: Final[Mapping[Cause, Consequence]] = MappingProxyType(
    {
        Cause.PASSWORD_CHANGED: Consequence(
            Extent.ALL_BUT_THIS_BROWSER,
            "Every other browser is signed out, and every app that is signed in elsewhere or goes "
            "on while you are away. Personal tokens end, and no browser is remembered any more. "
            "This browser stays signed in. Apps keep their permissions.",
        ),
        Cause.INTRUSION_REPORTED: Consequence(
            Extent.ALL_BUT_THIS_SESSION,
            "Every other browser is signed out, and every session of an app and every personal "
            "token ends, in this browser too. No browser is remembered any more. You stay signed "
            "in here. Apps keep their permissions.",
        ),
        Cause.PASSWORD_ENDED: Consequence(
            Extent.EVERYTHING_OF_THE_PERSON,
            "Nobody signs in by the person's password any more. Every browser of theirs is signed "
            "out, and every session of an app and every personal token ends. Apps keep their "
            "permissions.",
        ),
        Cause.PASSWORD_RESET: Consequence(
            Extent.EVERYTHING_OF_THE_PERSON,
            "Every browser is signed out, and every session of an app and every personal token "
            "ends. Where codes by mail were switched on, they are off: whoever reads the mail has "
            "shown that already. Apps keep their permissions.",
        ),
        Cause.PASSKEY_ADDED: Consequence(
            Extent.NOTHING, "Nothing ends. The person may sign in by it from now on."
        ),
        Cause.PASSKEY_REMOVED: Consequence(
            Extent.NOTHING,
            "Nobody signs in by it any more. Nothing else ends, unless the person says that its "
            "device is lost.",
        ),
        Cause.PASSKEY_LOST: Consequence(
            Extent.ALL_BUT_THIS_BROWSER,
            "Nobody signs in by it any more. Every other browser is signed out, and every app that "
            "is signed in elsewhere or goes on while you are away. Personal tokens end, and no "
            "browser is remembered any more. This browser stays signed in. Apps keep their "
            "permissions.",
        ),
        Cause.SECOND_FACTOR_ADDED: Consequence(
            Extent.ALL_BUT_THIS_BROWSER,
            "Whoever came in with the password alone is out: every other browser is signed out, "
            "and every app that is signed in elsewhere or goes on while you are away. Personal "
            "tokens end, and no browser is remembered any more. This browser stays signed in. Apps "
            "keep their permissions.",
        ),
        Cause.SECOND_FACTOR_REMOVED: Consequence(
            Extent.NOTHING, "Nothing ends. From now on the password alone signs you in."
        ),
        Cause.MAILED_CODES_ADDED: Consequence(
            Extent.ALL_BUT_THIS_BROWSER,
            "From now on a code that we send to your email address lets you in after your "
            "password, where you have nothing better at hand. Every other browser is signed out, "
            "and every app that is signed in elsewhere or goes on while you are away. Personal "
            "tokens end, and no browser is remembered any more. This browser stays signed in. Apps "
            "keep their permissions.",
        ),
        Cause.MAILED_CODES_REMOVED: Consequence(
            Extent.NOTHING,
            "Nothing ends. No code is sent any more: after your password you show what else you "
            "have switched on, and where that is nothing, the password alone signs you in.",
        ),
        Cause.SECOND_FACTOR_RESET: Consequence(
            Extent.EVERYTHING_OF_THE_PERSON,
            "The person's authenticator app, recovery codes and passkeys are good no more, and no "
            "codes are sent by mail. Every browser of theirs is signed out, and every session of "
            "an app and every personal token ends. Apps keep their permissions.",
        ),
        Cause.SECRET_REPLACED: Consequence(
            Extent.EVERYTHING_OF_THE_CLIENT,
            "The secrets before it end at once, and with them every token of the client, whoever "
            "stands behind it.",
        ),
        Cause.SECRET_ROTATED: Consequence(
            Extent.NOTHING, "No token ends. The secret before it stays good for the overlap."
        ),
        Cause.SECRET_REPORTED: Consequence(
            Extent.EVERYTHING_OF_THE_CLIENT,
            "The secret that was found ends at once, and with it every token of the client, "
            "whoever stands behind it.",
        ),
        Cause.KEYS_REPLACED: Consequence(
            Extent.EVERYTHING_OF_THE_CLIENT,
            "None of the keys before stays: they and its secrets end at once, and with them every "
            "token of the client, whoever stands behind it.",
        ),
        Cause.KEYS_CHANGED: Consequence(
            Extent.NOTHING, "No token ends. A key that is left out is refused from now on."
        ),
        Cause.USER_DISABLED: Consequence(
            Extent.EVERYTHING_OF_THE_PERSON,
            "The person cannot sign in any more. Every browser of theirs is signed out, and every "
            "session of an app and every personal token ends.",
        ),
        Cause.USER_ENABLED: Consequence(
            Extent.NOTHING, "The person may sign in again. Nothing that has ended comes back."
        ),
        Cause.USER_DELETED: Consequence(
            Extent.EVERYTHING_OF_THE_PERSON,
            "The account is deleted at once and for good. Every browser is signed out, every app "
            "loses its permission, and every token ends. What is kept of the person is removed, "
            "and they are erased from the audit log.",
        ),
        Cause.EMAIL_CHANGED: Consequence(
            Extent.NOTHING,
            "Nobody is signed out. The services that use the address load it anew. Links that were "
            "mailed to the one before work no more, but for the one that undoes this.",
        ),
        Cause.EMAIL_RESTORED: Consequence(
            Extent.EVERYTHING_OF_THE_PERSON,
            "The account has its address from before again, and the new password. Every browser "
            "is signed out, and every session of an app and every personal token ends. Codes by "
            "mail are off. Apps keep their permissions.",
        ),
        Cause.USER_DATA_CHANGED: Consequence(
            Extent.NOTHING, "Nothing ends. Guards load anew what they know of the person."
        ),
        Cause.CLIENT_DISABLED: Consequence(
            Extent.EVERYTHING_OF_THE_CLIENT,
            "The client gets no token any more, and every token that it has ends, whoever stands "
            "behind it.",
        ),
        Cause.CLIENT_ENABLED: Consequence(
            Extent.NOTHING, "The client may ask again. Nothing that has ended comes back."
        ),
    }
)
