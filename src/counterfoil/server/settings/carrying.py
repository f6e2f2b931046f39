"""The settings for having the notices carried by NATS."""

from pathlib import Path
from typing import Annotated

from counterfoil.net.carrier import NatsServers, NatsUrl
from counterfoil.server.settings.meaning import number, words
from counterfoil.server.settings.telling import Telling


class Carrying(Telling, frozen=True, kw_only=True):
    """A part of the table, on top of another: a struct has one base."""

    nats: Annotated[
        tuple[NatsUrl, ...],
        words(
            "Servers of a NATS cluster with JetStream that is to carry the notices to guards, as "
            "`tls://user:password@host:4222`; any of them will do."
        ),
    ] = ()
    nats_credentials_file: Annotated[
        Path | None, words("File of credentials (`.creds`) to show to NATS.")
    ] = None
    nats_ca_file: Annotated[
        Path | None,
        words("Certificates of who vouches for the NATS servers, instead of the usual ones."),
    ] = None
    nats_certificate_file: Annotated[
        Path | None, words("A certificate to show to NATS, and its key, in one file.")
    ] = None
    nats_replicas: Annotated[
        int,
        number(
            "On how many servers the stream is kept, if it is made here: one that is there is left "
            "as it is.",
            1,
            5,
        ),
    ] = 1

    @property
    def nats_servers(self) -> NatsServers | None:
        """The servers, as whoever connects needs them."""
        if not self.nats:
            return None
        files = (self.nats_credentials_file, self.nats_ca_file, self.nats_certificate_file)
        return NatsServers(self.nats, *files)
