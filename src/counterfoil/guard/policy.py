"""What the owner of an API decides: whom to trust, and what to do when the line is down."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, Self

from msgspec import Struct

from counterfoil.guard.encryption import Encryption
from counterfoil.guard.enrich import Enrich
from counterfoil.guard.given import demand_several
from counterfoil.guard.ticket_policy import Tickets
from counterfoil.guard.token_profile import STANDARD, TokenProfile
from counterfoil.guard.web import Web
from counterfoil.jose.algorithms import EVERY
from counterfoil.net.carrier import NatsServers, NatsUrl
from counterfoil.net.http import demand_safe
from counterfoil.oauth.nonces import KEY_BYTES
from counterfoil.oauth.receipts import Then
from counterfoil.oauth.target_uri import normalised

BUDGET: Final = 30.0
"""Seconds for which a guard need not have heard from the issuer."""
_WAYS: Final = ("feed", "introspect", "status_list", "none")
_SLASHES_WITH_A_PATH: Final = 3
MOST_LEASED: Final = 1_000


class Staleness(Struct, frozen=True):
    """What to do when nothing was heard from the issuer for more than ``budget`` seconds.

    Whatever is chosen, all that is known to be ended stays refused.
    """

    then: Then = "reject"
    budget: float = BUDGET
    further: float = 0.0

    @classmethod
    def reject(cls, budget: float = BUDGET) -> Self:
        """Refuse every token until the line stands again. The default."""
        return cls("reject", budget)

    @classmethod
    def accept_for(cls, further: float, budget: float = BUDGET) -> Self:
        """Go on for this many seconds more, then refuse."""
        return cls("accept", budget, further)

    @classmethod
    def introspect(cls, budget: float = BUDGET) -> Self:
        """Ask the issuer about each token (RFC 7662). Demands credentials at every issuer."""
        return cls("introspect", budget)

    def __post_init__(self) -> None:
        if self.budget < 1 or self.further < 0:
            raise ValueError("a budget has 1 second at least, and a further time is not negative")

    @property
    def tolerance(self) -> float:
        """Seconds since the last word from the issuer for which `check` decides by itself."""
        return self.budget + self.further


class Proofs(Struct, frozen=True, kw_only=True):
    """What an API demands of DPoP proofs (RFC 9449); tokens that are bound always need one.

    ``required``: only bound tokens are taken. ``public_url``: where clients reach what this app
    calls ``/``; without it the ``Host`` header says so. ``nonces``: proofs must carry a nonce of
    this guard, made with ``nonce_key`` (32 bytes, the same for every process of the API; drawn by
    each process for itself if there is none). ``remembered``: how many used proofs are kept in
    memory; when there are more in two minutes, further ones are refused, for to forget one would
    be to let it be used again.

    Raises:
        ValueError: where this cannot work.
    """

    required: bool = False
    public_url: str = ""
    nonces: bool = False
    nonce_key: bytes | None = None
    remembered: int = 250_000

    def __post_init__(self) -> None:
        if self.public_url and normalised(self.public_url) is None:
            raise ValueError(f"{self.public_url!r} is no http or https URL")
        if self.nonce_key is not None and len(self.nonce_key) < KEY_BYTES:
            raise ValueError(f"a nonce_key has {KEY_BYTES} bytes at least")
        if self.remembered < 1:
            raise ValueError("a guard must remember one used proof at least")

    def __repr__(self) -> str:
        return f"Proofs(required={self.required}, public_url={self.public_url!r}, …)"


class Credentials(Struct, frozen=True):
    """With what the guard introduces itself where it introspects."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"Credentials({self.client_id!r}, redacted)"


