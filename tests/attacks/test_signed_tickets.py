"""Tickets that the server has signed, in the hands of whoever wants more of them (S73)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from counterfoil.guard import Credentials, Issuer, MaxAge, Options, Rejected, StepUp, Tickets
from counterfoil.guard.demands import demands_of
from counterfoil.guard.gate import Gate
from counterfoil.guard.guard import Guard
from counterfoil.guard.request import Request
from counterfoil.guard.tickets import Checks, TicketCheck
from counterfoil.jose import jws
from counterfoil.jose.errors import JoseError
from counterfoil.jose.jwt import unverified_claims, unverified_header
from counterfoil.jose.keys import KeySet, PrivateKey
from counterfoil.oauth.delegation import TICKET
from counterfoil.oauth.limits import Limit
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended
from counterfoil.oauth.signed_ticket import LIFETIME, TYPE
from counterfoil.oauth.ticket import digest_of
from tests.exchanging import exchanged, furnish_exchange, refused
from tests.guard.desk import ISSUER, Desk, request
from tests.installation import MAIL, NOTES, Installation, Person, installed
from tests.server.protocol.test_encryption_keys import decide, opened, with_secret

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("what is decided asks no engine")]
FILE = "https://notes.example/files/7"
BY_ISSUER = Tickets(by_issuer=True)


@pytest.fixture
def gate(desk: Desk) -> Gate:
    return desk.gate(tickets=BY_ISSUER)


def digest(url: str = FILE, *headers: tuple[str, str]) -> str:
    return jws.encode_part(digest_of(url, headers)).decode()


def ticket(desk: Desk, **changes: Any) -> str:
    """What the server signs; a test may change any of it."""
    named = {"typ": TYPE, "exp": int(desk.clock.now) + LIFETIME, "request": digest()}
    return desk.token(**(named | changes))


def using(text: str, path: str = "/files/7", **changes: Any) -> Request:
    return request(f"{path}?ticket={text}", **changes)


def reason(gate: Gate, request: Request, *demands: Any) -> Reason | None:
    try:
        gate.admit_blocking(request, demands_of(*demands))
    except Rejected as rejected:
        return rejected.reason
    return None


def test_it_opens_its_own_url_for_minutes(desk: Desk, gate: Gate):
    """S73: verified by the issuer's public key: GET, HEAD and ranges, and nothing else."""
    text = ticket(desk)
    token = gate.admit_blocking(using(text))
    assert (token.subject, token.by_ticket) == ("u1", True)
    assert reason(gate, using(text, method="HEAD")) is None
    assert reason(gate, using(text, range="bytes=5-9")) is None
    for method in ("POST", "PUT", "DELETE", "get"):
        assert reason(gate, using(text, method=method)) is Reason.WRONG_TARGET
    for path in ("/files/8", "/files/7/", "/Files/7", "/files//7", "/"):
        assert reason(gate, using(text, path)) is Reason.WRONG_TARGET, path
    assert reason(gate, request(f"/files/7?a=1&ticket={text}")) is Reason.WRONG_TARGET
    assert reason(gate, using(text, host="evil.example")) is Reason.WRONG_TARGET
    desk.clock.now += LIFETIME
    desk.state.notices.fresh_at = desk.clock.now
    assert reason(gate, using(text)) is Reason.EXPIRED


def test_headers_that_it_covers_must_be_there(desk: Desk, gate: Gate):
    text = ticket(desk, headers=["accept"], request=digest(FILE, ("accept", "image/png")))
    assert reason(gate, using(text, accept="image/png")) is None
    assert reason(gate, using(text, accept="text/html")) is Reason.WRONG_TARGET
    assert reason(gate, using(text)) is Reason.WRONG_TARGET


@pytest.mark.parametrize("name", ["\ufffd", "ä", "", "a b", "host\n"])
def test_a_name_that_no_header_has_is_found_in_no_request(desk: Desk, gate: Gate, name: str):
    """Whatever an issuer has signed: it is a refusal, and no error."""
    text = ticket(desk, headers=[name])
    assert reason(gate, using(text)) is Reason.WRONG_TARGET


