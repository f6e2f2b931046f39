"""The settings for second factors, and for how fresh a sign-in must be."""

from typing import Annotated, Literal

from counterfoil.server.settings.meaning import DAY, MINUTE, number, seconds, words
from counterfoil.server.settings.passkeys import Passkeys


class SecondFactorSettings(Passkeys, frozen=True, kw_only=True):
    """A part of the table, on top of another: a struct has one base."""

    second_factor_for: Annotated[
        Literal["nobody", "administrators", "everyone"],
        words(
            "Of whom a second factor is demanded at every sign-in. Whoever switched one on is "
            "asked for it in any case; a client or an API may demand it too."
        ),
    ] = "nobody"
    second_factor_enrolment: Annotated[
        bool,
        words(
            "Whether people who have no second factor set one up on the way, right after their "
            "password, where it is demanded. Otherwise they cannot come in."
        ),
    ] = True
    second_factor_lock_most: Annotated[
        int,
        seconds(
            "The longest time for which no more codes of an authenticator app are looked at after "
            "wrong ones. Recovery codes are.",
            1,
            DAY,
        ),
    ] = 60 * MINUTE
    mailed_codes: Annotated[
        bool,
        words(
            "Whether people may choose to have a code sent by mail as their second step, where "
            "they have nothing better at hand. It is no second factor: the mailbox resets the "
            "password too, `acr` stays `sfa`, and ASVS V6.3.6 advises against it. Needs mail."
        ),
    ] = False
    mailed_codes_per_hour: Annotated[
        int,
        number(
            "So many codes are sent to one person in an hour; as many again to browsers in which "
            "they signed in before.",
            1,
            20,
        ),
    ] = 5
    fresh_sign_in_age: Annotated[
        int,
        seconds(
            "Whoever changes what guards an account, makes a personal token or removes an app has "
            "signed in so long ago at most; otherwise the sign-in page comes first.",
            MINUTE,
            DAY,
        ),
    ] = 15 * MINUTE
