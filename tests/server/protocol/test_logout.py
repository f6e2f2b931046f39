"""A logout request: whose app asks, whom it means, where to go (RP-Initiated Logout §2, §3)."""

import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import Signer
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.id_token import TYPE, IdToken
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol import logout
from counterfoil.server.protocol.logout import LogoutRequest
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.signing_key import Purpose
from tests.installation import Installation

pytestmark = pytest.mark.anyio

BYE = "https://app.example/bye"
SESSION = Session(
    id="s", digest=b"", user_id="u", auth_time=1, last_used_at=1, expires_at=2, origin=Origin()
)


def hint(place: Installation, typ: str = TYPE, **members: object) -> str:
    claims = IdToken(iss=place.issuer, sub="u", aud="app", exp=1, iat=0, auth_time=0, sid="s")
    keyring = place.authority.keyring
    signer = keyring.signer(Purpose.TOKENS, typ, int(place.clock()))
    return signer.sign(replace(claims, **members))


async def read(place: Installation, **form: str) -> LogoutRequest:
    authority = place.authority
    return await authority.store.read(lambda tx: logout.read(authority, tx, Parameters(form, {})))


async def test_an_id_token_names_app_and_session(place: Installation):
    asked = await read(place, id_token_hint=hint(place))
    assert asked.client is not None
    assert asked.client.client_id == "app"
    assert asked.means(SESSION)
    assert not asked.means(replace(SESSION, id="other"))


async def test_an_id_token_without_a_session_means_none(place: Installation):
    asked = await read(place, id_token_hint=hint(place, sid=None))
    assert not asked.means(SESSION)
    assert not (await read(place)).means(SESSION)


async def test_state_is_added_to_the_registered_uri(place: Installation):
    asked = await read(place, client_id="app", post_logout_redirect_uri=BYE, state="a&b")
    assert asked.return_to == BYE + "?state=a%26b"
    asked = await read(place, client_id="app", post_logout_redirect_uri=BYE)
    assert asked.return_to == BYE
    assert (await read(place, state="x")).return_to is None


async def refusal(place: Installation, **form: str) -> None:
    with pytest.raises(OAuthError) as refused:
        await read(place, **form)
    assert refused.value.error == "invalid_request"


async def test_what_does_not_fit_is_refused(place: Installation):
    await refusal(place, id_token_hint="x")
    await refusal(place, id_token_hint=hint(place, typ="at+jwt"))
    await refusal(place, id_token_hint=hint(place, iss="https://other.example"))
    await refusal(place, id_token_hint=hint(place), client_id="spa")
    await refusal(place, id_token_hint=hint(place, aud="nobody"))
    await refusal(place, client_id="nobody")
    await refusal(place, post_logout_redirect_uri=BYE)
    await refusal(place, client_id="app", post_logout_redirect_uri=BYE + "/")


async def test_an_id_token_whose_key_has_gone_counts_as_none(place: Installation):
    """§2: an app may keep it longer than the key is published; then the person is asked."""
    claims = IdToken(iss=place.issuer, sub="u", aud="spa", exp=1, iat=0, auth_time=0, sid="s")
    old = Signer(PrivateKey.generate("ES256"), TYPE).sign(claims)
    asked = await read(place, id_token_hint=old)
    assert asked == LogoutRequest(None, None, None)
    asked = await read(place, id_token_hint=old, client_id="app", post_logout_redirect_uri=BYE)
    assert asked.client is not None
    assert asked.client.client_id == "app"
    assert asked.return_to == BYE
    assert not asked.means(SESSION)
    await refusal(place, id_token_hint=old, post_logout_redirect_uri=BYE)


@pytest.mark.parametrize(("uri", "joint"), [("a", "?"), ("b?", ""), ("c?x=1", "&"), ("d?x=1&", "")])
async def test_state_joins_the_query_that_the_uri_has(place: Installation, uri: str, joint: str):
    """§3."""
    registered = f"https://app.example/{uri}"
    await place.add_client(
        f"bye-{uri[0]}",
        grant_types=("authorization_code",),
        redirect_uris=("https://app.example/callback",),
        post_logout_redirect_uris=(registered,),
    )
    form = {"client_id": f"bye-{uri[0]}", "post_logout_redirect_uri": registered}
    assert (await read(place, **form, state="s")).return_to == f"{registered}{joint}state=s"
