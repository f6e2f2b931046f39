"""Token exchange in the hands of whoever wants more than was given (RFC 8693, RFC 9700)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.jose import jwt
from counterfoil.jose.jwt import unverified_claims
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.delegation import ACCESS_TOKEN, GRANT_TYPE, JWT, MOST_PARENTS
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import registration, revocation
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.own_api import own_api_uri
from counterfoil.server.records.exchange_right import ExchangeRight
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.signing_key import Purpose
from tests.allowing import add_guard, granted, take
from tests.exchanging import FILES, child_of, exchanged, furnish_exchange, refused
from tests.installation import MAIL, NOTES, Installation, Person, installed
from tests.minting import add_minter, give_right, minted, whom
from tests.proofs import Holder

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("what is decided asks no engine")]
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
REFUSED = ("invalid_request", None)


@pytest.fixture(scope="module")
async def place(on_engine: str, tmp_path_factory: Any) -> AsyncIterator[Installation]:
    plenty = {"sign_in_rate_per_minute": 1_000_000, "token_failures_per_minute": 1_000_000}
    async with installed(tmp_path_factory.mktemp("exchange"), **plenty) as place:
        await furnish_exchange(place)
        yield place


@pytest.fixture
async def tokens(place: Installation) -> AsyncIterator[dict[str, Any]]:
    async with place.browser() as browser:
        person = Person(place, browser)
        yield await person.tokens("teller", scope="openid offline_access notes:read")


@pytest.fixture
def parent(tokens: dict[str, Any]) -> str:
    return str(tokens["access_token"])


async def test_nothing_is_wider_than_it_was(place: Installation, parent: str):
    """S12: neither scope nor API nor life, though the client itself may have all of it."""
    for scope in ("notes:write", "notes:read notes:write", "openid", "offline_access"):
        answer = await exchanged(place, "teller", parent, scope=scope)
        assert refused(answer)[0] == "invalid_scope", scope
    narrow = await child_of(place, "teller", parent, lifetime="5")
    longer = await child_of(place, "teller", narrow, lifetime="999999")
    exp = unverified_claims(narrow)["exp"]
    assert unverified_claims(longer)["exp"] == exp
    for elsewhere in (MAIL, own_api_uri(place.issuer), place.issuer, "https://unknown.example"):
        answer = await exchanged(place, "teller", parent, resource=elsewhere)
        assert refused(answer)[0] == "invalid_target", elsewhere
    both = await exchanged(place, "teller", parent, resource=NOTES, audience=MAIL)
    assert refused(both)[0] == "invalid_target"


async def test_a_right_is_for_what_it_names(place: Installation, parent: str):
    """From this API, to that one, these scopes; and never backwards."""
    for scope in ("mail:read", "mail:send mail:read", "notes:read"):
        answer = await exchanged(place, "notes-api", parent, resource=MAIL, scope=scope)
        assert refused(answer)[0] == "invalid_scope", scope
    answer = await exchanged(place, "notes-api", parent, resource=FILES)
    assert refused(answer)[0] == "invalid_target"
    for target in ({}, {"resource": NOTES}):
        answer = await exchanged(place, "notes-api", parent, **target)
        assert refused(answer)[0] == "invalid_target"
    mail = await child_of(place, "notes-api", parent, resource=MAIL)
    back = await exchanged(place, "notes-api", mail, resource=NOTES)
    assert refused(back)[0] == "invalid_target"
    assert "refresh_token" not in (await exchanged(place, "teller", parent)).json()


async def test_who_stole_a_token_learns_and_gets_nothing(place: Installation, parent: str):
    """The confused deputy: a client without a right, whether the token lives or not."""
    wants = {"resource": MAIL}
    for client_id in ("stranger", "mail-api"):
        alive = await exchanged(place, client_id, parent, **wants)
        assert refused(alive) == ("invalid_request", "not_permitted")
    await place.post("/revoke", "teller", token=parent)
    dead = await exchanged(place, "stranger", parent, **wants)
    assert refused(dead) == ("invalid_request", "not_permitted")
    assert dead.json() | {"request_id": ""} == alive.json() | {"request_id": ""}
    unregistered = await exchanged(place, "service", parent, **wants)
    assert unregistered.json()["error"] == "unauthorized_client"


async def test_nothing_but_an_access_token_of_ours_is_exchanged(
    place: Installation, tokens: dict[str, Any]
):
    """S75: no ID token, refresh token, foreign or forged token, whatever it is called."""
    claims = unverified_claims(tokens["access_token"])
    others = PrivateKey.generate("ES256")
    kid = jwt.unverified_header(tokens["access_token"])["kid"]
    for subject in (
        tokens["id_token"],
        tokens["refresh_token"],
        jwt.sign(claims, others, "at+jwt"),
        jwt.sign(claims | {"iss": "https://other.example"}, others, "at+jwt"),
        tokens["access_token"][:-4] + "AAAA",
        f"cftk_{kid}",
        "cfat_" + "A" * 43,
        "x",
    ):
        for kind in (ACCESS_TOKEN, JWT):
            answer = await exchanged(place, "teller", subject, subject_token_type=kind)
            assert refused(answer) == REFUSED
            actor = {"actor_token": subject, "actor_token_type": kind, "resource": MAIL}
            answer = await exchanged(place, "notes-api", tokens["access_token"], **actor)
            assert refused(answer) == REFUSED
    for kind in (ID_TOKEN, ID_TOKEN.replace("id_token", "refresh_token"), "saml", ""):
        answer = await exchanged(place, "teller", tokens["access_token"], subject_token_type=kind)
        assert refused(answer) == REFUSED
    for kind in (ID_TOKEN, JWT, "x"):
        asked = {"requested_token_type": kind}
        assert refused(await exchanged(place, "teller", tokens["access_token"], **asked)) == REFUSED


async def test_what_is_good_for_less_than_its_api_is_not_exchanged(
    place: Installation, parent: str
):
    """A token that is bound to a URL would open others; one for userinfo is for no API."""
    bound = await child_of(place, "teller", parent, url=f"{NOTES}/files/7")
    assert refused(await exchanged(place, "teller", bound)) == ("invalid_request", "wrong_type")
    async with place.browser() as browser:
        alone = (await Person(place, browser).tokens("teller", scope="openid"))["access_token"]
    assert refused(await exchanged(place, "teller", alone)) == ("invalid_request", "wrong_type")


async def test_what_an_exchange_would_lose_is_not_exchanged(place: Installation, parent: str):
    """A claim that is not known here may be what limits a token: it must not get lost."""
    signer = place.authority.keyring.signer(Purpose.TOKENS, "at+jwt", int(place.clock()))
    claims = unverified_claims(parent)
    assert (await exchanged(place, "teller", signer.sign(claims))).status_code == 200
    for name in ("authorization_details", "limited", "only_on_mondays"):
        answer = await exchanged(place, "teller", signer.sign(claims | {name: [{"type": "x"}]}))
        assert refused(answer) == ("invalid_request", "wrong_type")


async def test_only_whom_a_token_names_acts_with_it(place: Installation, parent: str):
    """RFC 8693 §4.4: asked for with the token, or by the policy; it narrows, and gives no right."""
    named = await child_of(place, "teller", parent, may_act="mail-api")
    assert unverified_claims(named)["may_act"] == {"sub": "mail-api"}
    wants = {"resource": MAIL}
    answer = await exchanged(place, "notes-api", named, **wants)
    assert refused(answer) == ("invalid_request", "not_permitted")
    unentitled = await exchanged(place, "mail-api", named, **wants)
    assert refused(unentitled) == ("invalid_request", "not_permitted")
    allowed = await child_of(place, "teller", parent, may_act="notes-api")
    narrowed = await child_of(place, "teller", allowed)
    assert unverified_claims(narrowed)["may_act"] == {"sub": "notes-api"}
    assert "may_act" not in unverified_claims(await child_of(place, "notes-api", narrowed, **wants))
    assert refused(await exchanged(place, "teller", named, may_act="notes-api")) == REFUSED
    assert refused(await exchanged(place, "teller", parent, may_act="a b")) == REFUSED
    signer = place.authority.keyring.signer(Purpose.TOKENS, "at+jwt", int(place.clock()))
    more = {"sub": "notes-api", "iss": "https://other.example"}
    foreign = signer.sign(unverified_claims(parent) | {"may_act": more})
    answer = await exchanged(place, "notes-api", foreign, **wants)
    assert refused(answer) == ("invalid_request", "not_permitted")


async def test_the_policy_of_a_client_names_who_acts(place: Installation):
    app = {"scopes": frozenset({"notes:read"}), "policy": ClientPolicy(may_act="notes-api")}
    await place.add_client("careful", **app)
    token = await place.service_token("careful")
    assert unverified_claims(token)["may_act"] == {"sub": "notes-api"}
    other = {"grant_type": "client_credentials", "may_act": "mail-api"}
    assert refused(await place.post("/token", "careful", **other)) == REFUSED


async def test_no_way_of_issue_gets_around_that_policy(place: Installation):
    """RFC 8693 §4.4: a token that is minted names who may act, too, for whomever it is."""
    types = ("client_credentials", GRANT_TYPE)
    await add_minter(place, grant_types=types, policy=ClientPolicy(may_act="mail-api"))
    assert place.user is not None
    await give_right(place, place.user.id)
    for subject in ({}, {"subject": whom(place.user.id)}):
        token = await minted(place, **subject)
        assert unverified_claims(token)["may_act"] == {"sub": "mail-api"}
        answer = await exchanged(place, "notes-api", token, resource=MAIL)
        assert refused(answer) == ("invalid_request", "not_permitted")
        less = unverified_claims(await child_of(place, "minter", token))
        assert less["may_act"] == {"sub": "mail-api"}


async def test_of_a_limited_token_nothing_is_taken_once_its_parent_has_ended(
    place: Installation, parent: str
):
    """S54, S75: at the store, however far the guard is behind that asks for it."""
    await add_guard(place)
    child = await child_of(place, "teller", parent, max_uses="5")
    jti = unverified_claims(child)["jti"]
    assert await granted(place, take(jti)) == [1]
    await place.post("/revoke", "teller", token=parent)
    assert await granted(place, take(jti)) == ["revoked"]


async def test_a_chain_comes_to_an_end(place: Installation, parent: str):
    """However it grows: by narrowing, by acting, by actors' tokens."""
    token = parent
    for _ in range(MOST_PARENTS):
        token = await child_of(place, "teller", token)
    assert len(unverified_claims(token)["parents"]) == MOST_PARENTS
    assert refused(await exchanged(place, "teller", token))[0] == "invalid_request"
    acting = await exchanged(place, "notes-api", token, resource=MAIL)
    assert refused(acting)[0] == "invalid_request"