def test_once_is_once(desk: Desk, gate: Gate):
    text, other = ticket(desk, once=True, jti="one"), ticket(desk, once=True, jti="two")
    assert reason(gate, using(text)) is None
    assert reason(gate, using(text)) is Reason.USED_UP
    assert reason(gate, using(other)) is None


def test_no_kind_of_token_is_taken_for_another(desk: Desk, gate: Gate):
    """S75: a ticket is no access token, whatever it says; an access token is no ticket."""
    for text in (ticket(desk), ticket(desk, exp=int(desk.clock.now) + 30)):
        assert desk.reason(text) is Reason.WRONG_TYPE
        assert reason(gate, request("/files/7", token=text)) is Reason.WRONG_TYPE
    for text in (desk.token(), desk.token(request=digest()), desk.token(typ="JWT")):
        assert reason(gate, using(text)) is Reason.WRONG_TYPE
    both = request(f"/files/7?ticket={ticket(desk)}", token=desk.token())
    assert reason(gate, both) is Reason.MALFORMED


def test_nobody_else_signs_one(desk: Desk, gate: Gate):
    others = PrivateKey.generate("ES256")
    assert reason(gate, using(ticket(desk, key=others))) is Reason.UNKNOWN_KEY
    text = ticket(desk)
    head, payload, signature = text.split(".")
    changed = jws.encode_part(
        jws.decode_part(payload.encode()).replace(b'"sub":"u1"', b'"sub":"u2"')
    )
    assert reason(gate, using(f"{head}.{changed.decode()}.{signature}")) is Reason.BAD_SIGNATURE
    none = jws.encode_part(b'{"alg":"none","typ":"ticket+jwt"}').decode()
    assert reason(gate, using(f"{none}.{payload}.")) is Reason.BAD_SIGNATURE
    for junk in ("x", "a.b.c", "%00", "é", "cftk_AAAA", "." * 20, "A" * 3000):
        assert reason(gate, using(junk)) is not None, junk


def test_it_is_for_one_api_and_of_one_issuer(desk: Desk, gate: Gate):
    assert reason(gate, using(ticket(desk, aud="https://x.example"))) is Reason.WRONG_AUDIENCE
    assert reason(gate, using(ticket(desk, aud=[NOTES, MAIL]))) is Reason.WRONG_AUDIENCE
    assert reason(gate, using(ticket(desk, iss="https://x.example"))) is Reason.WRONG_ISSUER


def test_it_says_what_tickets_say_and_nothing_else(desk: Desk, gate: Gate):
    """No life beyond minutes, no claim that is not known: one that narrows must not be lost."""
    now = int(desk.clock.now)
    assert reason(gate, using(ticket(desk, exp=now + LIFETIME + 1))) is Reason.MALFORMED
    assert reason(gate, using(ticket(desk, only="mondays"))) is Reason.MALFORMED
    limits = [{"type": "x"}]
    bound = {"methods": ["GET"], "url": FILE}
    for narrowed in ({"authorization_details": limits}, {"max_uses": 3}, {"url_bound": bound}):
        assert reason(gate, using(ticket(desk, **narrowed))) is Reason.MALFORMED, narrowed
    assert reason(gate, using(ticket(desk, request="%"))) is Reason.MALFORMED
    assert reason(gate, using(ticket(desk, request=None))) is Reason.MALFORMED
    later = ticket(desk, iat=now + 60, exp=now + 90)
    assert reason(gate, using(later)) is Reason.ISSUED_IN_FUTURE


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Ended.TOKEN, "t1"),
        (Ended.FAMILY, "f1"),
        (Ended.CLIENT, "c1"),
        (Ended.TOKEN, "t0"),
        (Ended.CLIENT, "c0"),
    ],
)
def test_what_ends_it_or_its_parent(desk: Desk, gate: Gate, kind: Ended, name: str):
    """S73: its own handles, and those of the token that it was exchanged for."""
    parent = ["t0", "c0", 0, "https://notes.example", 0, "k0", int(desk.clock.now)]
    text = ticket(desk, parents=[parent])
    assert reason(gate, using(text)) is None
    desk.end(kind, name, 1)
    assert reason(gate, using(text)) is Reason.REVOKED


