"""The settings for what browsers are known by, beside the session that they have."""

from typing import Annotated, Final, Literal

from counterfoil.server.settings.meaning import DAY, number, words
from counterfoil.server.settings.second_factors import SecondFactorSettings

FOR_EVER: Final = 400 * DAY
"""As long as browsers keep a cookie at most (RFC 6265bis §5.5); each use begins it anew."""


class Remembering(SecondFactorSettings, frozen=True, kw_only=True):
    """A part of the table, on top of another: a struct has one base."""

    remember_browsers: Annotated[
        Literal["off", "30_days", "90_days", "forever"],
        words(
            "How long a browser is remembered after a sign-in in which that was ticked, though its "
            "session be over. `forever`: until it was not used for 400 days, as long as browsers "
            "keep a cookie."
        ),
    ] = "off"
    remember_behind_proof: Annotated[
        bool,
        words(
            "A remembered browser greets its person and asks for the passkey or the password. "
            "Otherwise it is signed in by itself, on the strength of the sign-in before; a client "
            "may refuse that."
        ),
    ] = True
    remember_second_factor: Annotated[
        bool,
        words(
            "A browser that is signed in by itself counts as strongly as the sign-in before did. "
            "Otherwise as a single factor: whatever demands a second one asks for it."
        ),
    ] = False
    known_browser_tries: Annotated[
        int,
        number(
            "Passwords that are looked at while an account is locked, if they come from a browser "
            "that has signed in to it before: nobody else can keep its owner out. Of an "
            "authenticator app so many codes a day are.",
            0,
            20,
            "an hour",
        ),
    ] = 5

    @property
    def remembers_for_ever(self) -> bool:
        """Whether a browser is remembered for as long as it is used."""
        return self.remember_browsers == "forever"

    @property
    def remember_lifetime(self) -> int:
        """For how many seconds a browser is remembered; 0: not at all."""
        lifetimes = {"off": 0, "30_days": 30 * DAY, "90_days": 90 * DAY, "forever": FOR_EVER}
        return lifetimes[self.remember_browsers]
