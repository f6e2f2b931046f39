"""A guard whose issuer sits at the same desk: no network, no thread, a clock set by hand."""

import threading

from counterfoil.guard import Guard, Issuer, Options, Rejected, Staleness
from counterfoil.guard.gate import Gate
from counterfoil.guard.request import Request
from counterfoil.jose import jwt
from counterfoil.jose.keys import KeySet, PrivateKey
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended, Notice
from tests.guard.issuer import AUDIENCE, Book

NOW = 1_800_000_000.0
ISSUER = "https://issuer.example"


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Desk:
    """One issuer, one guard. What the issuer ends reaches the guard at once, unless held back."""

    def __init__(
        self,
        issuer: Issuer | None = None,
        staleness: Staleness | None = None,
        *,
        algorithm: str = "ES256",
        others: tuple[Issuer, ...] = (),
    ) -> None:
        issuer = issuer or Issuer(ISSUER)
        self.iss = issuer.url
        self.clock = Clock()
        self.key = PrivateKey.generate(algorithm)
        self.book = Book(self.iss)
        self.guard = Guard(
            issuers=(issuer, *others),
            audience=AUDIENCE,
            staleness=staleness or Staleness.reject(),
            options=Options(clock=self.clock),
        )
        self.state = self.guard._states[self.iss]
        self.publish(self.key)
        if issuer.revocation == "feed":
            assert self.state.notices.begin(self.book.snapshot(self.clock.now), self.clock.now)

    def publish(self, *keys: PrivateKey) -> None:
        self.state.keys.take(KeySet(key.public for key in keys).as_jwks())

    def end(self, kind: Ended, name: str, generation: int = 0) -> None:
        position = self.book.add(Notice(kind, name, int(self.clock.now) + 600, generation))
        text = self.book.texts[-1]
        self.state.notices.hear(position, text, self.clock.now)

    def claims(self, **changes: object) -> dict[str, object]:
        claims: dict[str, object] = {
            "iss": self.iss,
            "sub": "u1",
            "aud": AUDIENCE,
            "exp": int(self.clock.now) + 600,
            "iat": int(self.clock.now),
            "client_id": "c1",
            "jti": "t1",
            "scope": "notes:read notes:write",
            "fam": "f1",
            "gen": (0, 0),
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **changes: object) -> str:
        key = changes.pop("key", self.key)
        typ = changes.pop("typ", "at+jwt")
        return jwt.sign(self.claims(**changes), key, typ)

    def gate(self, **options: object) -> Gate:
        """A gate whose guard knows what this desk knows, with options of its own."""
        chosen = Options(clock=self.clock, **options)
        guard = Guard.beside(self.state, audience=AUDIENCE, options=chosen)
        guard._follower._thread = threading.current_thread()  # the desk needs no thread
        return Gate(guard, realm="notes", proxies=("10.0.0.0/8",))

    def refusal(self, token: str, *proved: object) -> Rejected | None:
        try:
            self.guard.check(token, *proved)
        except Rejected as rejected:
            return rejected
        return None

    def reason(self, token: str, *proved: object) -> Reason | None:
        refusal = self.refusal(token, *proved)
        return refusal.reason if refusal else None


def request(
    path: str = "/notes", *, method: str = "GET", token: str = "", **headers: str
) -> Request:
    """A request over TLS; ``x_own="1"`` is the header ``x-own``; ``peer`` is who has connected."""
    peer, scheme = headers.pop("peer", "192.0.2.7"), headers.pop("scheme", "https")
    sent = {"host": "notes.example"} | headers
    if token:
        sent["authorization"] = f"Bearer {token}"
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()]
    path, _, query = path.partition("?")
    return Request(method, scheme, peer, path, query.encode(), pairs)