def test_it_is_no_younger_than_what_it_came_of(desk: Desk, gate: Gate):
    old = ["t0", "c0", 0, "https://notes.example", 0, "k0", int(desk.clock.now) - 500]
    assert reason(gate, using(ticket(desk, parents=[old])), MaxAge(400)) is Reason.TOO_OLD
    assert reason(gate, using(ticket(desk, parents=[old])), MaxAge(600)) is None


def test_what_is_too_old_for_the_api_gets_in_by_no_ticket(desk: Desk):
    """S27: ``Options(max_age=...)`` counts from the first issue, whichever text is shown."""
    gate = desk.gate(tickets=BY_ISSUER, max_age=400)
    for age, why in ((399, None), (400, Reason.TOO_OLD), (500, Reason.TOO_OLD)):
        old = ["t0", "c0", 0, "https://notes.example", 0, "k0", int(desk.clock.now) - age]
        assert reason(gate, request("/files/7", token=desk.token(parents=[old]))) is why
        assert reason(gate, using(ticket(desk, parents=[old]))) is why
    assert reason(gate, using(ticket(desk))) is None


def test_how_somebody_signed_in_is_said_by_a_ticket_too(desk: Desk, gate: Gate):
    """RFC 9470: what the parent could open, its ticket opens; and nothing more."""
    said = {"acr": "urn:mfa", "auth_time": int(desk.clock.now) - 50}
    text = ticket(desk, **said)
    assert reason(gate, using(text), StepUp(acr=("urn:mfa",), max_age=60)) is None
    assert reason(gate, using(text), StepUp(max_age=40)) is Reason.SIGN_IN_TOO_OLD
    weak = using(ticket(desk))
    assert reason(gate, weak, StepUp(acr=("urn:mfa",))) is Reason.SIGN_IN_TOO_WEAK


def test_a_guard_that_was_not_told_of_them_takes_none(desk: Desk):
    """The owner of the API decides; whoever has keys of their own decides for those alone."""
    assert reason(desk.gate(), using(ticket(desk))) is Reason.MISSING
    own = desk.gate(tickets=Tickets(keys=(b"k" * 32,)))
    assert reason(own, using(ticket(desk))) is Reason.WRONG_TYPE


def test_a_registry_is_not_got_around():
    """S43: whoever has a leaked key and nothing else makes no ticket either."""

    issuer = Issuer(ISSUER, registry=True, credentials=Credentials("g", "s"))
    with pytest.raises(ValueError, match="registry"):
        Guard(issuers=[issuer], audience=NOTES, options=Options(tickets=BY_ISSUER))
    with pytest.raises(ValueError, match="need a key"):
        Tickets()


@pytest.fixture(scope="module")
async def place(on_engine: str, tmp_path_factory: Any) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("tickets")) as place:
        await furnish_exchange(place)
        yield place


@pytest.fixture
async def parent(place: Installation) -> AsyncIterator[str]:
    async with place.browser() as browser:
        tokens = await Person(place, browser).tokens("teller", scope="openid notes:read")
        yield str(tokens["access_token"])


WANTED = {"requested_token_type": TICKET, "ticket_url": f"{FILE}?b=2&a=1"}


async def test_the_server_gives_one_for_a_token(place: Installation, parent: str):
    """RFC 8693 §2.2.1: it is no access token, and says so; its life is minutes at most."""
    answer = await exchanged(place, "teller", parent, **WANTED, lifetime="9999")
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert (said["issued_token_type"], said["token_type"]) == (TICKET, "N_A")
    assert said["expires_in"] == LIFETIME
    claims = unverified_claims(said["access_token"])
    assert unverified_header(said["access_token"])["typ"] == TYPE
    assert claims["request"] == digest(f"{FILE}?a=1&b=2")
    assert claims["parents"][0][0] == unverified_claims(parent)["jti"]


