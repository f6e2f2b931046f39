"""The settings for whom the server calls by itself."""

from typing import Annotated

from counterfoil.server.settings.mailing import Mailing
from counterfoil.server.settings.meaning import words


class Telling(Mailing, frozen=True, kw_only=True):
    """A part of the table, on top of another: a struct has one base."""

    backchannel_logout_networks: Annotated[
        tuple[str, ...],
        words(
            "Addresses or networks in which clients may be told of logouts although they are not "
            "of the public Internet, such as `10.0.0.0/8`. In development this machine is always "
            "among them."
        ),
    ] = ()
    provider_networks: Annotated[
        tuple[str, ...],
        words(
            "Addresses or networks in which providers at which people sign in may stand although "
            "they are not of the public Internet, such as `10.0.0.0/8`. In development this "
            "machine is always among them."
        ),
    ] = ()