async def test_nobody_chooses_what_act_says(place: Installation, parent: str):
    """S59: no parameter is taken for it, and no token of another: it is who has proved itself."""
    forged = {"act": '{"sub":"admin"}', "actor": "admin", "client_name": "admin", "sub": "admin"}
    child = await child_of(place, "notes-api", parent, resource=MAIL, **forged)
    assert unverified_claims(child)["act"] == {"sub": "notes-api"}
    others = await place.service_token("mail-api", scope="notes:read")
    for actor in (others, parent):
        asked = {"actor_token": actor, "actor_token_type": ACCESS_TOKEN, "resource": MAIL}
        answer = await exchanged(place, "notes-api", parent, **asked)
        assert refused(answer) == ("invalid_request", "not_permitted")
    own = await place.service_token("notes-api")
    narrowing = {"actor_token": own, "actor_token_type": ACCESS_TOKEN}
    assert refused(await exchanged(place, "teller", parent, **narrowing)) == REFUSED
    alone = {"actor_token_type": ACCESS_TOKEN, "resource": MAIL}
    assert refused(await exchanged(place, "notes-api", parent, **alone)) == REFUSED


async def _bound_to(place: Installation, holder: Holder, client_id: str) -> str:
    async with place.browser() as browser:
        person = Person(place, browser)
        code = await person.code(client_id, scope="openid notes:read")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": _CALLBACK}
        form |= {"code_verifier": person.verifier}
        return await _by_proof(place, holder, client_id, form)