async def test_the_server_takes_none_for_a_token(place: Installation, parent: str):
    """It is exchanged for nothing, introspected as nothing, and opens no userinfo."""
    text = (await exchanged(place, "teller", parent, **WANTED)).json()["access_token"]
    assert refused(await exchanged(place, "teller", text)) == ("invalid_request", None)
    assert refused(await exchanged(place, "teller", text, **WANTED)) == ("invalid_request", None)
    told = await place.post("/introspect", "teller", token=text)
    assert told.json() == {"active": False}
    async with place.browser() as browser:
        headers = {"authorization": f"Bearer {text}"}
        answer = await browser.get("/userinfo", headers=headers)
    assert answer.json()["error_reason"] == "wrong_type"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ticket_url": ""}, "ticket_url is missing"),
        ({"ticket_url": "/files/7"}, "https://"),
        ({"ticket_url": f"{FILE}/../8"}, ". and .."),
        ({"ticket_url": f"{FILE}?ticket=x"}, "has a ticket"),
        ({"ticket_url": f"https://notes.example/{'a' * 8000}"}, "too long"),
        ({"ticket_headers": "x"}, "ticket_headers"),
        ({"ticket_headers": '{"authorization":"x"}'}, "does not cover"),
        ({"ticket_headers": '{"a":"1","A":"2"}'}, "each once"),
        ({"ticket_headers": '{"a":1}'}, "ticket_headers"),
        ({"ticket_once": "yes"}, "true or false"),
        ({"url": FILE}, "the parameter ticket_url"),
        ({"requested_token_type": "x"}, "requested_token_type"),
        ({"requested_token_type": ""}, "go with"),
    ],
)
async def test_what_cannot_be_a_ticket_is_none(
    place: Installation, parent: str, changes: dict[str, str], why: str
):
    answer = await exchanged(place, "teller", parent, **(WANTED | changes))
    assert refused(answer)[0] == "invalid_request"
    assert why in answer.json()["error_description"]


async def test_an_api_whose_tokens_are_looked_up_has_none(place: Installation, parent: str):
    """S43: a ticket stands in no registry, and a status list has no place for it."""
    for policy in ({"registry": True}, {"status_list": True}, {"token_format": "reference"}):
        await place.set_policy(MAIL, **policy)
        answer = await exchanged(place, "notes-api", parent, **WANTED, resource=MAIL)
        assert refused(answer)[0] == "invalid_target"
    await place.set_policy(MAIL)
    acted = (await exchanged(place, "notes-api", parent, **WANTED, resource=MAIL)).json()
    assert unverified_claims(acted["access_token"])["act"] == {"sub": "notes-api"}


async def test_a_ticket_is_no_way_around_limits(place: Installation, parent: str):
    """S15: it would carry none, and the endpoint would take it for a token that has none."""
    limit = Limit(type="counterfoil_limit", action="send", per_transaction=1)
    await place.set_policy(MAIL, limits=(limit,))
    answer = await exchanged(place, "notes-api", parent, **WANTED, resource=MAIL)
    assert refused(answer)[0] == "invalid_target"
    acted = (await exchanged(place, "notes-api", parent, resource=MAIL)).json()["access_token"]
    assert unverified_claims(acted)["authorization_details"][0]["action"] == "send"
    await place.set_policy(MAIL)


async def test_nobody_counts_how_often_a_ticket_is_used(place: Installation, parent: str):
    """S54: what is limited to so many uses gets no ticket, and comes of no exchange unlimited."""
    answer = await exchanged(place, "teller", parent, **WANTED, max_uses="3")
    assert refused(answer)[0] == "invalid_target"
    limited = (await exchanged(place, "teller", parent, max_uses="3")).json()["access_token"]
    answer = await exchanged(place, "teller", limited, **WANTED)
    assert refused(answer)[0] == "invalid_target"
    less = (await exchanged(place, "teller", limited)).json()["access_token"]
    assert unverified_claims(less)["max_uses"] == 3


