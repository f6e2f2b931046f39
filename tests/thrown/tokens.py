"""Tokens and proofs that nobody should have made, and some that only their issuer could."""

import json
from typing import Any

from counterfoil.guard import Credentials, Guard, Issuer, Options, Rejected, Token, Undecided
from counterfoil.guard.dpop import ProofWatch
from counterfoil.guard.encryption import Encryption
from counterfoil.guard.policy import Proofs
from counterfoil.jose import agreement
from counterfoil.jose.encryption_keys import DecryptionKeys, PrivateEncryptionKey
from counterfoil.oauth.dpop import Target
from counterfoil.oauth.opaque import Kind, spell
from counterfoil.oauth.revocations import Ended
from tests.guard.desk import ISSUER, NOW, Desk
from tests.guard.issuer import AUDIENCE
from tests.proofs import Holder, spelled
from tests.thrown.pieces import Pieces, written

DESK = Desk()
DESK.end(Ended.FAMILY, "dead")
DESK.end(Ended.CLIENT, "c-dead", 7)
GENUINE = DESK.token()
PARTS = GENUINE.split(".")
PAIR = PrivateEncryptionKey.generate(agreement.P256)
OPENING = DESK.gate(encryption=Encryption(keys=DecryptionKeys((PAIR,)), required=False)).guard
ASKING = Guard(
    issuers=[Issuer(ISSUER, credentials=Credentials("c", "s"), personal=True, reference=True)],
    audience=AUDIENCE,
    options=Options(clock=DESK.clock),
)
TARGET = Target("GET", "https://notes.example/notes", GENUINE)
HOLDER = Holder()
TYPES = ("at+jwt", "application/at+jwt", "url-bound-at+jwt", "limited-at+jwt", "jwt", "AT+JWT", "")
CLAIMS = (
    "iss", "sub", "aud", "exp", "iat", "nbf", "client_id", "jti", "scope", "fam", "gen", "cnf",
    "act", "parents", "authorization_details", "url", "methods", "max_uses", "status", "acr",
    "auth_time", "first_iat", "entitlements", "nonce", "may_act", "registered", "use",
)  # fmt: skip
SAID: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, int(NOW), int(NOW) + 9, int(NOW) - 9999, 2**31, 2**63, 2**64,
    -(2**63), 1.5, 1e308, "", "dead", "c-dead", AUDIENCE, ISSUER, [], {}, [AUDIENCE],
    ["", AUDIENCE], [0, 0], [7, 7], [-1, 2**64], [[]], [None], {"jkt": "x"}, {"x5t#S256": "x"},
    {"jkt": HOLDER.thumbprint},
    {"status_list": {"idx": 0, "uri": f"{ISSUER}/l"}}, [{"type": "transfer", "limit": 1}],
    "\ud800", "\0", "a" * 300, [{}] * 70, {"a": {"a": {"a": {"a": {}}}}},
)  # fmt: skip


def any_token(pieces: Pieces) -> None:
    """Any text; or one whose parts are partly genuine, and partly signed by the issuer itself."""
    kind = pieces.number(5)
    if kind == 0:
        token = pieces.text()
    elif kind == 1:
        place, said = pieces.number(3), pieces.rest()
        token = ".".join(spelled(said) if at == place else part for at, part in enumerate(PARTS))
    elif kind == 2:
        token = f"{GENUINE[: pieces.number()]}{pieces.text()}{GENUINE[pieces.number() :]}"
    else:
        header = PARTS[0] if kind == 3 else spelled(pieces.piece())
        signed = f"{header}.{spelled(pieces.rest())}"
        token = f"{signed}.{spelled(DESK.key.sign(signed.encode()))}"
    passed = passed_by(DESK.guard, token)
    assert passed is None or token == GENUINE or kind >= 3, "nobody has signed it"
    if passed is not None:
        demand_ours(passed)