async def _by_proof(
    place: Installation, holder: Holder, client_id: str, form: dict[str, str]
) -> str:
    proof = holder.proof("POST", f"{place.issuer}/token", place.clock())
    auth = (client_id, place.secrets[client_id]) if client_id in place.secrets else None
    async with place.browser() as browser:
        sent = form if auth else form | {"client_id": client_id}
        answer = await browser.post("/token", data=sent, auth=auth, headers={"dpop": proof})
    return str(answer.json().get("access_token") or answer.json()["error_reason"])


_CALLBACK = "https://app.example/callback"


def _asking(subject: str, **form: str) -> dict[str, str]:
    kind = "urn:ietf:params:oauth:grant-type:token-exchange"
    asked = {"grant_type": kind, "subject_token": subject, "subject_token_type": ACCESS_TOKEN}
    return asked | form


async def test_a_key_that_was_not_proved_opens_nothing(place: Installation):
    """A bound token is exchanged by the holder of its key alone, and stays bound to it."""
    holder, thief = Holder(), Holder()
    bound = await _bound_to(place, holder, "teller")
    assert refused(await exchanged(place, "teller", bound)) == ("invalid_request", "wrong_binding")
    assert await _by_proof(place, thief, "teller", _asking(bound)) == "wrong_binding"
    stolen = await exchanged(place, "notes-api", bound, resource=MAIL)
    assert refused(stolen) == ("invalid_request", "wrong_binding")
    child = await _by_proof(place, holder, "teller", _asking(bound))
    assert unverified_claims(child)["cnf"] == {"jkt": holder.thumbprint}


