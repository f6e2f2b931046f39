"""How somebody showed who they are, and what that amounts to (RFC 8176; OpenID Connect Core §2).

Pure. The methods are ``amr``; the class that they make together is ``acr``.
"""

from collections.abc import Collection, Iterable
from typing import Final

PASSWORD: Final = "pwd"
FEDERATED: Final = "fed"
"""What another server says: they signed in there. The registry has no word for it."""
ONE_TIME: Final = "otp"
"""A number of an authenticator app, or a recovery code."""
MAILBOX: Final = "email"
"""A code that was sent by mail. The registry has no word for it; ``otp`` would make whoever counts
methods take it for a second factor, and the mailbox resets the password too."""
KEY: Final = "pop"
"""A key that signed for this site and no other: a passkey."""
PRESENT: Final = "user"
"""A person was there, and touched the device that holds the key."""
SEVERAL_FACTORS: Final = "mfa"
"""Two that are of different kinds: also a passkey whose device asked for a finger or a number."""

FIRST: Final = frozenset({PASSWORD, FEDERATED})
"""To either of these a key adds another kind of proof."""

SINGLE: Final = "sfa"
MULTIPLE: Final = "mfa"
PHISHING_RESISTANT: Final = "phr"
CLASSES: Final = (SINGLE, MULTIPLE, PHISHING_RESISTANT)
"""The classes, the weakest first: each is enough wherever one before it is."""


def acr_of(amr: Iterable[str]) -> str:
    """Give the class of a sign-in by these methods.

    Phishing-resistant is more than one factor, one of them a key that no other site can use.
    """
    methods = frozenset(amr)
    if SEVERAL_FACTORS not in methods:
        return SINGLE
    return PHISHING_RESISTANT if KEY in methods else MULTIPLE


def least_of(acr_values: Collection[str]) -> str | None:
    """Give the weakest class that will do; ``None`` where none is named that is known here.

    Classes of others are passed over: what is asked for by ``acr_values`` is a wish (§3.1.2.1).
    """
    for each in CLASSES:
        if each in acr_values:
            return each
    return None


def strongest_of(classes: Collection[str | None]) -> str | None:
    """Give the strongest of classes; ``None`` stands for no demand."""
    for each in reversed(CLASSES):
        if each in classes:
            return each
    return None


def with_second(amr: tuple[str, ...], method: str) -> tuple[str, ...]:
    """Give the methods of a sign-in to which one of another kind was added."""
    return tuple(
        dict.fromkeys((*(each for each in amr if each != SEVERAL_FACTORS), method, SEVERAL_FACTORS))
    )


def with_mailed_code(amr: tuple[str, ...]) -> tuple[str, ...]:
    """Give the methods of a sign-in to which a code by mail came: its class stays what it was."""
    return tuple(dict.fromkeys((*amr, MAILBOX)))


def first_factor(amr: tuple[str, ...]) -> tuple[str, ...]:
    """Give the methods of a sign-in without what was shown after the first."""
    if SEVERAL_FACTORS not in amr and MAILBOX not in amr:
        return amr
    began = tuple(each for each in amr if each in FIRST)
    return began or tuple(each for each in amr if each in {KEY, PRESENT})


def is_enough(amr: Iterable[str], least: str | None) -> bool:
    """Whether a sign-in by these methods is of a class or a stronger one; ``None``: any will do."""
    return least is None or CLASSES.index(acr_of(amr)) >= CLASSES.index(least)
