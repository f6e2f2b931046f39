"""RFC 9068: the access token is a JWT that anybody's library can check."""

import jwt as pyjwt
import pytest
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt

from counterfoil.jose.jwt import unverified_claims, unverified_header
from tests.installation import NOTES, Installation, Person, token_request

pytestmark = pytest.mark.anyio


async def jwks(place: Installation) -> dict[str, object]:
    async with place.browser() as anyone:
        return dict((await anyone.get("/jwks.json")).json())


async def test_the_header_names_type_and_key(place: Installation):
    """§2.1: typ at+jwt and an asymmetric algorithm; S86: ES256, which is strong."""
    header = unverified_header(await place.service_token())
    assert header.keys() == {"typ", "alg", "kid"}
    assert header["typ"] == "at+jwt"
    assert header["alg"] == "ES256"
    assert header["kid"] in {key["kid"] for key in (await jwks(place))["keys"]}


async def test_all_required_claims_are_there(place: Installation):
    """§2.2; S59: iss names who made it; S60: jti; S63: scope and expiry in a signed token."""
    claims = unverified_claims(await place.service_token(scope="notes:read"))
    now = int(place.clock())
    assert claims["iss"] == place.issuer
    assert claims["aud"] == NOTES
    assert claims["sub"] == claims["client_id"] == "service"
    assert claims["iat"] == now
    assert claims["exp"] == now + place.authority.settings.access_token_lifetime
    assert claims["scope"] == "notes:read"
    assert len(str(claims["jti"])) == 22


async def test_no_two_tokens_share_an_identifier(place: Installation, person: Person):
    """§2.2 jti; S60: also under one grant."""
    tokens = [await place.service_token() for _ in range(20)]
    tokens.append((await person.tokens())["access_token"])
    tokens.append((await person.tokens())["access_token"])
    assert len({str(unverified_claims(token)["jti"]) for token in tokens}) == len(tokens)


async def test_a_persons_token_says_who_and_when_they_signed_in(
    place: Installation, person: Person
):
    """§2.2, §2.2.1: sub is the person, auth_time the sign-in; S59: client_id names the app."""
    claims = unverified_claims((await person.tokens())["access_token"])
    assert claims["sub"] == person.user_id
    assert claims["client_id"] == "app"
    assert claims["auth_time"] == int(place.clock())


async def test_auth_time_stays_over_a_refresh(place: Installation, person: Person):
    """§2.2.1: it does not change when tokens are issued anew."""
    tokens = await person.tokens()
    signed_in_at = int(place.clock())
    place.clock.turn(600)
    answer = await token_request(
        place, "app", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    claims = unverified_claims(answer.json()["access_token"])
    assert claims["auth_time"] == signed_in_at
    assert claims["iat"] == signed_in_at + 600


async def test_nothing_personal_stands_in_it(place: Installation, person: Person):
    """§5, §6: whoever holds it can read it."""
    tokens = await person.tokens(scope="openid email profile notes:read")
    claims = unverified_claims(tokens["access_token"])
    assert {"email", "name"}.isdisjoint(claims)
    assert person.email not in str(claims)


async def test_other_peoples_libraries_verify_it(place: Installation):
    """§4; S65: three parts and a published key are all that PyJWT and joserfc need."""
    token = await place.service_token()
    assert token.count(".") == 2
    keys = await jwks(place)
    kid = str(unverified_header(token)["kid"])
    key = pyjwt.PyJWKSet.from_dict(keys)[kid]
    # Our clock stands elsewhere, so times are judged by hand.
    ours = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    claims = pyjwt.decode(
        token, key, algorithms=["ES256"], audience=NOTES, issuer=place.issuer, options=ours
    )
    theirs = joserfc_jwt.decode(token, joserfc_jwk.KeySet.import_key_set(keys), ["ES256"])
    assert claims == theirs.claims == unverified_claims(token)


async def test_no_private_half_is_ever_published(place: Installation):
    """§4, RFC 7517 §9.2."""
    async with place.browser() as anyone:
        for path in ("/jwks.json", "/notices/jwks.json"):
            for key in (await anyone.get(path)).json()["keys"]:
                assert {"d", "p", "q", "dp", "dq", "qi", "k"}.isdisjoint(key)
                assert {"kty", "kid", "use", "alg"} <= key.keys()
                assert key["use"] == "sig"


async def test_keys_of_the_feed_are_no_keys_of_tokens(place: Installation):
    """§4; S75: neither can pass for the other."""
    async with place.browser() as anyone:
        feed = {key["kid"] for key in (await anyone.get("/notices/jwks.json")).json()["keys"]}
    tokens = {key["kid"] for key in (await jwks(place))["keys"]}
    assert feed
    assert tokens
    assert feed.isdisjoint(tokens)
