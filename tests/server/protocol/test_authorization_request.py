"""The authorization request: who may be answered, and what is then checked."""

import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import Signer
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.id_token import TYPE, IdToken
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol import authorization_request, revocation
from counterfoil.server.protocol.authorization_request import CHECKS, PROMPTS, Denied
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.signing_key import Purpose
from tests.installation import CALLBACK, NOTES, Installation

pytestmark = pytest.mark.anyio

WHOLE = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": CALLBACK,
    "scope": "openid notes:read",
    "state": "s",
    "nonce": "n",
    "code_challenge": "c" * 43,
    "code_challenge_method": "S256",
    "prompt": "login consent",
    "max_age": "60",
    "login_hint": "ada",
}


async def read(place: Installation, **changed: str | None) -> Pending | Denied:
    single = {name: value for name, value in (WHOLE | changed).items() if value is not None}
    parameters = Parameters(single, {})
    authority = place.authority
    return await authority.store.read(
        lambda tx: authorization_request.read(authority, tx, parameters)
    )


async def test_a_request_that_passes_every_check(place: Installation):
    assert await read(place) == Pending(
        client_id="app",
        redirect_uri=CALLBACK,
        code_challenge="c" * 43,
        access=Access({NOTES: frozenset({"notes:read"})}, frozenset({"openid"})),
        requested_at=int(place.clock()),
        state="s",
        nonce="n",
        prompt=frozenset({"login", "consent"}),
        max_age=60,
        login_hint="ada",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"redirect_uri": "https://evil.example"},
    ],
)
async def test_who_cannot_be_trusted_is_not_answered(
    place: Installation, changed: dict[str, str | None]
):
    """RFC 6749 §4.1.2.1: raised, so that a page is shown."""
    with pytest.raises(OAuthError) as refused:
        await read(place, **changed)
    assert next(iter(changed)) in refused.value.description


@pytest.mark.parametrize(
    ("changed", "error", "named"),
    [
        ({"response_type": None}, "invalid_request", "response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type", "response_type"),
        ({"response_mode": "form_post"}, "invalid_request", "response_mode"),
        ({"code_challenge": None}, "invalid_request", "code_challenge"),
        ({"code_challenge_method": "plain"}, "invalid_request", "code_challenge_method"),
        ({"code_challenge": "x"}, "invalid_request", "code_challenge"),
        ({"scope": None}, "invalid_scope", "scope"),
        ({"scope": "nothing"}, "invalid_scope", "nothing"),
        ({"prompt": "none login"}, "invalid_request", "prompt"),
        ({"prompt": "create"}, "invalid_request", "prompt"),
        ({"max_age": "soon"}, "invalid_request", "max_age"),
        ({"request": "x"}, "request_not_supported", "request"),
        ({"request_uri": "x"}, "request_uri_not_supported", "request_uri"),
        ({"registration": "x"}, "registration_not_supported", "registration"),
        ({"state": "s" * 2049}, "invalid_request", "state"),
        ({"nonce": "n" * 2049}, "invalid_request", "nonce"),
        ({"login_hint": "h" * 2049}, "invalid_request", "login_hint"),
    ],
)
async def test_what_fails_a_check_goes_back_with_its_name(
    place: Installation, changed: dict[str, str | None], error: str, named: str
):
    """RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6."""
    denied = await read(place, **changed)
    assert isinstance(denied, Denied)
    assert denied.error.error == error
    assert named in denied.error.description
    assert denied.asking.redirect_uri == CALLBACK


async def test_a_client_without_the_grant_type_is_refused(place: Installation):
    """RFC 6749 §4.1.2.1: unauthorized_client. A service has no redirect URI to begin with."""
    with pytest.raises(OAuthError, match="redirect_uri"):
        await read(place, client_id="service")


async def test_a_disabled_client_is_not_known(place: Installation):
    await place.add_client(
        "closed",
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK,),
    )
    store = place.authority.store
    await store.transact(lambda tx: revocation.disable_client(tx, "closed", CLI))
    with pytest.raises(OAuthError, match="client_id"):
        await read(place, client_id="closed")


async def test_of_several_redirect_uris_one_must_be_named(place: Installation):
    """RFC 6749 §3.1.2.3."""
    await place.add_client(
        "several",
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK, CALLBACK + "2"),
        scopes=frozenset({"openid", "notes:read"}),
    )
    with pytest.raises(OAuthError, match="redirect_uri"):
        await read(place, client_id="several", redirect_uri=None)
    assert isinstance(await read(place, client_id="several"), Pending)


async def test_checks_and_prompts_are_tables(place: Installation):
    assert len(set(CHECKS)) == len(CHECKS)
    assert {"none", "login", "consent", "select_account"} == PROMPTS


def hint(place: Installation, signer: Signer | None = None, **members: object) -> str:
    claims = IdToken(iss=place.issuer, sub="ada", aud="app", exp=1, iat=0, auth_time=0)
    ours = place.authority.keyring.signer(Purpose.TOKENS, TYPE, int(place.clock()))
    return (signer or ours).sign(replace(claims, **members))


async def test_the_id_token_names_whom_the_app_means(place: Installation):
    """OpenID Connect Core §3.1.2.1: id_token_hint, expired or not."""
    pending = await read(place, id_token_hint=hint(place))
    assert isinstance(pending, Pending)
    assert pending.subject_hint == "ada"


async def test_an_id_token_that_is_not_the_apps_own_goes_back(place: Installation):
    """OpenID Connect Core §3.1.2.1: the server validates that it was the issuer."""
    for wrong in ("x", hint(place, aud="spa"), hint(place, iss="x")):
        denied = await read(place, id_token_hint=wrong)
        assert isinstance(denied, Denied)
        assert denied.error.error == "invalid_request"
        assert "id_token_hint" in denied.error.description


async def test_an_id_token_whose_key_has_gone_answers_for_nobody(place: Installation):
    """An app that keeps its last ID token is not shut out when the keys turn."""
    stranger = Signer(PrivateKey.generate("ES256"), TYPE)
    pending = await read(place, id_token_hint=hint(place, stranger))
    assert isinstance(pending, Pending)
    assert pending.subject_hint is None
    denied = await read(place, id_token_hint=hint(place, stranger), prompt="none")
    assert isinstance(denied, Denied)
    assert denied.error.error == "login_required"
