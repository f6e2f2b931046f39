"""What is decided per client and per API; what is left open is decided by the settings (S22)."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from counterfoil.oauth.limits import Limits
from counterfoil.oauth.use_limit import MaxUses

_DAY: Final = 24 * 60 * 60
AccessSeconds = Annotated[int, Meta(ge=1, le=30 * _DAY)]
"""As long as an access token may live, whoever decides it."""
Seconds = Annotated[int, Meta(ge=1, le=3650 * _DAY)]


PerMinute = Annotated[int, Meta(ge=1, le=1_000_000_000)]
TokenBytes = Annotated[int, Meta(ge=0, le=16 * 1024)]
"""The most bytes of an access token that pass without a word; 0: any number."""
ActorName = Annotated[str, Meta(pattern="^[A-Za-z0-9._~-]{1,128}$")]
"""A ``client_id``."""
_CLAIM = "(email|email_verified|name)"
ClaimNames = Annotated[str, Meta(pattern=f"^({_CLAIM}( {_CLAIM})*)?$")]
"""Claims about the person, apart by spaces."""
LeastAcr = Literal["mfa", "phr"]
"""The weakest class of a sign-in that will do (see ``oauth/acr.py``)."""
ScopeNames = Annotated[
    str, Meta(pattern=r"^([\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*)?$")
]
"""Scopes, apart by spaces (RFC 6749 §3.3)."""
InTwoPlaces = Literal["record", "end", "end_far", "allow"]
"""What happens where a token is seen in two places at once (S106)."""
FarApart = Literal["record", "end"]
"""What happens where these places are far apart (S107)."""


class ClientPolicy(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How the tokens of one client live. Times in seconds; ``None``: as the settings say.

    ``refresh_…`` is for families that end with their session, ``offline_…`` for those that do not
    (``offline_access``; S08). Without ``refresh_rotation`` a refresh token stays good and its idle
    time slides: for clients with a secret only (OAuth 2.1 §4.3.1). ``reproof_interval``: the
    person signs in anew after so long (S30). ``dpop_bound_access_tokens`` is that of RFC 9449
    §5.2; ``in_session``: every refresh proves the very key that the family began with, though the
    client be confidential (S21). ``in_two_places``: what happens where guards report one of its
    tokens from two places at once (S106): an event is recorded; its family ends too (``end``), or
    does where they are far apart (``end_far``); or nothing, for a service that runs in many places
    with one token (``allow``).
    ``may_act``: the one client that may act for others with its tokens (RFC 8693 §4.4).
    ``rate_per_minute``: so many token requests and introspections, in each process; it is for
    clients with a secret. ``least_acr``: people sign in at least so for it: ``mfa``, with a second
    factor; ``phr``, with a passkey. ``limits``: what its tokens may do, beside what each API says
    (S15). Without ``remembered_sign_in`` a browser that was signed in by being remembered alone
    does not count for it: the person shows who they are (S24).
    """

    access_token_lifetime: AccessSeconds | None = None
    refresh_rotation: bool = True
    refresh_idle_lifetime: Seconds | None = None
    refresh_absolute_lifetime: Seconds | None = None
    offline_idle_lifetime: Seconds | None = None
    offline_absolute_lifetime: Seconds | None = None
    reproof_interval: Seconds | None = None
    dpop_bound_access_tokens: bool = False
    in_session: bool = False
    in_two_places: InTwoPlaces = "record"
    rate_per_minute: PerMinute | None = None
    may_act: ActorName | None = None
    least_acr: LeastAcr | None = None
    limits: Limits = ()
    remembered_sign_in: bool = True


class ApiPolicy(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the tokens of one API are like.

    ``token_format`` ``reference``: opaque, looked up at every use (S49, S64). ``registry``: a
    token counts only if the server remembers having issued it (S43). ``status_list``: tokens
    point into a published Token Status List. ``token_bytes``: the size budget of a signed token;
    ``None``: as the settings say. Where one is longer, a warning is given (``over_budget``
    ``warn``), or a reference token in its place (S66). ``signing_algorithm`` ``ML-DSA-65``: they
    are signed so that no quantum computer can forge them (RFC 9964). ``personal_tokens``: people
    may make tokens for it by hand (S11), which live ``personal_token_lifetime`` seconds at most;
    where that is open, as the settings say.
    ``limits``: what they may do, how much and how often (RFC 9396, S15).
    ``encryption``: they are encrypted to the API (S68). ``claims``: what they tell of the person,
    such as ``email name`` (S69). ``max_uses``: each token works so many times at most, whatever
    was asked for (S54). ``second_factor_scopes``: scopes, apart by spaces, for which people sign in
    with a second factor (S105). ``far_apart``: where its guards report a token from places far
    apart at once, an event is recorded, or the token ends with its family, too (S107).
    """

    token_format: Literal["jwt", "reference"] = "jwt"
    registry: bool = False
    status_list: bool = False
    token_bytes: TokenBytes | None = None
    over_budget: Literal["warn", "reference"] = "warn"
    signing_algorithm: Literal["ML-DSA-65"] | None = None
    limits: Limits = ()
    personal_tokens: bool = False
    personal_token_lifetime: Seconds | None = None
    max_uses: MaxUses | None = None
    encryption: bool = False
    claims: ClaimNames = ""
    second_factor_scopes: ScopeNames = ""
    far_apart: FarApart = "record"

    @property
    def claim_names(self) -> tuple[str, ...]:
        """What the tokens tell of the person."""
        return tuple(self.claims.split())

    @property
    def strong_scopes(self) -> tuple[str, ...]:
        """The scopes for which people sign in with a second factor."""
        return tuple(self.second_factor_scopes.split())

    @property
    def is_readable(self) -> bool:
        """Whether anyone who holds one of the tokens can read what it says."""
        return self.token_format == "jwt" and not self.encryption

    @property
    def costs_a_row(self) -> bool:
        """Whether each token is written down until it expires."""
        return self.is_looked_up or self.status_list

    @property
    def is_looked_up(self) -> bool:
        """Whether only what was written down counts: a signature alone does not."""
        return self.registry or self.token_format == "reference"
