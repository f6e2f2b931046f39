"""A provider says that somebody has signed out there: who may, and whose sessions end."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.jose import jwt
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.logout_token import EVENT, TYPE
from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.upstream.issuer import COOLDOWN
from tests.coming import add_provider, come, is_in, link, provided
from tests.installation import CALLBACK, Installation, Person, installed
from tests.receiving import receiver
from tests.upstreams import CLIENT_ID, Upstream, upstream

pytestmark = pytest.mark.anyio
one_engine = pytest.mark.one_engine("what is refused is decided above the store")
SETTINGS: dict[str, Any] = {
    "registration": "open",
    "sign_in_rate_per_minute": 1_000_000,
    "revocation_rate_per_minute": 1_000_000,
}


@pytest.fixture(scope="module")
async def place(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("site"), **SETTINGS) as place:
        yield place


@pytest.fixture(scope="module")
async def theirs(place: Installation) -> AsyncIterator[Upstream]:
    async with provided(place) as it:
        yield it


@pytest.fixture(scope="module")
async def others(place: Installation) -> AsyncIterator[Upstream]:
    """Another provider, which is the attacker's own."""
    async with provided(place, "others") as it:
        yield it


@pytest.fixture
async def browser(place: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    async with place.browser() as browser:
        yield browser


@pytest.fixture
async def another(place: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    async with place.browser() as another:
        yield another


async def came(browser: httpx2.AsyncClient, theirs: Upstream, sid: str, subject: str = "") -> str:
    """Somebody comes in by a provider, in a session there; gives the provider's name for them."""
    subject = subject or secrets.token_hex(6)
    email = f"{subject}@example.com"
    theirs.sign_in(subject, sid=sid, email=email, email_verified=True, name="Grace")
    await come(browser)
    assert await is_in(browser)
    return subject


def token(theirs: Upstream, typ: str = TYPE, **changed: Any) -> str:
    """As the provider signs them; ``None`` leaves a claim out."""
    now = int(theirs.clock())
    claims = {
        "iss": theirs.issuer,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 120,
        "jti": secrets.token_hex(8),
        "events": {EVENT: {}},
    } | changed
    told = {name: value for name, value in claims.items() if value is not None}
    return jwt.sign(told, theirs.key, typ)


async def tell(place: Installation, logout_token: str, provider_id: str = "theirs") -> int:
    async with place.browser() as provider:
        form = {"logout_token": logout_token}
        answer = await provider.post(f"/backchannel-logout/{provider_id}", data=form)
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code


async def test_whoever_signs_out_there_is_signed_out_here(
    place: Installation,
    theirs: Upstream,
    browser: httpx2.AsyncClient,
    another: httpx2.AsyncClient,
):
    """S114: that session, and no other of theirs; apps are told in turn, and tokens end."""
    subject = await came(browser, theirs, "one")
    await came(another, theirs, "two", subject)
    with receiver() as listening:
        await place.add_client(
            f"app-{subject}",
            grant_types=("authorization_code", "refresh_token"),
            redirect_uris=(CALLBACK,),
            scopes=frozenset({"openid", "notes:read"}),
            backchannel_logout_uri=listening.url,
        )
        tokens = await Person(place, browser).tokens(f"app-{subject}")
        assert await tell(place, token(theirs, sub=subject, sid="one")) == 200
        assert await asyncio.to_thread(listening.next)
    assert not await is_in(browser)
    assert await is_in(another)
    said = (await place.post("/introspect", f"app-{subject}", token=tokens["access_token"])).json()
    assert said == {"active": False}
    query = EventQuery(kind=EventKind.SESSION_ENDED, actor="provider:theirs")
    ended = await place.authority.store.read(lambda tx: tx.events.find(query))
    assert ended[0].proof == "provider:theirs"


@pytest.mark.parametrize("typ", [TYPE, "JWT"])
async def test_without_a_session_all_that_somebody_began_by_it_end(
    place: Installation,
    theirs: Upstream,
    browser: httpx2.AsyncClient,
    another: httpx2.AsyncClient,
    typ: str,
):
    subject = await came(browser, theirs, "one")
    await came(another, theirs, "", subject)
    assert await tell(place, token(theirs, typ, sub=subject)) == 200
    assert not await is_in(browser)
    assert not await is_in(another)


async def test_a_session_whose_name_there_was_not_said_ends_with_its_person(
    place: Installation, theirs: Upstream, browser: httpx2.AsyncClient
):
    """A provider that names sessions in its logout tokens alone: nobody stays who should go."""
    subject = secrets.token_hex(6)
    theirs.sign_in(subject, email=f"{subject}@example.com", email_verified=True)
    await come(browser)
    assert await is_in(browser)
    assert await tell(place, token(theirs, sub=subject, sid="one")) == 200
    assert not await is_in(browser)


async def test_a_session_is_known_by_its_name_alone_too(
    place: Installation,
    theirs: Upstream,
    browser: httpx2.AsyncClient,
    another: httpx2.AsyncClient,
):
    sid = secrets.token_hex(8)
    await came(browser, theirs, sid)
    await came(another, theirs, "")
    assert await tell(place, token(theirs, sid=sid)) == 200
    assert not await is_in(browser)
    assert await is_in(another)


async def test_nobody_else_is_signed_out(
    place: Installation, theirs: Upstream, others: Upstream, browser: httpx2.AsyncClient
):
    """Not by another's name, and not by a provider that calls its own by the names of the first."""
    sid = secrets.token_hex(8)
    subject = await came(browser, theirs, sid)
    assert await tell(place, token(theirs, sub="another", sid=sid)) == 200
    assert await tell(place, token(theirs, sub=subject, sid="another")) == 200
    assert await tell(place, token(others, sub=subject, sid=sid), "others") == 200
    assert await tell(place, token(others, sid=sid), "others") == 200
    assert await tell(place, token(others, sub=subject, sid=sid)) == 400
    assert await tell(place, token(others, iss=theirs.issuer, sub=subject)) == 400
    assert await tell(place, token(theirs, sub=subject, sid=sid), "others") == 400
    assert await is_in(browser)


async def test_what_the_same_person_began_by_a_password_stays(
    place: Installation, theirs: Upstream, browser: httpx2.AsyncClient
):
    """It is none of the provider's affair, although the two are linked."""
    subject = secrets.token_hex(6)
    user = await place.add_user(f"{subject}@example.com")
    theirs.sign_in(subject, sid="one", email="", name="Grace")
    async with place.browser() as own:
        await Person(place, own, user.email, user.id).tokens()
        assert (await link(own)).status_code == 303
        await came(browser, theirs, "one", subject)
        assert await tell(place, token(theirs, sub=subject)) == 200
        assert await is_in(own)
    assert not await is_in(browser)


FORGERIES: dict[str, dict[str, Any]] = {
    "an ID token": {"events": None, "nonce": "n"},
    "with a nonce": {"nonce": "n"},
    "of no event": {"events": {}},
    "of another event": {"events": {"https://example.com/other": {}}},
    "for another client": {"aud": "another"},
    "for several": {"aud": [CLIENT_ID, "another"]},
    "expired": {"exp": 1_000_000_000},
    "of tomorrow": {"iat": 4_000_000_000, "exp": 4_000_000_060},
    "for ever": {"exp": 4_000_000_000},
    "of nobody": {"sub": None},
    "without a name": {"jti": None},
    "without an issuer": {"iss": None},
    "of another issuer": {"iss": "https://elsewhere.example"},
}


@one_engine
@pytest.mark.parametrize("how", FORGERIES)
async def test_what_is_no_logout_token_ends_nothing(
    place: Installation, theirs: Upstream, browser: httpx2.AsyncClient, how: str
):
    subject = await came(browser, theirs, "")
    assert await tell(place, token(theirs, **({"sub": subject} | FORGERIES[how]))) == 400
    assert await is_in(browser)


@one_engine
async def test_what_the_provider_did_not_sign_ends_nothing(
    place: Installation, theirs: Upstream, browser: httpx2.AsyncClient
):
    subject = await came(browser, theirs, "")
    good = token(theirs, sub=subject)
    head, claims, signature = good.split(".")
    kid = jwt.unverified_header(good)["kid"]
    none = jwt.sign({}, theirs.key, TYPE).split(".")[0]
    own = replace(PrivateKey.generate("ES256").public)
    assert own.kid != kid
    forged = jwt.sign(jwt.unverified_claims(good), PrivateKey.generate("ES256"), TYPE)
    wrong = [
        forged,
        f"{head}.{claims}.",
        f"{head}.{claims}.{signature[::-1]}",
        f"{none}.{claims}.{signature}"[:-4],
        "eyJhbGciOiJub25lIn0." + claims + ".",
        token(theirs, "at+jwt", sub=subject),
        "x",
        "",
    ]
    assert {await tell(place, each) for each in wrong} == {400}
    assert await is_in(browser)
    assert await tell(place, good) == 200


async def test_each_token_is_good_once(
    place: Installation, theirs: Upstream, browser: httpx2.AsyncClient
):
    """Of many at once, too: whoever has copied one does not sign a person out again and again."""
    subject = await came(browser, theirs, "")
    once = token(theirs, sub=subject)
    answers = await asyncio.gather(*(tell(place, once) for _ in range(8)))
    assert sorted(answers) == [200] + [400] * 7
    await came(browser, theirs, "", subject)
    assert await tell(place, once) == 400
    assert await is_in(browser)


@one_engine
async def test_a_flood_of_tokens_asks_the_provider_for_nothing(
    place: Installation, theirs: Upstream, browser: httpx2.AsyncClient
):
    """Whoever names keys that are not there makes us fetch them seldom, and never for nonsense."""
    await came(browser, theirs, "")
    place.clock.turn(COOLDOWN + 1)
    before = theirs.fetched["/jwks"]
    for _ in range(30):
        stranger = PrivateKey.generate("ES256")
        await tell(place, jwt.sign({"iss": theirs.issuer, "sub": "x"}, stranger, TYPE))
        await tell(place, jwt.sign({"iss": "https://nobody.example"}, stranger, TYPE))
    assert theirs.fetched["/jwks"] <= before + 1


@one_engine
async def test_while_its_keys_cannot_be_had_a_provider_is_asked_for_them_seldom(tmp_path: Path):
    async with (
        installed(tmp_path, revocation_rate_per_minute=1_000) as place,
        upstream(Upstream, place.clock) as it,
    ):
        await add_provider(place, it)
        it.jwks = {"keys": "none"}
        assert {await tell(place, token(it, sub="x")) for _ in range(20)} == {503}
        assert it.fetched["/jwks"] == 1
        it.jwks = None
        place.clock.turn(COOLDOWN)
        assert await tell(place, token(it, sub="x")) == 200


@one_engine
async def test_who_comes_too_often_is_told_to_wait(tmp_path: Path):
    async with (
        installed(tmp_path, revocation_rate_per_minute=5) as place,
        upstream(Upstream, place.clock) as it,
    ):
        await add_provider(place, it)
        answers = [await tell_any(place) for _ in range(8)]
    assert answers[-1] == 429


async def tell_any(place: Installation) -> int:
    async with place.browser() as anyone:
        form = {"logout_token": "x"}
        return (await anyone.post("/backchannel-logout/theirs", data=form)).status_code


@one_engine
async def test_where_there_is_no_such_provider_nothing_is_learnt(
    place: Installation, theirs: Upstream
):
    assert await tell(place, token(theirs, sub="x"), "nobody") == 400
    async with place.browser() as anyone:
        assert (await anyone.get("/backchannel-logout/theirs")).status_code == 405
        assert (await anyone.post("/backchannel-logout/theirs", data={})).status_code == 400


@one_engine
async def test_a_provider_whose_keys_cannot_be_had_is_asked_to_come_again(
    tmp_path: Path,
):
    async with installed(tmp_path) as place:
        async with upstream(Upstream, place.clock) as it:
            await add_provider(place, it)
            gone = token(it, sub="x")
        assert await tell(place, gone) == 503