class Carrier(Struct, frozen=True):
    """NATS servers that carry an issuer's notices, if it has them carried. None of it is trusted.

    ``servers``: URLs of one cluster, any of which will do, such as ``tls://user:password@host``.
    ``silence``: where so many seconds bring nothing that the issuer has signed just now, the guard
    goes by the issuer's own feed; they must be fewer than the budget of its staleness.
    ``credentials_file``: a ``.creds`` file of NATS. ``ca_file``: who vouches for the servers.
    ``certificate_file``: a certificate to show them, and its key, in one file.

    Raises:
        ValueError: where this cannot work. No text or ``repr`` shows a password.
    """

    servers: tuple[str, ...]
    silence: float = 10.0
    credentials_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None

    def __post_init__(self) -> None:
        demand_several(self.servers, "the servers of a carrier")
        if not self.servers:
            raise ValueError("a carrier needs servers: a tuple of URLs")
        if self.silence < 3:
            raise ValueError("a carrier must be given 3 seconds at least: heads come every second")
        self.cluster()

    def __repr__(self) -> str:
        return f"Carrier({', '.join(map(str, self.cluster().urls))}, …)"

    def cluster(self) -> NatsServers:
        """Give the servers as whoever connects needs them."""
        urls = tuple(NatsUrl(url) for url in self.servers)
        return NatsServers(urls, self.credentials_file, self.ca_file, self.certificate_file)


class Issuer(Struct, frozen=True):
    """An authorization server whose tokens are accepted. ``url`` is its identifier, exactly.

    ``algorithms``: those by which its tokens may be signed, and no other. ``ML-DSA-65`` (RFC 9964)
    counts only where it is named here; where nothing else is, no other signature opens the API,
    though its notices come signed as the issuer signs all else.
    ``revocation`` says how it makes known what it has ended: the notices' ``feed`` of Counterfoil,
    ``introspect`` (every token is asked for), ``status_list`` (tokens name a Token Status List,
    which is fetched and kept), or ``none`` (tokens live until they expire). ``status_lists``: with
    what the addresses of its lists must begin, if not with its own.
    ``registry``: a signature is not enough, for the issuer must have written the token down (S43);
    what is not known here is asked about. ``reference``: its opaque tokens are accepted too, and
    each is asked about (S49); they do not name their issuer, so a guard has one such at most.
    ``personal``: so are the tokens that people make by hand (S11); one is asked about when it is
    first seen, and every few minutes; in between the feed ends it. Of one issuer at most, too.
    ``reports``: tell it which tokens passed, from where and when (S25, S106). ``carrier``: where
    its notices come from as long as that goes well; the issuer's own feed is what it falls back on.
    ``leases``: so many uses of a limited token are taken at once, to be spent without asking (S54);
    with 1 each use is asked for. To count at all needs credentials.
    ``profile``: how its tokens differ from RFC 9068, if it is not ours.

    Raises:
        ValueError: where this cannot work.
    """

    url: str
    algorithms: tuple[str, ...] = ("ES256", "EdDSA", "PS256", "RS256")
    revocation: Literal["feed", "introspect", "status_list", "none"] = "feed"
    credentials: Credentials | None = None
    registry: bool = False
    reference: bool = False
    personal: bool = False
    reports: bool = False
    carrier: Carrier | None = None
    profile: TokenProfile = STANDARD
    status_lists: tuple[str, ...] = ()
    leases: int = 1

    def __post_init__(self) -> None:
        if "?" in demand_safe(self.url):
            raise ValueError(f"the issuer {self.url!r} must have no query (RFC 8414 §2)")
        demand_several(self.algorithms, f"{self.url}: the algorithms")
        demand_several(self.status_lists, f"{self.url}: the status_lists")
        unknown = set(self.algorithms) - EVERY.keys()
        if unknown or not self.algorithms:
            raise ValueError(f"{self.url}: the algorithms must be among {', '.join(EVERY)}")
        if self.revocation not in _WAYS:
            raise ValueError(f"{self.url}: revocation must be one of {', '.join(_WAYS)}")
        _demand_leases(self.url, self.leases)
        for prefix in self.status_lists:
            if demand_safe(prefix).count("/") < _SLASHES_WITH_A_PATH:
                raise ValueError(f"{prefix!r} must go on after the host, if only by a slash")
        self._demand_credentials()
        if self.revocation == "feed" and not self.profile.is_standard:
            raise ValueError(f"{self.url}: whoever publishes our feed has tokens by RFC 9068")
        if self.personal and self.revocation not in ("feed", "introspect"):
            raise ValueError(f"{self.url}: personal tokens are ended by the feed, or asked about")
        if self.carrier is not None and self.revocation != "feed":
            raise ValueError(f"{self.url}: a carrier brings the feed, which is not asked for")

    def _demand_credentials(self) -> None:
        given: object = self.credentials
        if given is not None and not isinstance(given, Credentials):
            raise ValueError(f"{self.url}: write credentials=Credentials(client_id, client_secret)")
        asks = self.registry or self.reference or self.personal
        if (asks or self.revocation == "introspect") and self.credentials is None:
            raise ValueError(f"{self.url}: introspection needs credentials")
        if self.reports and self.credentials is None:
            raise ValueError(f"{self.url}: reports need credentials")


