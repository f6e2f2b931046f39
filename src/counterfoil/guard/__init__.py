"""The guard: checks access tokens locally, in microseconds, and refuses what was ended."""

from counterfoil.guard.client_certificate import ClientCertificates
from counterfoil.guard.cors import Cors
from counterfoil.guard.demands import Bound, Demand, HeardWithin, MaxAge, Presented, Scopes
from counterfoil.guard.encryption import Encryption
from counterfoil.guard.enrich import Enrich
from counterfoil.guard.guard import Guard
from counterfoil.guard.health import Health, IssuerHealth
from counterfoil.guard.own_path import OwnPath
from counterfoil.guard.policy import Carrier, Credentials, Issuer, Options, Proofs, Staleness
from counterfoil.guard.resource_metadata import ResourceMetadata
from counterfoil.guard.sessions import Sessions, SignedIn
from counterfoil.guard.step_up import StepUp
from counterfoil.guard.ticket_policy import Tickets
from counterfoil.guard.token import Rejected, Token, Undecided
from counterfoil.guard.token_profile import TokenProfile
from counterfoil.guard.web import Web
from counterfoil.oauth.limits import Act
from counterfoil.oauth.reasons import Reason

__all__ = [
    "Act",
    "Bound",
    "Carrier",
    "ClientCertificates",
    "Cors",
    "Credentials",
    "Demand",
    "Encryption",
    "Enrich",
    "Guard",
    "Health",
    "HeardWithin",
    "Issuer",
    "IssuerHealth",
    "MaxAge",
    "Options",
    "OwnPath",
    "Presented",
    "Proofs",
    "Reason",
    "Rejected",
    "ResourceMetadata",
    "Scopes",
    "Sessions",
    "SignedIn",
    "Staleness",
    "StepUp",
    "Tickets",
    "Token",
    "TokenProfile",
    "Undecided",
    "Web",
]