def claims(pieces: Pieces) -> None:
    """The issuer's own signature, below what it would never say."""
    said: dict[str, object] = {}
    for _ in range(pieces.number(5)):
        name = pieces.one_of(CLAIMS)
        said[name] = pieces.json() if pieces.number(4) == 3 else pieces.one_of(SAID)
    token = signed(pieces.one_of(TYPES), DESK.claims() | said)
    passed = passed_by(DESK.guard, token)
    if passed is not None:
        demand_ours(passed)
        repr(passed)


def encrypted(pieces: Pieces) -> None:
    """What was encrypted to this API, and what only looks like it."""
    if pieces.number(2):
        header, content = pieces.one_of(TYPES), pieces.rest()
        token = PAIR.public.encrypt(content, header, lambda size: b"r" * size, lambda one: one * 3)
    else:
        token = ".".join(spelled(pieces.piece()) for _ in range(5))
    passed = passed_by(OPENING, token)
    assert passed is None or passed.issuer == ISSUER


def opaque(pieces: Pieces) -> None:
    """Reference and personal tokens: nothing passes of which the issuer was not asked."""
    kind = pieces.one_of((Kind.PERSONAL_TOKEN, Kind.ACCESS_TOKEN, Kind.SESSION))
    is_made_up = pieces.number(2)
    token = f"{kind}_{pieces.text()}" if is_made_up else spell(kind, pieces.rest()).reveal()
    assert passed_by(ASKING, token) is None


def proofs(pieces: Pieces) -> None:
    """Proofs of a key that exists, and of none."""
    watch = ProofWatch(Proofs(), DESK.clock, lambda size: b"x" * size)
    if pieces.number(2):
        proof = pieces.text()
    else:
        header: dict[str, Any] = HOLDER.header()
        claims = {"htm": "GET", "htu": TARGET.url, "iat": int(NOW), "jti": "j", "ath": "x"}
        for members in (header, claims):
            for _ in range(pieces.number(3)):
                name = pieces.one_of((*members, "nonce", "crit", "b64", "kid"))
                members[name] = pieces.json() if pieces.number(2) else pieces.one_of(SAID)
        text = f"{spelled(as_json(header))}.{spelled(as_json(claims))}"
        proof = f"{text}.{spelled(HOLDER.key.sign(text.encode()))}"
    try:
        watch.read((proof,), TARGET)
    except Rejected:
        return
    raise AssertionError("a proof for a token that it does not name")


def passed_by(guard: Guard, token: str) -> Token | None:
    try:
        return guard.check(token)
    except Undecided as undecided:
        asked = undecided.issuer
        assert asked == ISSUER
    except Rejected as rejected:
        said = f"{rejected!r} {rejected.detail}"
        assert token not in said or len(token) < 20
    return None


def demand_ours(token: Token) -> None:
    """What no token may be that passes, whoever signed it."""
    assert token.issuer == ISSUER
    assert AUDIENCE in token.audience
    assert token.expires_at > NOW - 120
    assert token.family != "dead"
    assert "cnf" not in token.claims or not token.claims["cnf"], "nothing was proved"
    assert token.max_uses is None, "nobody counts"
    assert "" not in token.scopes


def signed(typ: str, said: object) -> str:
    header = {"alg": "ES256", "kid": DESK.key.public.kid} | ({"typ": typ} if typ else {})
    text = f"{spelled(as_json(header))}.{spelled(as_json(said))}"
    return f"{text}.{spelled(DESK.key.sign(text.encode()))}"


def as_json(said: object) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode()


SEEDS = {
    any_token: [
        written(0, GENUINE),
        written(1, 1),
        written(2, 40, "", 40),
        written(3) + as_json(DESK.claims()),
        written(4, as_json({"alg": "none"})) + b"{}",
    ],
    claims: [written(2, 11, 0, 29, 5, 3, '"x"', 0), written(1, 12, 0, 26, 1), written(0, 2)],
    encrypted: [written(1, 0) + GENUINE.encode(), written(0, '{"alg":"dir","enc":"A256GCM"}')],
    opaque: [written(0, 1, "x" * 43), written(0, 0) + b"x" * 32, written(1, 0) + b"x" * 32],
    proofs: [written(1, "a.b.c"), written(0, 1, 2, 0, 5, 1, 4, 1, '"x"')],
}