class Options(Struct, frozen=True):
    """What is seldom changed.

    ``state_dir``: where the last signed snapshot and the keys are kept for restarts.
    ``cached_tokens``: how many verified tokens are remembered. ``implied``: by each scope, the
    narrower ones that it implies, such as ``{"notes": ("notes:read", "notes:write")}``.
    ``max_age``: seconds after its issue in which a token is taken, whatever its expiry says; an
    endpoint may demand less by ``MaxAge``. ``enrich``: loads what belongs to the person behind a
    token, after it stands. ``proofs``: what is demanded of
    tokens that are bound to a key. ``web``: how the API behaves towards browsers, caches and
    strangers. ``tickets``: that it gives and takes tickets. ``encryption``: that its tokens are
    encrypted, and with which keys they open. ``clock``: seconds since the epoch; ``random``: so
    many bytes.
    """

    state_dir: Path | str | None = None
    cached_tokens: int = 10_000
    implied: Mapping[str, Sequence[str]] = {}
    max_age: float | None = None
    enrich: Enrich | None = None
    proofs: Proofs = Proofs()
    web: Web = Web()
    tickets: Tickets | None = None
    encryption: Encryption | None = None
    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = secrets.token_bytes

    def __post_init__(self) -> None:
        if self.max_age is not None and self.max_age <= 0:
            raise ValueError("a max_age has more than 0 seconds")


def _demand_leases(url: str, leases: int) -> None:
    if not 1 <= leases <= MOST_LEASED:
        raise ValueError(f"{url}: leases are of 1 to {MOST_LEASED} uses")


def trusted_in(issuer: object, issuers: Sequence[object]) -> tuple[Issuer, ...]:
    """Put together whom a guard trusts: the address of one, those that are described, or both.

    Raises:
        TypeError: where one is given in the place of the other.
        ValueError: where an address is none.
    """
    if issuer is not None and not isinstance(issuer, str):
        raise TypeError("the issuer is an address; a whole one goes into issuers=[Issuer(...)]")
    demand_several(issuers, "issuers")
    described = []
    for each in issuers:
        if not isinstance(each, Issuer):
            raise TypeError(f"a {type(each).__name__} is no issuer: write Issuer(url)")
        described.append(each)
    return (*described, Issuer(issuer)) if issuer else tuple(described)


def demand_sound(trusted: Sequence[Issuer], audience: str, staleness: Staleness) -> None:
    """Demand that a guard can work with these issuers, for this API, with this staleness.

    Raises:
        ValueError: saying why it cannot.
    """
    if not trusted:
        raise ValueError("a guard needs an issuer")
    named: object = audience
    if not named or not isinstance(named, str):
        raise ValueError("a guard needs the audience, one text: the resource identifier of its API")
    if len({each.url for each in trusted}) < len(trusted):
        raise ValueError("an issuer is named twice")
    if sum(issuer.reference for issuer in trusted) > 1:
        raise ValueError("a reference token does not name its issuer: only one may have such")
    if sum(issuer.personal for issuer in trusted) > 1:
        raise ValueError("a personal token does not name its issuer: only one may have such")
    for issuer in trusted:
        if staleness.then == "introspect" and issuer.credentials is None:
            raise ValueError(f"{issuer.url}: introspection needs credentials")
        if issuer.carrier is not None and issuer.carrier.silence >= staleness.budget:
            raise ValueError(
                f"{issuer.url}: its carrier may be silent for {issuer.carrier.silence:g} s, when "
                f"the guard is stale already: the budget is {staleness.budget:g} s"
            )