async def test_an_api_that_alone_reads_its_tokens_has_no_tickets(own: Installation):
    """S68: a ticket in a URL would say what the token hides. The token is narrowed as ever."""
    await furnish_exchange(own)
    secret = await with_secret(own)
    await decide(own, encryption=True)
    whole = await own.service_token("notes-api")
    answer = await exchanged(own, "notes-api", whole, **WANTED)
    assert refused(answer)[0] == "invalid_target"
    less = (await exchanged(own, "notes-api", whole, scope="notes:read")).json()["access_token"]
    claims = unverified_claims(opened(less, secret))
    assert (claims["scope"], len(claims["parents"])) == ("notes:read", 1)
    with pytest.raises(JoseError):
        unverified_claims(less)


async def test_what_an_encrypted_token_hides_no_ticket_tells(tmp_path: Any):
    """S69: a ticket for another API stands in a URL; what it came of, nobody could read."""
    async with installed(tmp_path, sensitive_claims=("auth_time",)) as own:
        await furnish_exchange(own)
        secret = await with_secret(own)
        await decide(own, encryption=True)
        async with own.browser() as browser:
            tokens = await Person(own, browser).tokens("teller", scope="openid notes:read")
        hidden = str(tokens["access_token"])
        assert "auth_time" in unverified_claims(opened(hidden, secret))
        answer = await exchanged(own, "notes-api", hidden, **WANTED, resource=MAIL)
        assert refused(answer)[0] == "invalid_target"
        assert "The claim auth_time tells" in answer.json()["error_description"]


def test_a_key_that_is_not_known_yet_is_looked_for_and_not_believed(desk: Desk):
    """The issuer has a new key; a stranger has one, too, and wakes nobody again and again."""
    gate, woken = desk.gate(tickets=BY_ISSUER), []
    assert gate.guard.tickets is not None
    signed = gate.guard.tickets._signed
    assert signed is not None
    signed._wake = lambda: woken.append(True)
    desk.state.keys.looked(desk.clock.now - 60)
    text = ticket(desk, key=PrivateKey.generate())
    for _ in range(5):
        assert reason(gate, using(text)) is Reason.UNKNOWN_KEY
    assert woken == [True]


def test_an_issuer_of_which_nothing_is_known_yet_signs_nothing(desk: Desk):
    text, gate = ticket(desk), desk.gate(tickets=BY_ISSUER)
    desk.state.keys.verifier = None
    assert reason(gate, using(text)) is Reason.STALE


def test_whose_keys_were_asked_must_be_the_issuer_that_it_names(desk: Desk):
    """A trusted issuer signs for itself, and for no other."""
    text = ticket(desk, iss="https://other.example")
    states = {ISSUER: desk.state}
    checks = Checks(NOTES, desk.guard.hierarchy, states, desk.clock, lambda: None)
    signed = TicketCheck(BY_ISSUER, checks)._signed
    assert signed is not None
    assert signed.opened(ticket(desk)).iss == ISSUER
    with pytest.raises(Rejected) as refused:
        signed.opened(text)
    assert refused.value.reason is Reason.WRONG_ISSUER


def test_an_issuer_whose_endings_are_not_heard_signs_no_tickets(desk: Desk):
    """Two are trusted: one by the feed, and one of which nothing is heard."""
    deaf = Issuer("https://deaf.example", revocation="none")
    others = Desk(others=(deaf,))
    guard = others.guard
    guard._states[deaf.url].keys.take(KeySet([others.key.public]).as_jwks())
    checks = Checks(NOTES, guard.hierarchy, guard._states, others.clock, lambda: None)
    signed = TicketCheck(BY_ISSUER, checks)._signed
    assert signed is not None
    assert signed.opened(ticket(others)).iss == ISSUER
    for iss in (deaf.url, "https://nobody.example"):
        with pytest.raises(Rejected) as refused:
            signed.opened(ticket(others, iss=iss))
        assert refused.value.reason is Reason.WRONG_ISSUER
