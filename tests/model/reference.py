"""What must be so, by the documented words alone: neither server nor guard is asked.

Every access token knows from which notice on it is dead, and why. `docs/reference/endings.md`,
`docs/how-to/lifetimes.md` and decision 0007 say what ends, lives and comes of a refresh.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

WINDOW = 10
CODE_LIVES = 60
SESSION_LIVES, SESSION_IDLE = 10_800, 5_400
FOREVER = 10**9

EXPIRED, REVOKED, KEY_RETIRED, UNKNOWN_KEY, STALE = (
    "expired",
    "revoked",
    "key_retired",
    "unknown_key",
    "stale",
)


class Told(NamedTuple):
    """The numbers of the feed before and after something was done."""

    before: int
    after: int


class Life(NamedTuple):
    """Seconds for which refreshing goes on: since the last use, since the sign-in."""

    idle: int
    absolute: int


ONLINE, OFFLINE = Life(1_800, 7_200), Life(3_600, 14_400)


class Verdict(NamedTuple):
    """Why a token must be refused, and why it may be: told half of an ending, a guard may do both.

    Where ``must`` is empty, nothing beside ``may`` is a reason to refuse it.
    """

    must: frozenset[str]
    may: frozenset[str]


@dataclass(eq=False)
class Api:
    """An API. ``lifetime``: of its tokens, in seconds; ``None``: the default."""

    uri: str
    scope: str
    lifetime: int | None = None


@dataclass(eq=False)
class Client:
    """A client. ``life``: how long its policy lets it refresh; ``None``: as everybody."""

    client_id: str
    apis: list[Api]
    public: bool = False
    rotates: bool = True
    refreshes: bool = True
    own: bool = True
    lifetime: int | None = None
    life: Life | None = None
    enabled: bool = True


@dataclass(eq=False)
class User:
    """A person."""

    id: str
    password: str
    enabled: bool = True


@dataclass(eq=False)
class Session:
    """A signed-in browser."""

    id: str
    user: User
    auth_time: int
    last_used_at: int
    expires_at: int
    ended: bool = False

    def is_live(self, now: int) -> bool:
        """Whether somebody is signed in there."""
        return not self.ended and now < min(self.expires_at, self.last_used_at + SESSION_IDLE)


@dataclass(eq=False)
class Grant:
    """A permission. ``ended``: taken back; ``ends_at``: it was given until then."""

    id: str
    user: User
    client: Client
    ended: bool = False
    ends_at: int = FOREVER * 10

    def is_live(self, now: int) -> bool:
        """Whether it stands."""
        return not self.ended and now < self.ends_at


@dataclass(eq=False)
class Code:
    """An authorization code that the app holds."""

    text: str
    session: Session
    grant: Grant
    apis: list[Api]
    offline: bool
    auth_time: int
    expires_at: int
    burned: bool = False
    family: "Family | None" = None


@dataclass(eq=False)
class Family:
    """What came of a code. ``chain``: its refresh tokens, the current one last."""

    id: str
    code: Code
    chain: list[str]
    last_used_at: int
    rotated_at: int
    absolute_at: int
    refreshes_until: int
    ended: bool = False

    @property
    def client(self) -> Client:
        """Whose it is."""
        return self.code.grant.client

    @property
    def session(self) -> Session | None:
        """With which session it ends; ``None``: it goes on while the person is away."""
        return None if self.code.offline else self.code.session

    @property
    def usual(self) -> Life:
        """How long such a family refreshes where the client's policy says nothing."""
        return OFFLINE if self.code.offline else ONLINE

    def life(self) -> Life:
        """How long it refreshes as the client's policy stands now."""
        return self.client.life or self.usual