async def test_a_public_client_is_known_by_its_key_alone(place: Installation):
    """Anybody can name it: whoever found a bearer token of it does not exchange that."""
    async with place.browser() as browser:
        plain = (await Person(place, browser).tokens("pocket", scope="notes:read"))["access_token"]
    async with place.browser() as browser:
        answer = await browser.post("/token", data=_asking(plain, client_id="pocket"))
    assert refused(answer) == ("invalid_request", "unbound")
    holder = Holder()
    assert await _by_proof(place, holder, "pocket", _asking(plain)) == "unbound"
    bound = await _bound_to(place, holder, "pocket")
    child = await _by_proof(place, holder, "pocket", _asking(bound))
    assert unverified_claims(child)["cnf"] == {"jkt": holder.thumbprint}


async def test_what_has_ended_is_not_exchanged(place: Installation, parent: str):
    await place.post("/revoke", "teller", token=parent)
    for client_id, form in (("teller", {}), ("notes-api", {"resource": MAIL})):
        answer = await exchanged(place, client_id, parent, **form)
        assert refused(answer) == ("invalid_request", "revoked")


async def test_an_ending_that_comes_between_kills_the_child(
    place: Installation, parent: str, monkeypatch: pytest.MonkeyPatch
):
    """S12, the race: the parent's end commits after it was judged, before the child is out."""
    reader, judged = place.authority.reader, []

    async def at_once(tx: Any) -> None:
        await revocation.end_family(tx, unverified_claims(parent)["fam"], "test", CLI)

    before = reader.judge(await place.authority.store.read(_finding(place, parent)), place.clock())
    await place.authority.store.transact(at_once)
    monkeypatch.setattr(reader, "judge", lambda *_: judged.append(before) or before)
    child = await child_of(place, "notes-api", parent, resource=MAIL)
    monkeypatch.undo()
    assert judged
    assert await reader.read(child, place.clock()) is Reason.REVOKED


def _finding(place: Installation, token: str) -> Any:
    return lambda tx: place.authority.reader.find(token, tx)


async def test_a_right_is_given_only_where_it_makes_sense(place: Installation):
    """Not to who can prove nothing, not for this server's own API, not for what there is not."""
    own = own_api_uri(place.issuer)
    for client_id, right, error in (
        ("stranger", ExchangeRight(NOTES, own, "counterfoil:read"), "invalid_target"),
        ("stranger", ExchangeRight(own, NOTES, "notes:read"), "invalid_target"),
        ("stranger", ExchangeRight(NOTES, "https://unknown.example", "x"), "invalid_target"),
        ("stranger", ExchangeRight(NOTES, MAIL, "notes:read"), "invalid_scope"),
        ("stranger", ExchangeRight(NOTES, MAIL, ""), "invalid_scope"),
        ("service", ExchangeRight(NOTES, MAIL, "mail:read"), "invalid_request"),
        ("pocket", ExchangeRight(NOTES, MAIL, "mail:read"), "invalid_request"),
    ):

        async def work(tx: Any, client_id: str = client_id, right: Any = right) -> None:
            found = replace(await tx.clients.find(client_id), exchange_rights=(right,))
            await registration.update_client(tx, found, CLI, development=True)

        with pytest.raises(OAuthError) as caught:
            await place.authority.store.transact(work)
        assert caught.value.error == error, right


@pytest.mark.parametrize("lifetime", ["0", "-1", "1.5", "x", "9999999999", "٣"])
async def test_a_life_is_a_number_of_seconds(place: Installation, parent: str, lifetime: str):
    assert refused(await exchanged(place, "teller", parent, lifetime=lifetime)) == REFUSED
