"""Sign-in at an OpenID Provider, against one on a real port that lies where it is told to."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from msgspec.structs import replace

from counterfoil.client.errors import NotTrusted
from counterfoil.jose import jwt
from counterfoil.jose.keys import PrivateKey
from counterfoil.net.exchange import AsyncSender
from counterfoil.net.http import BadAnswer
from counterfoil.oauth.opaque import Secret
from counterfoil.server.records.provider import POST, Provider, ProviderKind, ProviderPolicy
from counterfoil.server.upstream import openid
from counterfoil.server.upstream.arrival import Answered, Arrival, Asked
from counterfoil.server.upstream.issuer import Issuer
from tests.installation import Clock
from tests.upstreams import CLIENT_ID, CLIENT_SECRET, Upstream, upstream

pytestmark = pytest.mark.anyio
BACK = "https://id.example/sign-in/from/theirs"


class Relying:
    """We, as the client of a provider."""

    def __init__(self, theirs: Upstream, sender: AsyncSender) -> None:
        self.theirs, self.sender = theirs, sender
        self.issuer = Issuer(theirs.issuer, theirs.clock)
        provider = Provider(
            id="theirs",
            kind=ProviderKind.OIDC,
            name="Theirs",
            issuer=theirs.issuer,
            client_id=CLIENT_ID,
            sealed_secret=b"",
            created_at=0,
        )
        self.asked = Asked(
            provider=provider,
            secret=Secret(CLIENT_SECRET),
            redirect_uri=BACK,
            nonce="a nonce",
            code_verifier="v" * 43,
        )

    def policy(self, **members: Any) -> None:
        provider = replace(self.asked.provider, policy=ProviderPolicy(**members))
        self.asked = replace(self.asked, provider=provider)

    async def answered(self, **further: str) -> Answered:
        metadata = await self.sender.run(self.issuer.metadata())
        url = openid.authorization_url(metadata, self.asked, "a state", further)
        async with httpx2.AsyncClient(trust_env=False) as browser:
            answer = await browser.get(url)
        back = parse_qs(urlsplit(answer.headers["location"]).query)
        assert back["state"] == ["a state"]
        return Answered(back["code"][0], back["iss"][0] if "iss" in back else None)

    async def arrive(self) -> Arrival:
        answered = await self.answered()
        return await self.redeem(answered)

    async def redeem(self, answered: Answered) -> Arrival:
        now = self.theirs.clock()
        return await self.sender.run(openid.arrive(self.issuer, self.asked, answered, now))


@pytest.fixture
async def we() -> AsyncIterator[Relying]:
    async with upstream(Upstream, Clock()) as theirs, AsyncSender() as sender:
        theirs.sign_in("grace", email="grace@example.com", email_verified=True, name="Grace")
        yield Relying(theirs, sender)


async def test_somebody_arrives_with_what_the_provider_says_of_them(we: Relying):
    """S112."""
    we.theirs.claims = {"amr": ["pwd", "otp"], "acr": "urn:mfa", "sid": "there"}
    arrival = await we.arrive()
    assert (arrival.issuer, arrival.subject) == (we.theirs.issuer, "grace")
    assert (arrival.email, arrival.email_verified, arrival.name) == (
        "grace@example.com",
        True,
        "Grace",
    )
    assert arrival.words == {"pwd", "otp", "urn:mfa"}
    assert (arrival.auth_time, arrival.sid) == (we.theirs.auth_time, "there")
    assert arrival.tokens is not None
    assert "grace" not in repr(arrival)
    asked = we.theirs.asked[0]
    assert (asked["code_challenge_method"], asked["nonce"]) == ("S256", "a nonce")
    assert asked["scope"].split()[0] == "openid"


async def test_the_secret_goes_into_the_form_where_that_is_wanted(we: Relying):
    we.policy(authentication=POST)
    assert (await we.arrive()).subject == "grace"
    we.asked = replace(we.asked, secret=Secret("wrong"))
    with pytest.raises(BadAnswer) as refused:
        await we.arrive()
    assert refused.value.status == 401
    assert "wrong" not in str(refused.value)


async def test_what_the_id_token_leaves_out_userinfo_says_of_the_same_person_alone(we: Relying):
    we.theirs.claims = {"email": None, "email_verified": None}
    assert (await we.arrive()).email == "grace@example.com"
    we.theirs.person["sub"] = "mallory"
    we.theirs.claims["sub"] = "grace"
    with pytest.raises(NotTrusted, match="another person"):
        await we.arrive()


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": ["us", "another"]},
        {"aud": ["us", "another"], "azp": "another"},
        {"azp": "another"},
        {"iss": "https://another.example"},
        {"nonce": None},
        {"nonce": "another"},
        {"exp": 1_799_999_000},
        {"iat": 1_800_001_000},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": "a\0b"},
        {"sub": None},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"auth_time": None},
        {"auth_time": 1_800_001_000},
    ],
    ids=str,
)
async def test_an_id_token_that_is_not_of_this_sign_in_is_refused(
    we: Relying, claims: dict[str, Any]
):
    we.theirs.claims = claims
    with pytest.raises(NotTrusted):
        await we.arrive()


async def test_what_cannot_be_shown_or_stored_was_not_said(we: Relying):
    """A text with a zero is none to PostgreSQL, and one that turns its line hides what it says."""
    said = {"name": "a\0b", "email": "a\u202eb@example.com", "sid": "\0"}
    we.theirs.claims = said
    arrival = await we.arrive()
    assert (arrival.name, arrival.email, arrival.sid) == ("", None, "")


def unsigned(token: str) -> str:
    header = urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def by_our_secret(token: str) -> str:
    header = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    signed = f"{header}.{token.split('.')[1]}"
    mac = hmac.digest(CLIENT_SECRET.encode(), signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def by_another_key(token: str) -> str:
    return jwt.sign(jwt.unverified_claims(token), PrivateKey.generate("ES256"), "JWT")


def altered(token: str) -> str:
    header, payload, signature = token.split(".")
    claims = jwt.unverified_claims(token) | {"sub": "mallory"}
    payload = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{header}.{payload}.{signature}"


@pytest.mark.parametrize("spoil", [unsigned, by_our_secret, by_another_key, altered])
async def test_an_id_token_that_the_provider_did_not_sign_is_refused(we: Relying, spoil: Any):
    """`none`, HS256 with our own secret, another key, another payload."""
    we.theirs.spoilt = spoil
    with pytest.raises(NotTrusted):
        await we.arrive()


@pytest.mark.parametrize("iss", [None, "https://another.example", ""])
async def test_a_code_with_another_issuer_or_none_is_sent_nowhere(we: Relying, iss: str | None):
    """RFC 9207: mixing providers up brings an attacker no code."""
    we.theirs.answer = {"iss": iss}
    answered = await we.answered()
    with pytest.raises(NotTrusted):
        await we.redeem(answered)
    assert "/token" not in we.theirs.fetched


async def test_a_code_is_good_once(we: Relying):
    answered = await we.answered()
    await we.redeem(answered)
    with pytest.raises(BadAnswer):
        await we.redeem(answered)


async def test_who_had_to_sign_in_anew_must_have(we: Relying):
    since = int(we.theirs.clock())
    we.asked = replace(we.asked, since=since)
    assert (await we.arrive()).auth_time == since
    we.theirs.auth_time = since - 60
    with pytest.raises(NotTrusted, match="anew"):
        await we.arrive()
    we.policy(dates_sign_ins=False)
    assert (await we.arrive()).auth_time == since - 60


async def test_a_key_without_an_algorithm_signs_rs256_and_nothing_else(we: Relying):
    """As Microsoft publishes them: the token does not choose."""
    we.theirs.key = PrivateKey.generate("RS256")
    public = we.theirs.key.public.as_jwk()
    we.theirs.jwks = {"keys": [{name: v for name, v in public.items() if name != "alg"}]}
    assert (await we.arrive()).subject == "grace"
    forged = PrivateKey.of(we.theirs.key.native, "PS256", we.theirs.key.public.kid)
    we.theirs.spoilt = lambda token: jwt.sign(jwt.unverified_claims(token), forged, "JWT")
    with pytest.raises(NotTrusted):
        await we.arrive()


def test_hashes_are_those_of_the_algorithms():
    assert openid._HASHES["ES256"] is hashlib.sha256
    assert openid._HASHES["EdDSA"] is hashlib.sha512