@dataclass(eq=False)
class Token:
    """An access token, and from which notices on it is dead or lives shorter."""

    text: str
    jti: str
    client: Client
    api: Api
    kid: str
    issued_at: int
    expires_at: int
    family: Family | None
    endings: list[tuple[Told, str]] = field(default_factory=list)
    shortened: list[tuple[Told, int]] = field(default_factory=list)

    def verdict(self, number: int, now: float) -> Verdict:
        """Decide as one must who has applied the notices up to ``number``."""
        must, may = set[str](), set[str]()
        if now >= self.expires_at:
            must.add(EXPIRED)
        over = [(told, EXPIRED) for told, ends in self.shortened if now >= ends]
        for told, why in [*self.endings, *over]:
            if number >= told.after:
                must.add(why)
            elif number > told.before:
                may.add(why)
        return Verdict(frozenset(must), frozenset(may - must))

    def expires_for(self, number: int) -> int:
        """Say when it expires for one who has applied the notices up to ``number``."""
        ends = [ends for told, ends in self.shortened if number >= told.after]
        return min([self.expires_at, *ends])

    def is_dead(self, now: float) -> bool:
        """Whether nothing can make it less alive."""
        return bool(self.endings) or now >= self.expires_for(FOREVER)


class Reference:
    """All that there is, and what becomes of it."""

    def __init__(self, default: int) -> None:
        self.default = default
        self.apis: list[Api] = []
        self.clients: list[Client] = []
        self.users: list[User] = []
        self.sessions: list[Session] = []
        self.grants: list[Grant] = []
        self.codes: list[Code] = []
        self.families: list[Family] = []
        self.tokens: list[Token] = []

    def lifetime(self, client: Client, api: Api, left: int = FOREVER) -> int:
        """The shortest of what the API, or else everybody, and the client may have (S22).

        ``left``: for how long the permission still stands.
        """
        return min(api.lifetime or self.default, client.lifetime or FOREVER, left)

    # What ends. Each gives nothing: the tokens know.

    def end(self, tokens: Iterable[Token], told: Told, why: str = REVOKED) -> None:
        """Let tokens be dead for whoever has read what was told."""
        for token in tokens:
            token.endings.append((told, why))

    def end_families(self, families: Iterable[Family], told: Told) -> None:
        """End authorizations with all their tokens."""
        for family in families:
            if not family.ended:
                family.ended = True
                self.end([each for each in self.tokens if each.family is family], told)

    def end_session(self, session: Session, told: Told) -> None:
        """One browser, with what apps do in it; those that may go on without it stand."""
        session.ended = True
        self.burn(code for code in self.codes if code.session is session)
        self.end_families([each for each in self.families if each.session is session], told)

    def end_app_sessions(self, grant: Grant, told: Told) -> None:
        """Every session of an app; the permission stays."""
        self.burn(code for code in self.codes if code.grant is grant)
        self.end_families([each for each in self.families if each.code.grant is grant], told)

    def end_grant(self, grant: Grant, told: Told) -> None:
        """A permission, with every token that rests on it."""
        grant.ended = True
        self.end_app_sessions(grant, told)

    def limit_grant(self, grant: Grant, ends_at: int, told: Told) -> None:
        """Give a permission another end date: what is out and reaches beyond it ends (S13)."""
        grant.ends_at = ends_at
        for family in self.families:
            out = [each.expires_at for each in self.tokens if each.family is family]
            if family.code.grant is grant and max(out, default=0) > ends_at:
                self.end_families([family], told)

    def end_user(self, user: User, told: Told, spared: Session | None = None) -> None:
        """Everything of a person but one browser, and what goes on in that."""
        for session in self.sessions:
            if session.user is user and session is not spared:
                self.end_session(session, told)
        theirs = [each for each in self.families if each.code.grant.user is user]
        self.end_families(
            [each for each in theirs if spared is None or each.session is not spared], told
        )

    def end_client(self, client: Client, told: Told) -> None:
        """Every token of a client, whoever stands behind it."""
        self.burn(code for code in self.codes if code.grant.client is client)
        self.end_families([each for each in self.families if each.client is client], told)
        self.end([each for each in self.tokens if each.client is client], told)

    def end_api(self, api: Api, told: Told) -> None:
        """Every token for an API; sessions and refresh tokens stand."""
        self.end([each for each in self.tokens if each.api is api], told)

    def end_key(self, kid: str, told: Told) -> None:
        """Everything that a signing key has signed."""
        self.end([each for each in self.tokens if each.kid == kid], told, KEY_RETIRED)

    def burn(self, codes: Iterable[Code]) -> None:
        """Let codes be worth nothing any more."""
        for code in codes:
            code.burned = True

    # Lifetimes. A shorter one reaches what is out; a longer one revives nothing (S26).

    def change_api(self, api: Api, lifetime: int | None, told: Told) -> None:
        """Give the tokens of an API another lifetime."""
        before, api.lifetime = api.lifetime or self.default, lifetime
        if (lifetime or self.default) < before:
            self._shorten([each for each in self.tokens if each.api is api], api.lifetime, told)

    def change_client(self, client: Client, lifetime: int | None, told: Told) -> None:
        """Give the tokens of a client another lifetime."""
        before, client.lifetime = client.lifetime or FOREVER, lifetime
        if (lifetime or FOREVER) < before:
            self._shorten([each for each in self.tokens if each.client is client], lifetime, told)

    def change_default(self, seconds: int, told: Told) -> None:
        """Start the server with another lifetime for all whose API has none of its own."""
        before, self.default = self.default, seconds
        if seconds < before:
            usual = [each for each in self.tokens if each.api.lifetime is None]
            self._shorten(usual, seconds, told)

    def _shorten(self, tokens: Iterable[Token], seconds: int | None, told: Told) -> None:
        for token in tokens:
            token.shortened.append((told, token.issued_at + (seconds or self.default)))

    def change_refreshing(self, client: Client, life: Life | None) -> None:
        """Change for how long a client refreshes; no token lives longer for it that is out."""
        client.life = life
        for family in self.families:
            if family.client is client:
                ends = self._refreshes_until(family, family.last_used_at)
                family.refreshes_until = min(family.refreshes_until, ends)

    def _refreshes_until(self, family: Family, used_at: int) -> int:
        life = family.life()
        return min(used_at + life.idle, family.code.auth_time + life.absolute)

    # Codes and refresh tokens.

    def may_exchange(self, code: Code, now: int) -> bool:
        """Whether a code is worth tokens."""
        fresh = code.family is None and not code.burned and now < code.expires_at
        return fresh and code.session.is_live(now) and self._stands(code, now)

    def _stands(self, code: Code, now: int) -> bool:
        grant = code.grant
        return grant.user.enabled and grant.client.enabled and grant.is_live(now)

    def may_go_on(self, family: Family, now: int) -> bool:
        """Whether all that a family rests on stands."""
        session = family.session
        return self._stands(family.code, now) and (session is None or session.is_live(now))

    def presented(self, family: Family, place: int, now: int) -> str:
        """What comes of the refresh token at this place of a family's chain."""
        if not family.client.enabled or family.ended or now >= family.refreshes_until:
            return "refused"
        behind = len(family.chain) - 1 - place
        if behind > 1 or (behind == 1 and now >= family.rotated_at + WINDOW):
            return "reused"
        if not self.may_go_on(family, now):
            return "refused"
        return "repeated" if behind else "fresh"

    def started(self, code: Code, family_id: str, refresh_token: str, now: int) -> Family:
        """Take in what came of a code."""
        usual = OFFLINE if code.offline else ONLINE
        absolute = (code.grant.client.life or usual).absolute
        family = Family(family_id, code, [refresh_token], now, now, code.auth_time + absolute, 0)
        self.refreshed(family, None, now)
        code.family = family
        self.families.append(family)
        return family

    def refreshed(self, family: Family, refresh_token: str | None, now: int) -> None:
        """Take in what came of a fresh refresh token; ``None``: the client keeps the one it has."""
        family.last_used_at = now
        ends = min(family.absolute_at, family.code.grant.ends_at)
        family.refreshes_until = min(ends, self._refreshes_until(family, now))
        if refresh_token is not None:
            family.chain.append(refresh_token)
            family.rotated_at = now
